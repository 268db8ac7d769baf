"""The model card tells the figures that were measured, and says so when there are none."""

import pytest

pytest.importorskip("torch")

from onnx_export.pretrain import cards
from onnx_export.pretrain.model import PRESETS

pytestmark = pytest.mark.torch

TRAINING = {"tokens": 5_400_000}
FIGURES = {
    "cases_per_task": 200,
    "int8": {
        "reading": {"bits_per_byte": 1.234, "bits_per_byte_with_matches": 1.1, "first_guess_right": 0.5},
        "network alone": {"rest of line": {"exact": 0.25}, "after dot": {"exact": 0.5}},
    },
    "baselines": {"jedi": {"after dot": {"exact": 0.1}}},
}


def check_card_has(line: str, figures: dict[str, object] | None) -> None:
    assert line in cards.model_card(PRESETS["XS"], TRAINING, figures, "int8").splitlines()


def test_tasks_are_columns() -> None:
    """The model and its baselines stand below each other."""
    check_card_has("| this model, network alone | 25.0% | 50.0% |", FIGURES)


def test_baseline_may_lack_a_task() -> None:
    """Static analysis names attributes and nothing else."""
    check_card_has("| jedi |  | 10.0% |", FIGURES)


def test_missing_figures_are_said_to_be_missing() -> None:
    """A card without figures makes no claim."""
    check_card_has("Not measured yet.", None)
