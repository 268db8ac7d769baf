"""Exports a large synthetic checkpoint to int4 and reports peak memory and speed against the disk's own.

python benchmarks/export/memory.py write FOLDER [--gigabytes 8]      once, with room for half as much again
python benchmarks/export/memory.py measure FOLDER [--result export_memory]
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from record import record

HIDDEN, INNER, N_HEADS, N_KV_HEADS, HEAD_DIM, VOCAB = 4096, 14336, 32, 8, 128, 32768
SHARD_BYTES = 2_000_000_000
DEVSTRAL_SMALL_2_PARAMETERS = 23.57e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["write", "measure"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gigabytes", type=float, default=8.0)
    parser.add_argument("--precision", default="int4")
    parser.add_argument("--result", default="export_memory")
    arguments = parser.parse_args()
    if arguments.step == "write":
        arguments.folder.mkdir(parents=True)
        write_checkpoint(arguments.folder / "checkpoint", arguments.gigabytes * 1e9)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        figures = measure(arguments.folder / "checkpoint", Path(scratch, "bundle"), arguments.precision)
    print(json.dumps(figures, indent=2))
    print(record(arguments.result, figures))


def write_checkpoint(folder: Path, n_bytes: float) -> None:
    """A Ministral 3 in shards: attention and embedding in BF16, the rest in FP8 with one scale a weight."""
    folder.mkdir()
    layer = layer_tensors()
    n_layers = round((n_bytes - 4 * VOCAB * HIDDEN) / sum(size_of(*entry) for entry in layer.values()))
    tensors = {f"model.layers.{index}.{name}": entry for index in range(n_layers) for name, entry in layer.items()}
    tensors |= {"model.embed_tokens.weight": ("BF16", (VOCAB, HIDDEN)), "lm_head.weight": ("BF16", (VOCAB, HIDDEN))}
    tensors |= {"model.norm.weight": ("BF16", (HIDDEN,))}
    write_shards(folder, tensors)
    (folder / "config.json").write_text(json.dumps(config(n_layers)))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer()))


def layer_tensors() -> dict[str, tuple[str, tuple[int, ...]]]:
    attention = {
        "q_proj": (N_HEADS * HEAD_DIM, HIDDEN),
        "k_proj": (N_KV_HEADS * HEAD_DIM, HIDDEN),
        "v_proj": (N_KV_HEADS * HEAD_DIM, HIDDEN),
        "o_proj": (HIDDEN, N_HEADS * HEAD_DIM),
    }
    dense = {"gate_proj": (INNER, HIDDEN), "up_proj": (INNER, HIDDEN), "down_proj": (HIDDEN, INNER)}
    tensors: dict[str, tuple[str, tuple[int, ...]]] = {
        f"self_attn.{name}.weight": ("BF16", shape) for name, shape in attention.items()
    }
    tensors |= {f"mlp.{name}.weight": ("F8_E4M3", shape) for name, shape in dense.items()}
    tensors |= {f"mlp.{name}.weight_scale_inv": ("BF16", ()) for name in dense}
    return tensors | {f"{name}_layernorm.weight": ("BF16", (HIDDEN,)) for name in ("input", "post_attention")}


def size_of(dtype: str, shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * (1 if dtype.startswith("F8") else 2)


def write_shards(folder: Path, tensors: dict[str, tuple[str, tuple[int, ...]]]) -> None:
    shards: list[dict[str, tuple[str, tuple[int, ...]]]] = [{}]
    for name, entry in tensors.items():
        if SHARD_BYTES < sum(size_of(*each) for each in shards[-1].values()) + size_of(*entry):
            shards.append({})
        shards[-1][name] = entry
    weight_map = {}
    for number, own in enumerate(shards, 1):
        shard = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_shard(folder / shard, own)
        weight_map |= dict.fromkeys(own, shard)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def write_shard(path: Path, tensors: dict[str, tuple[str, tuple[int, ...]]]) -> None:
    """Random weights; the same few megabytes again and again, so that writing is quick."""
    header, end = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = size_of(dtype, shape)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(header).encode()
    with path.open("wb") as stream:
        stream.write(len(raw).to_bytes(8, "little") + raw)
        for name, (dtype, shape) in tensors.items():
            write_tensor(stream, dtype, shape, is_scale="scale" in name)


def write_tensor(stream, dtype: str, shape: tuple[int, ...], *, is_scale: bool) -> None:  # noqa: ANN001
    random = np.random.RandomState(1)
    if dtype.startswith("F8"):
        pattern = random.randint(0, 0x7E, 1 << 22).astype(np.uint8).tobytes()  # any finite value
    else:
        normal = (
            np.float32(1e-4) + 0 * random.standard_normal(1) if is_scale else 0.02 * random.standard_normal(1 << 21)
        )
        pattern = (normal.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).tobytes()
    left = size_of(dtype, shape)
    while 0 < left:
        stream.write(pattern[:left])
        left -= len(pattern)


def measure(checkpoint: Path, out: Path, precision: str) -> dict[str, object]:
    shards = sorted(checkpoint.glob("*.safetensors"))
    n_bytes = sum(path.stat().st_size for path in shards)
    disk_seconds = read_cold(shards)
    forget(shards)
    start = time.perf_counter()
    command = [sys.executable, "-m", "onnx_export", checkpoint, out, "--precision", precision, "--window", "4096"]
    process = os.posix_spawn(sys.executable, command, os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - start
    assert status == 0
    manifest = json.loads((out / "manifest.json").read_text())
    speed = manifest["n_parameters"] / (usage.ru_utime + usage.ru_stime)
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return {
        "precision": precision,
        "checkpoint_gb": round(n_bytes / 1e9, 2),
        "shards": len(shards),
        "n_layers": manifest["n_layers"],
        "parameters": manifest["n_parameters"],
        "bundle_gb": round(sum(path.stat().st_size for path in out.iterdir()) / 1e9, 3),
        "peak_rss_gb": round(usage.ru_maxrss * 1024 / 1e9, 3),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "cores_kept_busy": round(cpu_seconds / seconds, 2),
        "export_gb_per_s": round(n_bytes / 1e9 / seconds, 3),
        "disk_read_gb_per_s": round(n_bytes / 1e9 / disk_seconds, 3),
        "share_of_disk_speed": round(disk_seconds / seconds, 3),
        "devstral_small_2_cpu_minutes": round(DEVSTRAL_SMALL_2_PARAMETERS / speed / 60, 1),
    }


def read_cold(paths: list[Path]) -> float:
    forget(paths)
    start = time.perf_counter()
    for path in paths:
        with path.open("rb", buffering=0) as stream:
            while stream.read(1 << 24):
                pass
    return time.perf_counter() - start


def forget(paths: list[Path]) -> None:
    """Drop the files from the page cache."""
    for path in paths:
        with path.open("rb") as stream:
            os.fsync(stream.fileno())
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def config(n_layers: int) -> dict[str, object]:
    return {
        "model_type": "ministral3",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": n_layers,
        "num_attention_heads": N_HEADS,
        "num_key_value_heads": N_KV_HEADS,
        "head_dim": HEAD_DIM,
        "vocab_size": VOCAB,
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-5,
        "eos_token_id": 2,
        "bos_token_id": 1,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }


def tokenizer() -> dict[str, object]:
    return {"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}


if __name__ == "__main__":
    main()
