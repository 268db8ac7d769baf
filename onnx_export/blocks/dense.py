"""Feed-forward blocks that every token runs whole."""

from dataclasses import dataclass

from onnx_export.build import Build, Linear, packed
from onnx_export.errors import Unsupported


@dataclass(frozen=True, slots=True)
class GatedDense:
    """down(silu(gate(x)) · up(x)); gate and up are one product."""

    gate: Linear
    up: Linear
    down: Linear

    def emit(self, build: Build, x: str, at: str) -> str:
        graph = build.graph
        inner = self.gate.weight.n_rows
        both = build.linear(x, packed(self.gate, self.up), f"{at}.gate_up")
        names = (f"{at}.gate", f"{at}.up")
        gate, up = graph.nodes_out("Split", both, graph.constant([inner, inner]), out=names, axis=-1)
        sigmoid = graph.node("Sigmoid", gate, out=f"{at}.sigmoid")
        silu = graph.node("Mul", gate, sigmoid, out=f"{at}.silu")
        product = graph.node("Mul", silu, up, out=f"{at}.product")
        return build.linear(product, self.down, f"{at}.down")


@dataclass(frozen=True, slots=True)
class PlainDense:
    """down(gelu(up(x)))."""

    up: Linear
    down: Linear
    activation: str

    def emit(self, build: Build, x: str, at: str) -> str:
        up = build.linear(x, self.up, f"{at}.up")
        return build.linear(_gelu(build, up, self.activation, f"{at}.activation"), self.down, f"{at}.down")


def require_silu(activation: str) -> None:
    """Gated blocks are built for silu only."""
    if activation not in ("silu", "swish"):
        raise Unsupported(f"config.json: hidden_act {activation!r} is not proven here; known is silu")


def _gelu(build: Build, x: str, activation: str, at: str) -> str:
    match activation:
        case "gelu_pytorch_tanh" | "gelu_new":
            return build.graph.node("Gelu", x, out=at, approximate="tanh")
        case "gelu":
            return build.graph.node("Gelu", x, out=at)
    raise Unsupported(f"config.json: hidden_act {activation!r} is not proven here; known are gelu and its tanh form")
