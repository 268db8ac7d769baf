"""Prompt text in, completions out: the face of the room.

What it returns is imported when it is asked for, so that importing the room costs the start-up nothing.
"""

import os
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from devstral_ls.engine.manifest import TOKENIZER_NAME, Manifest, inspect_bundle, verify_bundle, verify_file
from devstral_ls.errors import BackendError

if TYPE_CHECKING:
    from devstral_ls.engine.backends import Backend
    from devstral_ls.engine.engine import Engine
    from devstral_ls.engine.tokenizer import Tokenizer

EMBEDDED_NAME = "embedded"
MODEL_VARIABLE = "DEVSTRAL_LS_MODEL"
# By the cache layout that the manifest names.
BACKENDS = {"shared": "ort", "growing": "ort_growing", "static": "ort_static"}
_EMBEDDED = Path(__file__).parent.parent / "embedded"


def open_engine(folder: Path, *, provider: str = "cpu", n_threads: int = 0, speculates: bool = True) -> "Engine":
    """An engine on the model in this folder.

    Wrong names, sizes and links are refused at once; contents are verified and loaded in the engine's own
    thread, and what is wrong there is raised by the first request.
    """
    # Start-up: these import numpy and the tokenizer.
    from devstral_ls.engine.engine import Engine, ModelFacts, choose_threads  # noqa: PLC0415
    from devstral_ls.engine.speculation import Speculation  # noqa: PLC0415

    manifest = inspect_installed(folder)
    n_threads = choose_threads(n_threads)

    def open_backend() -> "Backend":
        verify_bundle(folder, installed=folder == _EMBEDDED)
        return open_on(provider)

    def open_on(provider: str) -> "Backend":
        runtime = load_runtime(manifest.kv_layout)
        backend: Backend = runtime.open_backend(folder, manifest, provider=provider, n_threads=n_threads)
        return backend

    facts = ModelFacts(
        name=manifest.name,
        window_tokens=manifest.window_tokens,
        kv_bytes_per_token=manifest.kv_bytes_per_token,
        bos_token_id=manifest.bos_token_id,
        end_tokens=frozenset(manifest.eos_token_ids),
        infill_format=manifest.prompt_formats.get("infill"),
        chat_format=manifest.prompt_formats.get("chat"),
        match_ladder=manifest.match_ladder,
        project_ladder=manifest.project_ladder,
        infill_tokens=manifest.hole_tokens,
        gives_log_probabilities=manifest.log_probabilities,
    )
    shown = _shown(folder, manifest, provider, n_threads)
    return Engine(
        facts,
        lambda: open_tokenizer(folder, manifest),
        open_backend,
        shown=shown,
        open_fallback=None if provider == "cpu" else partial(open_on, "cpu"),
        speculation=Speculation() if speculates else None,
    )


def inspect_installed(folder: Path) -> Manifest:
    """The manifest of a model folder, which may be our package's own, after all checks but those of contents."""
    return inspect_bundle(folder, installed=folder == _EMBEDDED)


def open_tokenizer(folder: Path, manifest: Manifest) -> "Tokenizer":
    """The tokenizer alone: tokens are counted before, or without, the model."""
    from devstral_ls.engine.tokenizer import Tokenizer  # noqa: PLC0415 - start-up

    verify_file(folder, manifest, TOKENIZER_NAME)  # the whole folder may not be verified yet
    return Tokenizer.open(folder / TOKENIZER_NAME)


def load_runtime(kv_layout: str = "shared") -> ModuleType:
    """The ONNX Runtime backend for a layout of the cache; importing it takes a quarter of a second."""
    name = BACKENDS.get(kv_layout)
    if name is None:
        raise BackendError(f"no backend for the cache layout {kv_layout!r}; known are {', '.join(BACKENDS)}: upgrade")
    try:
        return import_module(f"devstral_ls.engine.backends.{name}")  # start-up, and an extra
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise BackendError("no ONNX Runtime is installed; run `pip install devstral-ls[cpu]`, or [cuda]") from error


def scripted_engine(said: Mapping[str, str], *, chat: str | None = None) -> "Engine":
    """An engine without a model: behind the last place where a key of `said` stands, it says the value."""
    from devstral_ls.engine.backends import scripted  # noqa: PLC0415 - start-up

    return scripted.open_engine(scripted.answers(said), chat=chat)


def embedded_bundle() -> Path:
    """The model that comes with the package, or the one that the environment names instead."""
    named = os.environ.get(MODEL_VARIABLE)
    return Path(named) if named else _EMBEDDED


def resolve_bundle(name_or_folder: str) -> Path:
    """The folder of a model, by its name in the user's store or by its path; empty means the default one."""
    if not name_or_folder:
        return _default_bundle()
    if name_or_folder == EMBEDDED_NAME:
        return embedded_bundle()
    from devstral_ls.engine.bundles import is_bundle, user_store  # noqa: PLC0415 - start-up

    folder = Path(name_or_folder).expanduser()
    return folder if len(folder.parts) > 1 or is_bundle(folder) else user_store().find(name_or_folder)


def _default_bundle() -> Path:
    """What the environment names, else what `model use` chose, else the embedded one."""
    from devstral_ls.engine.bundles import user_store  # noqa: PLC0415 - start-up

    store = user_store()
    chosen = None if MODEL_VARIABLE in os.environ else store.default()
    return store.find(chosen) if chosen else embedded_bundle()


def _shown(folder: Path, manifest: Manifest, provider: str, n_threads: int) -> dict[str, object]:
    return {
        "folder": str(folder),
        "architecture": manifest.architecture,
        "precision": manifest.precision,
        "n_parameters": manifest.n_parameters,
        "n_active_parameters": manifest.n_active_parameters,
        "capabilities": manifest.capabilities,
        "provider": provider,
        "n_threads": n_threads,
    }
