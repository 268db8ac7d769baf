"""Tiny checkpoints that are the same on every machine: shapes from a fixture, values from a frozen generator."""

import json
import math
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from safetensors.numpy import save_file

FIXTURES = Path(__file__).parent / "fixtures"
VOCAB_SIZE = 64
# In the metadata of a traced graph: which tensor of the checkpoint each weight is, and whether it is transposed.
WEIGHTS_KEY = "weights"
SPECIAL_TOKENS = ("<unk>", "<s>", "</s>", "<pad>", "[PREFIX]", "[MIDDLE]", "[SUFFIX]")


@dataclass(frozen=True, slots=True)
class TinyModel:
    """A config.json and the shapes of all tensors, as transformers saves them."""

    name: str
    config: dict[str, object]
    shapes: dict[str, tuple[int, ...]]

    def write(self, folder: Path) -> Path:
        """Make the checkpoint folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config))
        save_file({name: values(name, shape) for name, shape in self.shapes.items()}, folder / "model.safetensors")
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json()))
        return folder


def read_tiny(name: str) -> TinyModel:
    raw = json.loads((FIXTURES / f"{name}.json").read_text())
    return TinyModel(name, raw["config"], {key: tuple(shape) for key, shape in raw["shapes"].items()})


def read_reference(name: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Tokens [n] and the logits [n, vocab] that transformers computes for them."""
    stored = np.load(FIXTURES / f"{name}.npz")
    return stored["tokens"], stored["logits"]


def read_traced(name: str) -> onnx.ModelProto:
    """The graph that optimum traced of a checkpoint, its weights made anew."""
    graph = onnx.load(FIXTURES / f"{name}.traced.onnx")
    weights = json.loads(next(each.value for each in graph.metadata_props if each.key == WEIGHTS_KEY))
    shapes = read_tiny(name).shapes
    for each in graph.graph.initializer:
        if each.name in weights:
            source, is_transposed = weights[each.name]
            value = values(source, shapes[source])
            each.raw_data = np.ascontiguousarray(value.T if is_transposed else value).tobytes()
    return graph


def names() -> list[str]:
    return sorted(path.stem for path in FIXTURES.glob("*.npz"))


def values(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Weights large enough that logits spread; RandomState's stream is frozen by numpy's promise."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    noise = random.standard_normal(shape).astype(np.float32)
    if "norm" in name and len(shape) == 1:
        return 0.1 * noise if name.endswith("bias") else 1 + 0.1 * noise
    if len(shape) < 2:
        return 0.2 * noise
    if "embed" in name:
        return noise
    return noise * np.float32(1.5 / math.sqrt(shape[-1]))


def tokenizer_json() -> dict[str, object]:
    """The least that the tokenizers library accepts: a few special tokens and the ASCII letters."""
    letters = [chr(code) for code in range(97, 97 + VOCAB_SIZE - len(SPECIAL_TOKENS) - 31)]
    vocab = {token: index for index, token in enumerate((*SPECIAL_TOKENS, *letters))}
    added = [
        {"id": index, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
        | {"special": True}
        for index, token in enumerate(SPECIAL_TOKENS)
    ]
    model = {"type": "BPE", "vocab": vocab, "merges": [], "unk_token": "<unk>"}
    absent = dict.fromkeys(("truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"))
    return {"version": "1.0", **absent, "added_tokens": added, "model": model}
