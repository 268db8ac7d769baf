"""Adapt the embedded model to one's own code on one's own machine, in minutes of one core.

own files ─▶ rows in the product's own format ─▶ a short decayed run from the bundle ─▶ a bundle beside the others
     └─▶ a tenth held out: measured before and after

All weights learn: at this size a low-rank adapter would save neither memory nor time.
Nothing leaves the machine, and what was written on the way is deleted at the end.
"""

import json
import logging
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from devstral_ls.engine.manifest import TOKENIZER_NAME, read_manifest, write_manifest
from onnx_export.errors import ExportError
from onnx_export.export import ExportOptions, plan_export, run_export
from onnx_export.pretrain import corpus, evaluate, pack, repository, start, tokenizer, train
from onnx_export.pretrain.corpus import SourceFile
from onnx_export.pretrain.evaluate import Reading
from onnx_export.pretrain.state import State, write_lines

log = logging.getLogger(__name__)

RUN = "finetune"
PEAK_RATE = 2e-3
BATCH_TOKENS = 2048
MIN_STEPS = 8
LICENCE_NAME = "LICENSE"
PLAIN_NAME = re.compile(r"[^A-Za-z0-9_.+-]+")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for: whose code, from which bundle, how often it is read, under which name."""

    roots: tuple[Path, ...]
    base: Path
    passes: float
    name: str
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How well the held-out files are foreseen, before and after."""

    before: Reading
    after: Reading
    n_files: int
    n_held_out: int
    tokens: int

    @property
    def is_better(self) -> bool:
        return self.after.bits_per_byte < self.before.bits_per_byte


def default_name(roots: Sequence[Path]) -> str:
    """The model's name, after the first repository."""
    return PLAIN_NAME.sub("-", f"embedded-{roots[0].resolve().name}")


def finetune(request: Request, out_dir: Path) -> Outcome:
    """Learn, measure, and write the bundle; a stopped run writes none."""
    with tempfile.TemporaryDirectory(prefix="devstral-ls-finetune-") as folder:
        state = State(Path(folder))
        files, held_out = repository.read(request.roots)
        log.info("learns from %d files; %d others only judge", len(files), len(held_out))
        n_steps = _prepare(state, request, files)
        before = _read(state, request.base, held_out, request.threads)
        log.info("before: %s; now %d steps of %d tokens", _words(before), n_steps, BATCH_TOKENS)
        trained = _train(state, request, n_steps)
        after = _read(state, trained, held_out, request.threads)
        log.info("after: %s", _words(after))
        outcome = Outcome(before, after, len(files), len(held_out), n_steps * BATCH_TOKENS)
        _write_bundle(trained, out_dir, request, outcome)
        return outcome


def add_to_models(bundle: Path, name: str) -> None:
    """As `devstral-ls model add` does it, by that very command: the workshop knows no other room."""
    _devstral_ls("model", "add", str(bundle), "--name", name)


def require_free_name(name: str) -> None:
    """Say before the work, not after it, that a name is taken."""
    listed = json.loads(_devstral_ls("model", "list", "--json"))
    if name in {model["name"] for model in listed}:
        raise ExportError(f"a model named {name!r} is there already; remove it, or choose another name with --name")


def _prepare(state: State, request: Request, files: list[SourceFile]) -> int:
    """Pack the rows for every pass, each with other holes; returns how many steps they make."""
    write_lines(state.corpus / corpus.TRAIN_FILE, map(asdict, files))
    shutil.copyfile(request.base / TOKENIZER_NAME, state.tokenizer)
    tokens = tokenizer.load(state.tokenizer)
    n_tokens = request.passes * sum(len(tokens.encode(file.text).ids) for file in files)
    n_steps = max(MIN_STEPS, round(n_tokens / BATCH_TOKENS))
    pack.pack(state, epoch=0, max_tokens=(n_steps + MIN_STEPS) * BATCH_TOKENS)
    return n_steps


def _read(state: State, folder: Path, files: list[SourceFile], n_threads: int) -> Reading:
    torch.set_num_threads(n_threads)
    return evaluate.read(start.open_model(folder).eval(), files, tokenizer.load(state.tokenizer))


def _train(state: State, request: Request, n_steps: int) -> Path:
    """The folder of the learnt weights."""
    plan = train.Plan(
        run=RUN,
        preset="XS",
        max_steps=n_steps,
        decay_steps=n_steps,
        threads=request.threads,
        start_from=request.base,
        peak_rate=PEAK_RATE,
        batch_tokens=BATCH_TOKENS,
    )
    train.train(state, plan)
    folder = state.run(RUN) / "final"
    if not folder.exists():
        raise ExportError("stopped before its end; nothing was added")
    return folder


def _write_bundle(trained: Path, out_dir: Path, request: Request, outcome: Outcome) -> None:
    base = read_manifest(request.base)
    provenance = {
        "base": base.name,
        "run": base.provenance.get("run"),
        "finetuned_on": [root.resolve().name for root in request.roots],
        "finetune_tokens": outcome.tokens,
        "before": asdict(outcome.before),
        "after": asdict(outcome.after),
    }
    # Weights that learnt somebody's own code are theirs to license.
    options = ExportOptions(precision=base.precision, name=request.name, license="unknown", provenance=provenance)
    manifest = run_export(plan_export(trained, options), out_dir).manifest
    if (request.base / LICENCE_NAME).is_file():
        shutil.copyfile(request.base / LICENCE_NAME, out_dir / LICENCE_NAME)
    manifest = replace(
        manifest,
        match_ladder=base.match_ladder,
        project_ladder=base.project_ladder,
        infill_tokens=base.infill_tokens,
    )
    write_manifest(out_dir, manifest)


def _words(reading: Reading) -> str:
    return f"{reading.bits_per_byte:.3f} bits a byte, first guess right {reading.top_1:.1%}"


def _devstral_ls(*arguments: str) -> str:
    command = [sys.executable, "-m", "devstral_ls", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise ExportError(done.stderr.strip() or f"devstral-ls {arguments[0]} failed")
    return done.stdout
