"""Weights are read, rearranged and quantised run by run, and come out as if they had been handled whole."""

import json
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
import tiny
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from devstral_ls.engine.manifest import WEIGHTS_NAME
from onnx_export import mxfp4
from onnx_export.checkpoint import open_checkpoint
from onnx_export.export import ExportOptions, plan_export, write_model
from onnx_export.matrix import (
    Matrix,
    from_array,
    interleaved,
    low_rank_update,
    permuted,
    scaled,
    scaled_in_tiles,
    sliced,
    stacked,
    transposed,
)
from onnx_export.quantize import BLOCK, quantise
from onnx_export.safetensors_file import read_table

Floats = NDArray[np.float32]

# Half a step of float16 near zero: blocks whose weights are all below a hundred-thousandth lose to it.
SMALLEST_SCALE = 2.0**-25

WEIGHTS = st.floats(-4, 4, width=16)


def check_runs(matrix: Matrix, expected: Floats) -> None:
    """Any run of rows is that part of the whole."""
    assert (matrix.n_rows, matrix.n_columns) == expected.shape
    for start in range(matrix.n_rows):
        for stop in range(start + 1, matrix.n_rows + 1):
            np.testing.assert_array_equal(expected[start:stop], matrix.read(start, stop))


A = np.arange(15, dtype=np.float32).reshape(5, 3)
B = -A[:4]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (stacked([from_array(A), from_array(B)]), np.concatenate([A, B])),
        (interleaved(from_array(A), from_array(2 * A)), np.stack([A, 2 * A], 1).reshape(10, 3)),
        (sliced(from_array(A), 1, 4), A[1:4]),
        (permuted(from_array(A), np.array([4, 0, 2, 2])), A[[4, 0, 2, 2]]),
        (scaled(from_array(A), 0.5), A / 2),
        (transposed(from_array(A)), A.T),
        (low_rank_update(from_array(A), A[:, :1], A[:1], 2.0), A + 2 * A[:, :1] @ A[:1]),
        (scaled_in_tiles(from_array(A), np.array([[2.0], [3.0]], np.float32), (3, 3)), A * [[2], [2], [2], [3], [3]]),
        (stacked([interleaved(from_array(A), from_array(A)), sliced(from_array(B), 0, 2)]), None),
    ],
    ids=["stacked", "interleaved", "sliced", "permuted", "scaled", "transposed", "low_rank", "tiles", "nested"],
)
def test_runs_of_rows(matrix: Matrix, expected: Floats | None) -> None:
    """Every rearrangement can be read in any pieces."""
    check_runs(matrix, matrix.whole() if expected is None else np.asarray(expected, np.float32))


def test_conversion_keeps_the_order() -> None:
    """Runs are converted side by side and come out in order."""
    rows = np.arange(3 << 20, dtype=np.float32).reshape(-1, 64)
    assert np.array_equal(rows, np.concatenate(list(from_array(rows).converted(lambda run: run))))


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]
)
def test_stored_types(tmp_path: Path, dtype: type) -> None:
    """Each stored type is read as the numbers that it stands for."""
    codes = np.arange(256, dtype=np.uint8).repeat(8).view(dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        values = codes[np.isfinite(codes.astype(np.float32))].reshape(-1, 1)
    save_file({"weight": values}, tmp_path / "one.safetensors")
    read = read_table(tmp_path / "one.safetensors")["weight"].matrix.whole()
    np.testing.assert_array_equal(values.astype(np.float32), read)


def test_mxfp4(tmp_path: Path) -> None:
    """Two 4-bit floats to a byte, low one first, times a power of two."""
    codes = np.arange(32, dtype=np.uint8) % 16
    blocks = (codes[0::2] | codes[1::2] << 4).reshape(1, 1, 1, 16)
    save_file({"blocks": blocks, "scales": np.array([[[129]]], np.uint8)}, tmp_path / "one.safetensors")
    table = read_table(tmp_path / "one.safetensors")
    expected = 4 * codes.astype(np.uint8).view(ml_dtypes.float4_e2m1fn).astype(np.float32)
    read = mxfp4.mxfp4_matrix(table["blocks"], table["scales"], 32).whole()
    np.testing.assert_array_equal(expected[None], read)


@given(arrays(np.float32, (3, 64), elements=WEIGHTS), st.sampled_from([4, 8]))
@settings(max_examples=50, deadline=None)
def test_quantised_weights_are_near(rows: Floats, bits: int) -> None:
    """No weight moves by more than the largest of its block, divided by the number of steps."""
    difference = np.abs(quantise(rows, bits).dequantised() - rows).reshape(3, 2, BLOCK)
    largest = np.abs(rows).reshape(3, 2, BLOCK).max(-1, keepdims=True)
    n_steps = (1 << (bits - 1)) - 1
    assert (difference <= largest / n_steps * 1.25 + SMALLEST_SCALE * n_steps).all()


def test_largest_weight_of_four_bits_is_exact() -> None:
    """Outliers matter more than the sum of squares: the one of each block is met, whatever its sign."""
    rows = np.random.default_rng(0).standard_normal((8, 64)).astype(np.float16).astype(np.float32)
    largest = np.abs(rows.reshape(-1, BLOCK)).argmax(-1)
    stored = quantise(rows, 4).dequantised().reshape(-1, BLOCK)
    np.testing.assert_array_equal(
        np.take_along_axis(rows.reshape(-1, BLOCK), largest[:, None], 1),
        np.take_along_axis(stored, largest[:, None], 1),
    )


def test_packing_puts_the_first_weight_low() -> None:
    """Two codes to a byte, in the order of the weights."""
    quantised = quantise(np.linspace(-1, 1, 32, dtype=np.float32)[None], 4)
    packed, codes = quantised.packed()[0, 0], quantised.codes[0, 0]
    assert np.array_equal(codes, np.stack([packed & 0xF, packed >> 4], -1).ravel())


def test_zeros_stay_zeros() -> None:
    """A block of zeros has a scale, and it is zero after it."""
    for bits in (4, 8):
        assert not quantise(np.zeros((1, 32), np.float32), bits).dequantised().any()


@pytest.mark.parametrize("scale_shape", [(), (1,), (64, 1), (1, 1)])
def test_fp8_checkpoint_is_its_dequantised_one(tmp_path: Path, scale_shape: tuple[int, ...]) -> None:
    """FP8 weights with scales give the bytes that their products give when stored as floats."""
    model = tiny.read_tiny("ministral3")
    plain, packed = model.write(tmp_path / "plain"), model.write(tmp_path / "packed")
    weights = load_file(plain / "model.safetensors")
    stored = dict(weights)
    for name in [name for name in weights if name.endswith("q_proj.weight")]:
        codes = (weights[name] / 0.01).astype(ml_dtypes.float8_e4m3fn)
        scales = np.full(scale_shape, 0.01, np.float32)
        stored |= {name: codes, f"{name}_scale_inv": scales}
        weights[name] = codes.astype(np.float32) * np.float32(0.01)
    save_file(weights, plain / "model.safetensors")
    save_file(stored, packed / "model.safetensors")
    assert exported(plain) == exported(packed)


def exported(checkpoint: Path) -> bytes:
    write_model(plan_export(checkpoint, ExportOptions(precision="int8")), checkpoint)
    return (checkpoint / WEIGHTS_NAME).read_bytes()


def test_estimate_is_the_size(tmp_path: Path) -> None:
    """What the plan says before a weight is read is how large the file becomes."""
    checkpoint = tiny.read_tiny("qwen3_moe").write(tmp_path)
    for precision in ("fp32", "fp16", "int8", "int4"):
        plan = plan_export(checkpoint, ExportOptions(precision=precision))
        write_model(plan, tmp_path)
        assert plan.size_bytes == (tmp_path / WEIGHTS_NAME).stat().st_size


def test_tied_embedding_is_stored_once(tmp_path: Path) -> None:
    """Embedding and head of a tied model share their bytes in every precision."""
    checkpoint = tiny.read_tiny("mixtral_tied").write(tmp_path)
    n_tied = json.loads((tmp_path / "config.json").read_text())["vocab_size"] * 64
    for precision, bytes_per_weight in (("fp32", 4), ("int8", 1 + 2 / BLOCK)):
        plan = plan_export(checkpoint, ExportOptions(precision=precision))
        stored = [output for job in plan.build.graph.jobs for output in job.outputs if "embedding" in output.name]
        assert int(n_tied * bytes_per_weight) == sum(output.size_bytes for output in stored)


def test_parameters_are_counted(tmp_path: Path) -> None:
    """The manifest's count is that of the checkpoint's own tensors."""
    checkpoint = tiny.read_tiny("mixtral").write(tmp_path)
    table = open_checkpoint(checkpoint).tensors.table
    plan = plan_export(checkpoint, ExportOptions())
    assert sum(int(np.prod(stored.shape)) for stored in table.values()) == plan.build.parameters.total
