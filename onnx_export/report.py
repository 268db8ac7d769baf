"""How far the quantised weights are from the original ones, layer by layer."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WeightError:
    """Sums over some rows of a weight; `relative` is the root mean square error over that of the weight."""

    bits: int
    squared_error: float
    squared_weight: float
    largest_error: float

    @property
    def relative(self) -> float:
        return float(np.sqrt(self.squared_error / self.squared_weight)) if self.squared_weight else 0.0

    def __add__(self, other: "WeightError") -> "WeightError":
        return WeightError(
            self.bits,
            self.squared_error + other.squared_error,
            self.squared_weight + other.squared_weight,
            max(self.largest_error, other.largest_error),
        )


@dataclass(slots=True)
class QuantisationReport:
    """One entry a weight, in the order of the graph."""

    weights: dict[str, WeightError] = field(default_factory=dict)

    def add(self, name: str, error: WeightError) -> None:
        """Count some more rows of a weight."""
        known = self.weights.get(name)
        self.weights[name] = error if known is None else known + error

    def worst(self) -> tuple[str, WeightError] | None:
        """Return the weight that lost most, relative to its size."""
        return max(self.weights.items(), key=lambda item: item[1].relative, default=None)


def measure(bits: int, original: Floats, stored: Floats) -> WeightError:
    """Compare some rows with what is stored of them."""
    difference, weight = (stored - original).ravel(), original.ravel()
    return WeightError(bits, float(difference @ difference), float(weight @ weight), float(np.abs(difference).max()))
