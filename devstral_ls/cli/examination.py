"""What `doctor` looks at: each function finds out one thing and says how it is."""

import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from devstral_ls.cancel import CancelToken
from devstral_ls.cli.choices import chosen_bundle
from devstral_ls.config import Settings
from devstral_ls.errors import DevstralError

if TYPE_CHECKING:  # for start-up: `--help` does not need the model runtime
    from devstral_ls.engine.face import Engine
    from devstral_ls.engine.request import GenerationRequest, Metrics

SLOW_LOAD_MS = 5_000
SLOW_FIRST_TOKEN_MS = 600
SLOW_TOKENS_PER_S = 15
_N_PROBE_TOKENS = 32
_PROBE = '''\
import json
from pathlib import Path


def load(path: Path) -> dict[str, object]:
    """Read a JSON file."""
'''
# What nobody foresees: the engine goes on with what it said before when just that is typed.
_TYPED = "    zebra = 7 - "


class Level(StrEnum):
    """How good a finding is."""

    GOOD = "good"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `advice` says what to do when it is not good."""

    topic: str
    level: Level
    words: str
    advice: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings in the order in which they matter; a broken one ends what depends on it."""
    yield _package()
    runtime = _runtime()
    yield runtime
    yield from _parsers()
    folder, model = _model(settings)
    yield model
    if folder is None or runtime.level is Level.BROKEN:
        return
    yield from _speed(settings, folder)
    yield sharing(settings, folder)


def _package() -> Finding:
    system = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("devstral-ls", Level.GOOD, f"{_version_of('devstral-ls') or 'from source'}, {system}")


def _runtime() -> Finding:
    """ONNX Runtime: exactly one of its packages, because all of them install the same import name."""
    names = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")
    installed = {name: found for name in names if (found := _version_of(name)) is not None}
    words = " and ".join(f"{name} {found}" for name, found in installed.items())
    if not installed:
        advice = "pip install 'devstral-ls[cpu]', or 'devstral-ls[cuda]' with an NVIDIA card"
        return Finding("ONNX Runtime", Level.BROKEN, "not installed", advice)
    if len(installed) > 1:
        advice = f"they overwrite each other: pip uninstall {' '.join(installed)}, then install one of them again"
        return Finding("ONNX Runtime", Level.WARNING, words, advice)
    return Finding("ONNX Runtime", Level.GOOD, words)


def _parsers() -> Iterator[Finding]:
    for name, purpose in (
        ("tokenizers", "nothing can be completed"),
        ("tree-sitter", "suggestions are not checked for syntax"),
        ("tree-sitter-python", "suggestions are not checked for syntax"),
        ("jedi", "the model sees no names from other files"),
    ):
        if _version_of(name) is None:
            level = Level.BROKEN if name == "tokenizers" else Level.WARNING
            yield Finding(name, level, f"not installed: {purpose}", f"pip install {name}")


def _model(settings: Settings) -> tuple[Path | None, Finding]:
    """The model's folder when every byte of it is as its manifest says."""
    from devstral_ls.engine.manifest import verify_bundle  # noqa: PLC0415  for start-up

    try:
        folder = chosen_bundle(settings)
        manifest = verify_bundle(folder, installed=not settings.model)
    except DevstralError as error:
        return None, Finding("model", Level.BROKEN, str(error))
    n_bytes = sum(each.size_bytes for each in manifest.files.values())
    words = (
        f"{manifest.name} ({manifest.architecture}, {_count(manifest.n_parameters)} parameters,"
        f" {_count(manifest.n_active_parameters)} active, {manifest.precision}, window {manifest.window_tokens} tokens,"
        f" {n_bytes / 1e6:.0f} MB), every file as its manifest says"
    )
    if manifest.prompt_formats.get("infill") is None:
        return None, Finding("model", Level.BROKEN, f"{words}; it cannot fill in the middle", "choose another model")
    return folder, Finding("model", Level.GOOD, words)


def _speed(settings: Settings, folder: Path) -> Iterator[Finding]:
    """Load the model, ask it twice, and say what a person who types would feel."""
    from devstral_ls.engine import open_engine  # noqa: PLC0415  for start-up

    start_s = time.perf_counter()
    engine = open_engine(folder, provider=settings.provider, n_threads=settings.n_threads)
    try:
        cold = engine.generate_blocking(_probe(_PROBE), CancelToken()).metrics
        cold_ms = 1e3 * (time.perf_counter() - start_s) - (cold.total_ms - cold.first_token_ms)
        warm = engine.generate_blocking(_probe(_PROBE + _TYPED), CancelToken()).metrics
        yield _provider(engine, settings)
    except DevstralError as error:
        yield Finding("provider", Level.BROKEN, str(error), "--provider cpu works everywhere")
        return
    finally:
        engine.close()
    yield from _times(cold_ms, warm, max(cold.tokens_per_s, warm.tokens_per_s))


def _provider(engine: "Engine", settings: Settings) -> Finding:
    facts = engine.facts()
    words = f"{settings.provider} with {_plural(_whole(facts['n_threads']), 'thread')} on {_plural(_n_cores(), 'core')}"
    return Finding("provider", Level.GOOD, words)


def sharing(settings: Settings, folder: Path) -> Finding:
    """Whether editors share an engine for this model now, and how many; those of other models are not looked for."""
    from devstral_ls.sharing import look  # noqa: PLC0415  for start-up

    state = look(folder, provider=settings.provider, n_threads=settings.n_threads)
    if state is None:
        return Finding("sharing", Level.GOOD, "no shared engine runs; each server has its own")
    servers = _plural(len(state["clients"]), "server")
    return Finding("sharing", Level.GOOD, f"one engine, process {state['pid']}, serves {servers}")


def _times(cold_ms: float, warm: "Metrics", tokens_per_s: float) -> Iterator[Finding]:
    """Start-up, reaction and pace, each against the limit above which it is felt."""
    slow = "choose a smaller model, or more --threads"
    level = Level.WARNING if cold_ms > SLOW_LOAD_MS else Level.GOOD
    yield Finding("start-up", level, f"first word {cold_ms / 1e3:.1f} s after the start, once per session", slow)
    level = Level.WARNING if warm.first_token_ms > SLOW_FIRST_TOKEN_MS else Level.GOOD
    words = f"first word {warm.first_token_ms:.0f} ms after a key, {warm.n_reused_tokens} tokens remembered"
    yield Finding("reaction", level, words, slow)
    level = Level.WARNING if tokens_per_s < SLOW_TOKENS_PER_S else Level.GOOD
    yield Finding("pace", level, f"{tokens_per_s:.0f} tokens a second", slow)


def _probe(prefix: str) -> "GenerationRequest":
    from devstral_ls.engine.request import GenerationRequest, InfillPrompt, Priority  # noqa: PLC0415  for start-up

    prompt = InfillPrompt(stable=(), title="settings.py", suffix="\n", volatile="", prefix=prefix)
    return GenerationRequest(prompt=prompt, key="doctor", priority=Priority.EXPLICIT, max_tokens=_N_PROBE_TOKENS)


def _version_of(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _n_cores() -> int:
    """The cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _count(number: int) -> str:
    if number >= 1e9:
        return f"{number / 1e9:.1f} G"
    return f"{number / 1e6:.1f} M"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _whole(value: object) -> int:
    assert isinstance(value, int)
    return value
