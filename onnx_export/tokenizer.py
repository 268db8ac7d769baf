"""The tokenizer of a bundle: one tokenizer.json, the tokens that end a text, and the prompt formats that it knows."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from devstral_ls.engine.manifest import TOKENIZER_NAME
from onnx_export.checkpoint import Settings, read_json, require_inside
from onnx_export.errors import TokenizerError, Unsupported
from onnx_export.vocabularies.sentencepiece import read_sentencepiece
from onnx_export.vocabularies.tekken import read_tekken

# Other files that a tokenizer.json can be made from, best first.
SOURCES: dict[str, Callable[[Path], Tokenizer]] = {
    "tekken.json": read_tekken,
    "tokenizer.model": read_sentencepiece,
    "tokenizer.model.v3": read_sentencepiece,
}

# Infill formats of `devstral_ls.engine.prompts` by the markers that must each be one token, most particular first.
INFILL_MARKERS = {
    "mistral": ("[SUFFIX]", "[PREFIX]", "[FILE]"),
    "codestral": ("[SUFFIX]", "[PREFIX]"),
    "qwen": ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>"),
    "granite": ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    "starcoder2": ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>"),
    "deepseek": ("<\uff5cfim\u2581begin\uff5c>", "<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581end\uff5c>"),
    "codellama": ("\u2581<PRE>", "\u2581<SUF>", "\u2581<MID>"),
}
# Chat formats of the same module: markers that must each be one token, and what a chat template of theirs says, most
# particular first.
CHAT_SIGNS = {
    "mistral": (("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[INST]", "[/INST]"), ("[SYSTEM_PROMPT]", "[INST]")),
    "mistral-plain": (("[INST]", "[/INST]"), ("[INST]",)),
    "chatml": (("<|im_start|>", "<|im_end|>"), ("<|im_start|>", "<|im_end|>")),
    "llama3": (("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"), ("<|start_header_id|>", "<|eot_id|>")),
    "granite": (("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"), ("<|start_of_role|>",)),
    "deepseek": ((), ("User: ", "Assistant:")),
}
TEMPLATE_NAME = "chat_template.jinja"
# Their vocabularies reserve the markers, but nothing says that the models were trained on them.
NOT_TRAINED_TO_INFILL = frozenset({"ministral3", "mistral4"})


@dataclass(frozen=True, slots=True)
class SpecialTokens:
    """What the engine must know of the tokenizer before it opens it."""

    bos_token_id: int | None
    eos_token_ids: tuple[int, ...]
    infill: str | None
    why_no_infill: str = ""
    chat: str | None = None

    @property
    def prompt_formats(self) -> dict[str, str | None]:
        return {"infill": self.infill, "chat": self.chat}

    @property
    def capabilities(self) -> tuple[str, ...]:
        return tuple(purpose for purpose, name in self.prompt_formats.items() if name is not None)


def write_tokenizer(checkpoint: Path, bundle: Path, vocab_size: int) -> dict[str, int]:
    """Put a tokenizer.json into the bundle; return its special tokens with their ids."""
    target = bundle / TOKENIZER_NAME
    if (checkpoint / TOKENIZER_NAME).is_file():
        shutil.copyfile(require_inside(checkpoint, checkpoint / TOKENIZER_NAME), target)
    else:
        _convert(checkpoint, target)
    _require_loadable(target, vocab_size)
    return _special_ids(read_json(target), target)


def special_tokens(
    folder: Path, settings: Settings, special: Mapping[str, int], infill: str | None = None
) -> SpecialTokens:
    """Find start and end tokens (generation_config.json knows more ends than config.json) and the infill format.

    `infill` is the user's choice: the name of a format, or "none".
    """
    path = folder / "generation_config.json"
    generation = Settings(read_json(path), path.name) if path.is_file() else Settings({}, path.name)
    ends = generation.counts("eos_token_id") or settings.counts("eos_token_id")
    if not ends:
        raise TokenizerError(f"config.json in {folder} names no eos_token_id, so no completion could end")
    starts = settings.counts("bos_token_id") or generation.counts("bos_token_id")
    chosen, why_not = _infill(settings.text("model_type"), special, infill)
    return SpecialTokens(starts[0] if starts else None, ends, chosen, why_not, _chat(folder, special))


def _convert(checkpoint: Path, target: Path) -> None:
    for name, read in SOURCES.items():
        if (checkpoint / name).is_file():
            read(require_inside(checkpoint, checkpoint / name)).save(str(target))
            return
    raise TokenizerError(f"{checkpoint} holds none of {', '.join((TOKENIZER_NAME, *SOURCES))}; fetch its tokenizer")


def _require_loadable(path: Path, vocab_size: int) -> None:
    """Open the file in another process: on some damaged files the library does not raise, it panics."""
    program = "import sys, tokenizers; print(tokenizers.Tokenizer.from_file(sys.argv[1]).get_vocab_size())"
    tried = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        reason = tried.stderr.strip().rpartition("\n")[2][:200]
        raise TokenizerError(f"{path.name} of the checkpoint is damaged ({reason}); fetch it again")
    n_tokens = int(tried.stdout)
    if vocab_size < n_tokens:
        raise TokenizerError(f"the tokenizer has {n_tokens} tokens, the model {vocab_size}; are they from one model?")


def _infill(model_type: str, special: Mapping[str, int], asked: str | None) -> tuple[str | None, str]:
    if asked == "none":
        return None, "switched off with --infill none"
    if asked is not None:
        return _asked_infill(special, asked), ""
    found = next((name for name, markers in INFILL_MARKERS.items() if all(each in special for each in markers)), None)
    if found is not None and model_type in NOT_TRAINED_TO_INFILL:
        return None, f"{model_type} is not known to be trained for it; --infill {found} tries it all the same"
    return found, "" if found else "no family's markers are single tokens of this tokenizer"


def _chat(folder: Path, special: Mapping[str, int]) -> str | None:
    """The format in which a model with a chat template is asked; a base model has none, whatever its vocabulary."""
    template = _chat_template(folder)
    for name, (markers, words) in CHAT_SIGNS.items():
        if template and all(each in special for each in markers) and all(each in template for each in words):
            return name
    return None


def _chat_template(folder: Path) -> str:
    """Where checkpoints keep it, newest habit first; it is read and never rendered, for it is a program."""
    if (folder / TEMPLATE_NAME).is_file():
        return require_inside(folder, folder / TEMPLATE_NAME).read_text("utf-8", errors="replace")
    for name in ("chat_template.json", "tokenizer_config.json"):
        found = read_json(folder / name).get("chat_template") if (folder / name).is_file() else None
        if isinstance(found, list):  # several, with names
            named = {each.get("name"): each.get("template") for each in found if isinstance(each, dict)}
            found = named.get("default")
        if isinstance(found, str):
            return found
    return ""


def _asked_infill(special: Mapping[str, int], asked: str) -> str:
    if asked not in INFILL_MARKERS:
        raise Unsupported(f"no infill format {asked!r}; known are none, {', '.join(INFILL_MARKERS)}")
    missing = [marker for marker in INFILL_MARKERS[asked] if marker not in special]
    if missing:
        raise Unsupported(f"--infill {asked} needs {missing[0]} as one token; this tokenizer has none")
    return asked


def _special_ids(tokenizer: Mapping[str, object], path: Path) -> dict[str, int]:
    added = tokenizer.get("added_tokens") or []
    try:
        return {str(token["content"]): int(token["id"]) for token in json.loads(json.dumps(added)) if token["special"]}
    except (TypeError, KeyError, ValueError) as error:
        raise TokenizerError(f"{path.name}: added_tokens is damaged ({error}); fetch it again") from error
