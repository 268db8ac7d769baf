"""The loss of a run over the tokens it has seen, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from onnx_export.pretrain.state import State, read_lines

SMOOTHED_LINES = 9


def plot(state: State, run: str, out: Path) -> None:
    """Draw the run's log, its learning rate below."""
    import matplotlib.pyplot as plt  # noqa: PLC0415 - the other stages need no pictures

    lines = list(read_lines(state.run(run) / "log.jsonl"))
    millions = [line["tokens"] / 1e6 for line in lines]
    losses = [line["loss"] for line in lines]
    figure, (upper, lower) = plt.subplots(2, sharex=True, figsize=(7, 4.5), height_ratios=(4, 1), layout="constrained")
    upper.plot(millions, losses, color="0.8", linewidth=1)
    upper.plot(millions, smoothed(losses, SMOOTHED_LINES), color="C0")
    upper.set_ylabel("training loss (nats a token)")
    lower.plot(millions, [line["learning_rate_share"] for line in lines], color="C1")
    lower.set_ylabel("rate")
    lower.set_xlabel("million tokens")
    figure.savefig(out)


def smoothed(values: Sequence[float], width: int) -> list[float]:
    """Means of each value and its neighbours."""
    reach = width // 2
    windows = [values[max(0, at - reach) : at + reach + 1] for at in range(len(values))]
    return [sum(window) / len(window) for window in windows]
