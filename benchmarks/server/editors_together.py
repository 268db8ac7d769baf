"""Two Neovims and a VS Code at once, on one shared engine: memory against one editor, and keys beside a long fix.

python benchmarks/server/editors_together.py bundle            make a model of half a gigabyte, random but of true size
python benchmarks/server/editors_together.py memory [--large]  with the embedded model, or with that one
python benchmarks/server/editors_together.py keys

The editors are those of tests/editors. Memory is of the processes that are ours: the servers, what they start for
themselves, and the engine; the editors' own would hide it. What processes share counts once (proportional set sizes);
sums of resident sets, in which it counts in each, stand beside.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("", "benchmarks", "benchmarks/server", "benchmarks/editors", "tests/editors", "tests/export")
sys.path[:0] = [str(ROOT / each) for each in FOLDERS]

import latency  # noqa: E402
import shared_engine  # noqa: E402 - also gives engines a folder of their own
import tiny  # noqa: E402
from browser import CodeServer, Window  # noqa: E402
from editor_fixtures import CACHE, until  # noqa: E402
from record import percentile, record  # noqa: E402
from watched_terminal import WatchedTerminal  # noqa: E402

from devstral_ls.engine import MODEL_VARIABLE, embedded_bundle  # noqa: E402
from devstral_ls.engine.manifest import inspect_bundle  # noqa: E402
from onnx_export.export import ExportOptions, plan_export, run_export  # noqa: E402

PROXY = ROOT / "benchmarks/editors/timed_server.py"
LARGE = ROOT / ".bench" / "large_bundle"
NAME = "server_editors_together"
SHIM = '#!/bin/sh\nexec "{python}" -m devstral_ls "$@"\n'
# Of how many threads the engine has is not what is measured; all who share it have to want the same.
SHARES = "vim.lsp.config('devstral_ls', {{ init_options = {{ share_engine = {is_shared}, n_threads = 1 }} }})\n"
REST_S = 25.0  # past the limit of the shared engine
KEY_EVERY_S = 0.25
# Whole lines, so that most keys are asked about in a file that the server knows, as when somebody works.
KEYS_AT = {
    f"{name}_line": (f"\ndef test_{name}() -> None:\n", f"    {name} = Rectangle(20, 30)") for name in latency.NAMES[:7]
}
FIRST = f"{next(iter(KEYS_AT))}.py"
GOAL_MEMORY, GOAL_KEYS = 1.15, 1.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["bundle", "memory", "keys"])
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--places", type=int, default=len(KEYS_AT), help="for a rehearsal")
    given = parser.parse_args()
    if given.part == "bundle":
        make_large_bundle()
        return
    shared_engine.keep_engines_below_us()
    if given.large:
        os.environ[MODEL_VARIABLE] = str(LARGE)
    name = "keys_beside_a_fix" if given.part == "keys" else f"memory_{'large' if given.large else 'embedded'}"
    found = keys(list(KEYS_AT)[: given.places]) if given.part == "keys" else memory()
    print(name, json.dumps(found, indent=2))
    path = ROOT / f"benchmarks/results/{NAME}.json"
    figures = json.loads(path.read_text())["figures"] if path.exists() else {}
    figures[name] = {**found, "load_1_min": round(os.getloadavg()[0], 2)}
    print(record(NAME, figures))


def make_large_bundle() -> None:
    """A mixture of experts with the embedded model's tokenizer: 0.5 billion random weights in int8."""
    model, own = tiny.read_tiny("mixtral"), inspect_bundle(embedded_bundle(), installed=True)
    n_layers, hidden, inner, n_heads, n_kv, n_experts = 12, 768, 2048, 12, 4, 8
    vocabulary = json.loads((embedded_bundle() / "tokenizer.json").read_text())
    n_tokens = len(vocabulary["model"]["vocab"])
    config = model.config | {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": n_layers,
        "num_attention_heads": n_heads,
        "num_key_value_heads": n_kv,
        "num_local_experts": n_experts,
        "max_position_embeddings": 4096,
        "vocab_size": n_tokens,
        "bos_token_id": own.bos_token_id,
        "eos_token_id": own.eos_token_ids[0],
    }
    sizes = {"lm_head.weight": (n_tokens, hidden), "model.embed_tokens.weight": (n_tokens, hidden)}
    sizes["model.norm.weight"] = (hidden,)
    for n in range(n_layers):
        at = f"model.layers.{n}"
        for expert in range(n_experts):
            for part, shape in {"w1": (inner, hidden), "w2": (hidden, inner), "w3": (inner, hidden)}.items():
                sizes[f"{at}.block_sparse_moe.experts.{expert}.{part}.weight"] = shape
        sizes[f"{at}.block_sparse_moe.gate.weight"] = (n_experts, hidden)
        sizes[f"{at}.input_layernorm.weight"] = sizes[f"{at}.post_attention_layernorm.weight"] = (hidden,)
        of_keys = (hidden // n_heads * n_kv, hidden)
        heads = {"q": (hidden, hidden), "k": of_keys, "v": of_keys, "o": (hidden, hidden)}
        sizes |= {f"{at}.self_attn.{part}_proj.weight": shape for part, shape in heads.items()}
    with tempfile.TemporaryDirectory() as folder:
        source = replace(model, config=config, shapes=sizes).write(Path(folder) / "large")
        (source / "tokenizer.json").write_text(json.dumps(vocabulary))
        LARGE.parent.mkdir(exist_ok=True)
        run_export(plan_export(source, ExportOptions(precision="int8", window_tokens=4096)), LARGE)


@dataclass(frozen=True, slots=True)
class Open:
    """An editor with a file open, in which somebody may type."""

    type: Callable[[str], object]
    terminal: WatchedTerminal | None = None


def memory() -> dict[str, Any]:
    """Each editor was used; then only the first goes on being used, as a person at one keyboard does."""
    weights = sum(each.stat().st_size for each in Path(os.environ.get(MODEL_VARIABLE, embedded_bundle())).iterdir())
    plans = {"one Neovim, its own engine": (False, ["neovim"]), "one Neovim, shared": (True, ["neovim"])}
    plans["two Neovims and a VS Code, shared"] = (True, ["neovim", "neovim", "vscode"])
    plans["two Neovims and a VS Code, each its own engine"] = (False, ["neovim", "neovim", "vscode"])
    found: dict[str, Any] = {"model_mb": round(weights / 1e6)}
    for name, (is_shared, editors) in plans.items():
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            opened = [
                stack.enter_context(OPENERS[each](Path(folder) / str(n), is_shared=is_shared))
                for n, each in enumerate(editors)
            ]
            for each in opened:
                use(each)
            found[name] = {"all in use": sizes()}
            end_s = time.monotonic() + REST_S
            while time.monotonic() < end_s:
                use(opened[0])
            found[name]["one in use"] = sizes()
        shared_engine.end_engine()
    alone = found["one Neovim, its own engine"]["one in use"]
    for name in plans:
        for state in found[name].values():
            state["over_one_alone"] = {unit: round(state["all"][unit] / alone["all"][unit], 2) for unit in alone["all"]}
    return {**found, "goal": GOAL_MEMORY}


def use(editor: Open) -> None:
    """Type a line and take it back."""
    for key in "    rectangle.width = ":
        editor.type(key)
        time.sleep(0.1)
    time.sleep(1.5)
    for _ in range(22):
        editor.type("\x7f")


@contextmanager
def neovim(folder: Path, *, is_shared: bool, shim: str = SHIM) -> Iterator[Open]:
    project, program = made(folder, shim)
    home = folder / "home"
    home.mkdir()
    argv = latency.prepared("neovim", home, program)
    script = home / "init.lua"
    script.write_text(SHARES.format(is_shared=str(is_shared).lower()) + script.read_text())
    folders = {f"XDG_{each.upper()}_HOME": str(home / each) for each in ("config", "cache", "data", "state")}
    passed = {name: os.environ[name] for name in ("DEVSTRAL_LS_RUNTIME", "DEVSTRAL_LS_DATA", "PYTHONPATH")}
    passed |= {name: os.environ[name] for name in (MODEL_VARIABLE,) if name in os.environ}
    env = {"HOME": str(home), "PATH": f"{program.parent}:{os.defpath}"} | folders | passed
    terminal = WatchedTerminal([*argv, str(project / FIRST)], folder=project, env=env)
    try:
        until(lambda: "Rectangle" in terminal.text(), "the file", instead=terminal.text)
        time.sleep(latency.START_S)
        terminal.type("GA")
        yield Open(terminal.type, terminal)
    finally:
        terminal.close()


@contextmanager
def vscode(folder: Path, *, is_shared: bool) -> Iterator[Open]:
    project, program = made(folder)
    settings = {
        "devstral.server.path": str(program),
        "devstral.share_engine": is_shared,
        "devstral.n_threads": 1,
        "workbench.startupEditor": "none",
        "workbench.secondarySideBar.defaultVisibility": "hidden",
    }
    server = CodeServer(CACHE / "vscode", folder / "code", [ROOT / "editors/vscode/devstral-ls.vsix"], settings)
    try:
        window = Window(server.url(project, project / FIRST))
        try:
            window.wait_for_status("running")
            window.go_to(project / FIRST)
            yield Open(lambda key: window.press("Backspace") if key == "\x7f" else window.type(key))
        finally:
            window.close()
    finally:
        server.close()


OPENERS = {"neovim": neovim, "vscode": vscode}


def made(folder: Path, shim: str = SHIM) -> tuple[Path, Path]:
    """A project, and the program that the editor starts."""
    project, program = folder / "project", folder / "bin/devstral-ls"
    program.parent.mkdir(parents=True)
    project.mkdir()
    program.write_text(shim.format(python=sys.executable, proxy=PROXY, log=folder / "log"))
    program.chmod(0o755)
    (project / "pyproject.toml").write_text('[project]\nname = "shapes"\nversion = "1"\n')
    for name, (before, _) in KEYS_AT.items():
        (project / f"{name}.py").write_text(latency.HEAD + before)
    return project, program


def sizes() -> dict[str, Any]:
    """Mebibytes of every process of ours, by what it does."""
    kinds = {"servers": "serve", "semantics": "semantics", "index": "indexer", "engine": "devstral_ls.sharing"}
    found = {kind: {"pss_mib": 0.0, "rss_mib": 0.0, "n": 0} for kind in kinds}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            runtime = f"DEVSTRAL_LS_RUNTIME={os.environ['DEVSTRAL_LS_RUNTIME']}".encode()
            if runtime not in (process / "environ").read_bytes() or "devstral_ls" not in " ".join(words[:5]):
                continue
            lines = (process / "smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended, or is another user's
            continue
        kind = next((kind for kind, word in kinds.items() if any(each.endswith(word) for each in words[:6])), None)
        if kind is None:
            continue
        kib = {each.split(":")[0]: int(each.split()[1]) for each in lines if each.startswith(("Pss:", "Rss:"))}
        found[kind]["pss_mib"] += kib["Pss"] / 1024
        found[kind]["rss_mib"] += kib["Rss"] / 1024
        found[kind]["n"] += 1
    found["all"] = {unit: sum(each[unit] for each in found.values()) for unit in ("pss_mib", "rss_mib")}
    return {kind: {unit: round(value, 1) for unit, value in each.items()} for kind, each in found.items()}


def keys(places: list[str]) -> dict[str, Any]:
    """The same keys in Neovims that follow each other, alone and beside somebody's fixes, in the order A B B A."""
    latency.KEY_EVERY_S = KEY_EVERY_S
    runs: dict[str, list[list[float]]] = {"alone": [], "beside": []}
    n_fixes = 0
    with tempfile.TemporaryDirectory() as folder:
        for n, condition in enumerate(("alone", "beside", "beside", "alone")):
            with ExitStack() as stack:
                done = stack.enter_context(shared_engine.fixing()) if condition == "beside" else []
                runs[condition].append(typed(places, Path(folder) / str(n)))
                n_fixes += len(done)
    shared_engine.end_engine()
    every = {name: [each for run in found for each in run] for name, found in runs.items()}
    return {
        "keys": sum(map(len, every.values())),
        **{name: shared_engine.spread(found) for name, found in every.items()},
        "p95_ratio": round(percentile(every["beside"], 95) / percentile(every["alone"], 95), 2),
        "p50_ratio": round(median(every["beside"]) / median(every["alone"]), 2),
        "p95_ms_of_runs": {name: [round(percentile(run, 95), 1) for run in found] for name, found in runs.items()},
        "fixes_of_512_tokens_done_meanwhile": n_fixes,
        "goal": GOAL_KEYS,
    }


def typed(places: list[str], folder: Path) -> list[float]:
    """Milliseconds from each key to its answer, as the server between Neovim and the engine gave it."""
    with neovim(folder, is_shared=True, shim=latency.SHIM) as opened:
        assert opened.terminal is not None
        for name in places:
            latency.typed_in_terminal(opened.terminal, "neovim", folder / f"project/{name}.py", *KEYS_AT[name])
    return [1e3 * (each.answered_s - each.asked_s) for each in latency.answers(folder / "log", is_menu=False)]


if __name__ == "__main__":
    main()
