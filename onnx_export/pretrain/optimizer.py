"""Muon for the matrices, AdamW for embeddings, norms and routers, under one learning rate."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

MUON_MOMENTUM = 0.95
MUON_UPDATE_RMS = 0.2  # of AdamW's usual update, so that both share a learning rate
ADAM_BETAS = (0.9, 0.95)
ADAM_EPSILON = 1e-10
WEIGHT_DECAY = 0.1
NEWTON_SCHULZ_STEPS = 5
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Momentum whose matrices are made orthogonal; leading dimensions are batches of matrices."""

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        super().__init__(parameters, {"lr": 0.0})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # closures are not used
        for group in self.param_groups:
            for parameter in group["params"]:
                self._update(parameter, group["lr"])

    def _update(self, parameter: nn.Parameter, lr: float) -> None:
        assert parameter.grad is not None
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum = state["momentum"]
        momentum.lerp_(parameter.grad, 1 - MUON_MOMENTUM)
        ahead = parameter.grad.lerp(momentum, MUON_MOMENTUM)
        matrices = ahead.reshape(-1, *ahead.shape[-2:])
        update = orthogonal(matrices).view_as(parameter)
        parameter.mul_(1 - lr * WEIGHT_DECAY)
        parameter.add_(update, alpha=-lr * MUON_UPDATE_RMS * max(parameter.shape[-2:]) ** 0.5)


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest orthogonal matrices, roughly, by Newton-Schulz steps; batched."""
    a, b, c = NEWTON_SCHULZ
    x = matrices
    is_tall = x.shape[-2] > x.shape[-1]
    if is_tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = x.mT if is_tall else x
    return result


def optimizers(model: nn.Module) -> list[torch.optim.Optimizer]:
    """One optimizer for each kind of parameter."""
    named = list(model.named_parameters())
    matrices = [p for name, p in named if is_matrix(name, p)]
    others = [p for name, p in named if not is_matrix(name, p)]
    adam = torch.optim.AdamW(others, lr=0.0, betas=ADAM_BETAS, eps=ADAM_EPSILON, weight_decay=0.0, fused=True)
    return [Muon(matrices), adam]


def is_matrix(name: str, parameter: nn.Parameter) -> bool:
    """Whether a parameter maps hidden states to hidden states."""
    return parameter.ndim > 1 and not name.endswith(("embedding", "router"))
