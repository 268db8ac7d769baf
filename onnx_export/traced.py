"""transformers' own class, traced by optimum into standard operators; the only file that needs torch.

optimum-onnx 0.1.0 pins transformers below 4.58, so this runs in an environment of its own (docs/export.md).
"""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from onnx_export.errors import ExportError, TensorDamaged, TensorMissing, Unsupported

os.environ["HF_HUB_OFFLINE"] = "1"  # before the imports below read it; nothing is ever fetched

import torch
import transformers
from optimum.exporters.onnx import onnx_export_from_model
from optimum.exporters.tasks import TasksManager

TASK = "text-generation-with-past"
# What torch, transformers and optimum raise for models that they cannot trace.
TRACE_ERRORS = (RuntimeError, ValueError, TypeError, KeyError, AttributeError, NotImplementedError)

Floats = NDArray[np.float32]


def require_known(model_type: str) -> None:
    """Refuse by name what optimum has no decoder for."""
    try:
        tasks = TasksManager.get_supported_tasks_for_model_type(model_type, "onnx", library_name="transformers")
    except KeyError:
        tasks = {}
    if TASK not in tasks:
        raise Unsupported(f"optimum does not know the decoder {model_type!r}; take --route fused, or another model")


def load(folder: Path) -> torch.nn.Module:
    """Return the model in float32, every weight of it from the checkpoint and finite."""
    with quiet():
        try:
            model, report = transformers.AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=torch.float32,
                attn_implementation="eager",
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
        except (*TRACE_ERRORS, OSError) as error:
            raise ExportError(f"transformers {transformers.__version__} cannot load it: {_one_line(error)}") from error
    for problem in ("missing_keys", "unexpected_keys"):
        if report[problem]:
            raise TensorMissing(f"{problem.replace('_keys', '')} in the checkpoint: {min(report[problem])}")
    for name, weight in model.named_parameters():
        if not torch.isfinite(weight).all():
            raise TensorDamaged(f"{name} holds NaN or infinity; fetch the checkpoint again")
    loaded: torch.nn.Module = model.eval()
    return loaded


def reference_logits(model: torch.nn.Module, tokens: NDArray[np.int64]) -> Floats:
    """[n, vocab] as transformers computes them."""
    with quiet(), torch.no_grad():
        try:
            logits: Floats = model(torch.from_numpy(tokens)[None]).logits[0].float().numpy()
        except TRACE_ERRORS as error:
            raise ExportError(f"transformers {transformers.__version__} cannot run it: {_one_line(error)}") from error
    return logits


def trace(model: torch.nn.Module, folder: Path) -> Path:
    """Write the graph of a model into a folder and return it."""
    with quiet():
        try:
            onnx_export_from_model(model, folder, task=TASK, do_validation=False)
        except TRACE_ERRORS as error:
            raise ExportError(f"optimum cannot trace it: {_one_line(error)}; take --route fused") from error
    return folder / "model.onnx"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what these libraries say to their own developers from the user's terminal."""
    logging.disable(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
