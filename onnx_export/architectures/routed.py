"""How the families with gate, up and down projections store their experts: one by one, or all in two tensors."""

from onnx_export.blocks.dense import require_silu
from onnx_export.build import ExpertWeights
from onnx_export.checkpoint import Settings, Tensors
from onnx_export.matrix import Matrix, interleaved, sliced, stacked

NAMES = ("gate_proj.weight", "up_proj.weight", "down_proj.weight")


def read_experts(
    tensors: Tensors, settings: Settings, n_experts: int, inner: int, names: tuple[str, str, str] = NAMES
) -> ExpertWeights:
    """Return the experts below `experts.`; `names` are those of gate, up and down."""
    require_silu(settings.text("hidden_act", "silu"))
    hidden = settings.count("hidden_size")
    if "experts.gate_up_proj" in tensors:
        both = tensors.matrix("experts.gate_up_proj", n_experts * 2 * inner, hidden)
        gate_up = [_interleaved_halves(both, index * 2 * inner, inner) for index in range(n_experts)]
        down = tensors.matrix("experts.down_proj", n_experts * hidden, inner)
    else:
        experts = [tensors.at(f"experts.{index}") for index in range(n_experts)]
        gate_up = [
            interleaved(expert.matrix(names[0], inner, hidden), expert.matrix(names[1], inner, hidden))
            for expert in experts
        ]
        down = stacked([expert.matrix(names[2], hidden, inner) for expert in experts])
    return ExpertWeights(
        n_experts=n_experts,
        n_active=settings.count("num_experts_per_tok"),
        gate_up=stacked(gate_up),
        down=down,
    )


def _interleaved_halves(both: Matrix, start: int, inner: int) -> Matrix:
    return interleaved(sliced(both, start, start + inner), sliced(both, start + inner, start + 2 * inner))
