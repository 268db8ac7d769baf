"""Train until told to decay: one step after the other, each resumable."""

import json
import logging
import math
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from torch import Tensor

from onnx_export.pretrain import checkpoint, pack, rounding, start, tokenizer
from onnx_export.pretrain.checkpoint import Progress, Tensors
from onnx_export.pretrain.model import PRESETS, Mixtral, cross_entropy
from onnx_export.pretrain.optimizer import optimizers
from onnx_export.pretrain.schedule import Decay, learning_rate_share, moment
from onnx_export.pretrain.state import State

log = logging.getLogger(__name__)

PEAK_LEARNING_RATE = {"tiny": 1e-2, "XS": 1e-2, "XS-dense": 1e-2, "S": 5e-3, "A": 4e-3, "M1": 2.5e-3}
# Young models gain more from many steps than from sure ones: (tokens a batch, from so many seen).
BATCH_TOKENS = ((8192, 3_000_000), (4096, 300_000), (2048, 0))
BALANCE_WEIGHT, Z_WEIGHT = 0.01, 0.001
MAX_GRADIENT_NORM = 1.0
AVERAGE_STEPS = 100
LOG_EVERY_STEPS = 10
FINISH_BY_NAME = "finish-by"
LONGEST_STEP_S = 60  # a longer one slept or was stopped: it does not count as running time
MALLOC = {  # glibc: keep large buffers instead of asking the kernel for fresh pages each time
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
    "MALLOC_TOP_PAD_": "268435456",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call to train is asked to do."""

    run: str
    preset: str
    finish_at_s: float | None = None  # when its decay must have ended, in seconds since the epoch
    decay_minutes: float = 20.0
    max_steps: int | None = None  # of this run, those of the weights it began with not counted
    decay_steps: int = 0  # the last of max_steps
    threads: int = 1
    start_from: Path | None = None  # a bundle or a checkpoint folder, for a run that has no state yet
    epoch: int = 0  # the packed rows that a new run begins with
    peak_rate: float | None = None  # None: the preset's; weights that were decayed want less
    batch_tokens: int | None = None  # None: by age
    micro_tokens: int | None = None  # what goes through the model at once; None: the batch
    device: str = "cpu"
    is_half: bool = False  # products in bfloat16: for GPUs; on processors without it, it only rehearses
    round_to_bits: int | None = None  # gradients are taken at weights that are stored so; None: as they are
    save_every_s: int = 240


def restart_with_malloc_settings() -> None:
    """The C library reads them at start only."""
    if any(os.environ.get(name) != value for name, value in MALLOC.items()):
        os.environ.update(MALLOC)
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  the very same command again


def train(state: State, plan: Plan) -> None:
    """Continue a run, or begin it; SIGTERM and SIGINT save and stop."""
    torch.set_num_threads(plan.threads)
    run = _Run.open(state, plan)
    stop = _StopSignal()
    while not stop.is_set and not run.is_finished:
        run.step()
    run.save()
    if run.is_finished:
        run.publish()


def ask_to_decay(state: State, run: str, finish_by: str) -> None:
    """Tell a running trainer when it must have finished."""
    (state.run(run) / FINISH_BY_NAME).write_text(finish_by)


def publish_average(state: State, run: str, folder: Path) -> None:
    """Write the running mean of a run's weights: what a decay would come near to, at no cost."""
    loaded = checkpoint.load_training(state.run(run) / "steady")
    if loaded is None:
        sys.exit(f"run {run!r} has saved no weights yet in {state.run(run)}")
    model, averaged, _, progress = loaded
    checkpoint.save_hf(folder, model.config, averaged, state.tokenizer)
    checkpoint.save_facts(folder, run, progress)


class _StopSignal:
    """Set once the process is asked to end."""

    def __init__(self) -> None:
        self.is_set = False
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.is_set = True


class _Run:
    """A run in progress: owns the model, its optimizers, its place in the data and its log."""

    def __init__(self, state: State, plan: Plan, model: Mixtral, averaged: Tensors, progress: Progress) -> None:
        self._state, self._plan, self._folder = state, plan, state.run(plan.run)
        self._model, self._averaged, self._progress = model, averaged, progress
        self._optimizers = optimizers(model)
        self._rows = _RowReader(state, progress, plan.batch_tokens)
        self._decay: Decay | None = None
        self._saved_at_s = time.monotonic()
        self._meter = _Meter()

    @classmethod
    def open(cls, state: State, plan: Plan) -> "_Run":
        state.run(plan.run).mkdir(parents=True, exist_ok=True)
        loaded = checkpoint.load_training(state.run(plan.run) / "steady")
        if loaded is None:
            model, progress = _beginning(plan)
            model = model.to(plan.device)
            averaged = {name: p.detach().clone() for name, p in model.named_parameters()}
            return cls(state, plan, model, averaged, progress)
        model, averaged, momenta, progress = loaded
        averaged = {name: tensor.to(plan.device) for name, tensor in averaged.items()}
        run = cls(state, plan, model.to(plan.device), averaged, progress)
        _load_momenta(run._optimizers, momenta)
        log.info("resumed at step %d, %.2f M tokens", progress.step, progress.tokens / 1e6)
        return run

    @property
    def is_finished(self) -> bool:
        if self._plan.max_steps is not None and self._plan.max_steps <= self._own_steps:
            return True
        return self._decay is not None and self._decay.ends <= self._now

    @property
    def _own_steps(self) -> int:
        """Without those of the weights that it began with."""
        return self._progress.step - self._progress.began_at_step

    @property
    def _now(self) -> float:
        """As its decay is told: in steps of this run, or by the clock."""
        return self._own_steps if self._plan.decay_steps else time.time()

    def step(self) -> None:
        """One batch through the model, one update of the weights."""
        started_s, started_cpu_s = time.monotonic(), time.process_time()
        self._begin_decay_when_due()
        ids = self._rows.batch(self._progress)
        with self._as_it_will_be_stored():
            loss, balance = self._forward_backward(ids)
        norm = torch.nn.utils.clip_grad_norm_(self._model.parameters(), MAX_GRADIENT_NORM)
        share = learning_rate_share(self._own_steps, self._decay, self._now)
        if math.isfinite(loss) and torch.isfinite(norm):
            self._update(share)
        else:
            log.warning("step %d skipped: loss %s, gradient %s", self._progress.step, loss, norm)
        self._progress.step += 1
        self._progress.tokens += ids.numel()
        took_s = time.monotonic() - started_s
        self._progress.running_s += min(took_s, LONGEST_STEP_S)
        self._meter.add(loss, balance, ids.numel(), took_s, time.process_time() - started_cpu_s)
        if self._progress.step % LOG_EVERY_STEPS == 0:
            self._write_log(share)
        if self._decay is None and self._plan.save_every_s < time.monotonic() - self._saved_at_s:
            self.save()

    def save(self) -> None:
        """Keep the state to resume from; a decaying run keeps the one from before its decay."""
        self._saved_at_s = time.monotonic()
        if self._decay is None:
            momenta = _momenta(self._optimizers)
            folder = self._folder / "steady"
            checkpoint.save_training(folder, self._model, self._averaged, momenta, self._progress)

    def publish(self) -> None:
        """Write the finished weights for evaluation and export."""
        weights = dict(self._model.named_parameters())
        folder = self._folder / "final"
        checkpoint.save_hf(folder, self._model.config, weights, self._state.tokenizer)
        checkpoint.save_facts(folder, self._plan.run, self._progress)
        log.info("finished: %s", folder)

    def _as_it_will_be_stored(self) -> AbstractContextManager[None]:
        bits = self._plan.round_to_bits
        return nullcontext() if bits is None else rounding.rounded(self._model, bits)

    def _forward_backward(self, ids: Tensor) -> tuple[float, float]:
        """Gradients of the batch's mean loss, a part of its rows at a time."""
        rows_at_once = max(1, (self._plan.micro_tokens or ids.numel()) // ids.shape[1])
        losses = [self._part(part, len(part) / len(ids)) for part in torch.split(ids, rows_at_once)]
        loss, balance = (torch.stack(each).sum().item() for each in zip(*losses, strict=True))
        return loss, balance

    def _part(self, ids: Tensor, share: float) -> tuple[Tensor, Tensor]:
        ids = ids.to(self._plan.device, non_blocking=True)
        inputs, targets = ids[:, :-1], ids[:, 1:].reshape(-1)
        with torch.autocast(ids.device.type, torch.bfloat16, enabled=self._plan.is_half):
            hidden, routings = self._model.hidden(inputs)
            learnt = targets != _PAD
            flat = hidden.reshape(-1, hidden.shape[-1])
            if not learnt.all():
                flat, targets = flat[learnt], targets[learnt]
            loss = cross_entropy(flat, self._model.embedding, targets)
        balance = torch.stack([routing.balance_loss for routing in routings])
        z = torch.stack([routing.z_loss for routing in routings])
        (share * (loss + BALANCE_WEIGHT * balance.sum() + Z_WEIGHT * z.sum())).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return share * loss.detach(), share * balance.detach().mean()

    def _update(self, share: float) -> None:
        rate = share * (self._plan.peak_rate or PEAK_LEARNING_RATE[self._plan.preset])
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self._model.zero_grad()
        steps = min(AVERAGE_STEPS, self._own_steps + 1)
        named = self._model.named_parameters()
        with torch.no_grad():
            for name, parameter in named:
                self._averaged[name].lerp_(parameter, 1 / steps)

    def _begin_decay_when_due(self) -> None:
        planned = self._planned_decay() if self._decay is None else None
        if planned is None or self._now < planned.starts:
            return
        (self._folder / FINISH_BY_NAME).unlink(missing_ok=True)
        self.save()
        self._decay = planned
        log.info("decay begins at step %d", self._progress.step)

    def _planned_decay(self) -> Decay | None:
        plan, asked = self._plan, self._folder / FINISH_BY_NAME
        if plan.decay_steps:
            assert plan.max_steps is not None
            return Decay(plan.max_steps - plan.decay_steps, plan.max_steps)
        ends_s = moment(asked.read_text()) if asked.exists() else plan.finish_at_s
        if ends_s is None:
            return None
        starts_s = ends_s - 60 * plan.decay_minutes
        # One that is asked for late begins where the rate still stands at its peak: now.
        return Decay(min(max(starts_s, time.time()), ends_s - 1), ends_s)

    def _write_log(self, share: float) -> None:
        entry = {
            "step": self._progress.step,
            "tokens": self._progress.tokens,
            "running_s": round(self._progress.running_s, 1),
            "learning_rate_share": round(share, 4),
            **self._meter.summary(),
        }
        with (self._folder / "log.jsonl").open("a") as lines:
            lines.write(json.dumps(entry) + "\n")
        log.info(" ".join(f"{name}={value}" for name, value in entry.items()))


def _beginning(plan: Plan) -> tuple[Mixtral, Progress]:
    """The weights and the place in the rows of a run that has no state yet."""
    torch.manual_seed(0)
    if plan.start_from is None:
        return Mixtral(PRESETS[plan.preset]), Progress(epoch=plan.epoch)
    progress = start.progress_of(plan.start_from)
    progress.epoch = plan.epoch
    log.info("begins with %s, after %.2f M tokens", plan.start_from, progress.tokens / 1e6)
    return start.open_model(plan.start_from), progress


class _RowReader:
    """Deals out batches of packed rows, each row once an epoch."""

    def __init__(self, state: State, progress: Progress, batch_tokens: int | None) -> None:
        self._state, self._batch_tokens = state, batch_tokens
        if progress.rows_read is None:
            progress.rows_read = {str(length): 0 for length in pack.ROW_TOKENS}
        self._open(progress.epoch)

    def batch(self, progress: Progress) -> Tensor:
        """Token ids [rows, row_tokens], of the length of which less of its epoch has been read."""
        budget = self._batch_tokens or next(size for size, seen in BATCH_TOKENS if seen <= progress.tokens)
        read = progress.rows_read
        assert read is not None
        shares = {length: read[str(length)] / len(rows) for length, rows in self._rows.items()}
        length = min(pack.ROW_TOKENS, key=shares.__getitem__)
        n_rows = budget // length
        first = read[str(length)]
        if len(self._rows[length]) < first + n_rows:
            read, first = self._next_epoch(progress), 0
        read[str(length)] = first + n_rows
        rows = self._rows[length][first : first + n_rows]
        return torch.from_numpy(np.asarray(rows, np.int64))

    def _next_epoch(self, progress: Progress) -> dict[str, int]:
        packed = pack.epochs(self._state)
        progress.epoch = progress.epoch + 1 if progress.epoch + 1 in packed else packed[0]
        progress.rows_read = {str(length): 0 for length in pack.ROW_TOKENS}
        self._open(progress.epoch)
        return progress.rows_read

    def _open(self, epoch: int) -> None:
        self._rows = {n: pack.open_rows(self._state, epoch, n) for n in pack.ROW_TOKENS}


class _Meter:
    """Sums over the steps since the last line of the log."""

    def __init__(self) -> None:
        self._steps: list[tuple[float, float, int, float, float]] = []

    def add(self, loss: float, balance: float, tokens: int, wall_s: float, cpu_s: float) -> None:
        self._steps.append((loss, balance, tokens, wall_s, cpu_s))

    def summary(self) -> dict[str, float]:
        loss, balance, tokens, wall_s, cpu_s = map(sum, zip(*self._steps, strict=True))
        n_steps = len(self._steps)
        self._steps.clear()
        return {
            "loss": round(loss / n_steps, 4),
            "balance": round(balance / n_steps, 3),
            "tokens_per_s": round(tokens / wall_s),
            "tokens_per_cpu_s": round(tokens / cpu_s),
        }


def _momenta(optimizers: list[torch.optim.Optimizer]) -> Tensors:
    return {f"{o}.{p}.{name}": tensor for o, p, name, tensor in _moments(optimizers)}


def _load_momenta(optimizers: list[torch.optim.Optimizer], momenta: Tensors) -> None:
    for key, tensor in momenta.items():
        o, p, name = key.split(".")
        optimizer = optimizers[int(o)]
        parameter = _parameters(optimizer)[int(p)]
        optimizer.state[parameter][name] = tensor.to(parameter.device)


def _moments(
    optimizers: list[torch.optim.Optimizer],
) -> Iterator[tuple[int, int, str, Tensor]]:
    for o, optimizer in enumerate(optimizers):
        for p, parameter in enumerate(_parameters(optimizer)):
            for name, tensor in optimizer.state[parameter].items():
                yield o, p, name, tensor


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


_PAD = tokenizer.SPECIAL_TOKENS.index(tokenizer.PAD)
