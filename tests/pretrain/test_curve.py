"""The loss curve is drawn smooth, and not late."""

from onnx_export.pretrain.curve import smoothed


def test_each_value_is_the_mean_of_its_neighbours() -> None:
    """At the ends there are fewer of them."""
    assert [1.5, 2.0, 3.0, 3.5] == smoothed([1.0, 2.0, 3.0, 4.0], 3)
