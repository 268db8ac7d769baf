"""Mixtral in plain torch: RMSNorm, RoPE, grouped-query attention, top-2 SwiGLU experts, tied head.

The mathematics is exactly that of `MixtralForCausalLM`, so that every exporter accepts the weights.
Shapes: B rows, T tokens a row, N = B·T, D hidden, E experts, F expert width, V vocabulary.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from onnx_export.blocks.rope import read_rope
from onnx_export.checkpoint import Settings

CROSS_ENTROPY_CHUNK_TOKENS = {"cpu": 512, "cuda": 16_384}  # logits of one chunk stay in cache; a GPU wants few kernels


@dataclass(frozen=True, slots=True)
class Config:
    """The sizes of a model."""

    d_model: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    d_expert: int
    vocab_size: int = 8192
    head_dim: int = 64
    n_experts: int = 8
    n_experts_per_token: int = 2
    window_tokens: int = 2048  # that it was trained with
    window_stretch: int = 1  # YaRN's factor: how many such windows it reads
    rope_theta: float = 10_000.0
    norm_epsilon: float = 1e-5


PRESETS = {
    "tiny": Config(64, 2, 2, 1, 64, head_dim=32),
    "XS": Config(128, 4, 4, 2, 256, head_dim=32),
    # XS's twin without experts: as many weights a token, so equal work a token.
    "XS-dense": Config(128, 4, 4, 2, 512, head_dim=32, n_experts=1, n_experts_per_token=1),
    "S": Config(192, 6, 3, 1, 256),
    "A": Config(256, 8, 4, 2, 256),
    "M1": Config(384, 10, 6, 2, 384),
}


@dataclass(frozen=True, slots=True)
class Routing:
    """How one layer's router spread its tokens, for the losses that keep experts in use."""

    balance_loss: Tensor  # 1 when every expert gets the same share
    z_loss: Tensor
    shares: Tensor  # [E], sums to 1


class RMSNorm(nn.Module):
    def __init__(self, size: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self._shape, self._epsilon = (size,), epsilon

    def forward(self, x: Tensor) -> Tensor:
        return functional.rms_norm(x, self._shape, self.weight, self._epsilon)


class Attention(nn.Module):
    """Causal attention; a few key-value heads serve all query heads."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._heads = (config.n_heads, config.n_kv_heads, config.head_dim)
        width, kv_width = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
        self.q = nn.Parameter(torch.empty(width, config.d_model))
        self.k = nn.Parameter(torch.empty(kv_width, config.d_model))
        self.v = nn.Parameter(torch.empty(kv_width, config.d_model))
        self.o = nn.Parameter(torch.empty(config.d_model, width))

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
        n_heads, n_kv_heads, head_dim = self._heads
        rows, length, _ = x.shape

        def split(weight: Tensor, n: int) -> Tensor:
            return (x @ weight.T).view(rows, length, n, head_dim).transpose(1, 2)

        q = rotate(split(self.q, n_heads), rope)
        k = rotate(split(self.k, n_kv_heads), rope)
        v = split(self.v, n_kv_heads)
        repeats = n_heads // n_kv_heads
        k, v = (t.repeat_interleave(repeats, dim=1) for t in (k, v))
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)  # [B, heads, T, dim]
        return y.transpose(1, 2).reshape(rows, length, -1) @ self.o.T


class Experts(nn.Module):
    """Top-k SwiGLU experts: tokens are sorted by expert, each expert multiplies its own slice."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._top_k, self._n_experts = config.n_experts_per_token, config.n_experts
        self.router = nn.Parameter(torch.empty(config.n_experts, config.d_model))
        self.gate_up = nn.Parameter(torch.empty(config.n_experts, 2, config.d_expert, config.d_model))
        self.down = nn.Parameter(torch.empty(config.n_experts, config.d_model, config.d_expert))

    def forward(self, x: Tensor) -> tuple[Tensor, Routing]:
        flat = x.view(-1, x.shape[-1])  # [N, D]
        with torch.autocast(x.device.type, enabled=False):  # a router that errs picks other experts
            scores = flat.float() @ self.router.T
        chances = scores.softmax(-1)  # [N, E]
        weights, chosen = chances.topk(self._top_k, dim=-1)
        weights = weights / weights.sum(-1, keepdim=True)
        counts = torch.bincount(chosen.flatten(), minlength=self._n_experts)
        order = chosen.flatten().argsort(stable=True)
        token = order // self._top_k
        is_half = torch.is_autocast_enabled(x.device.type)
        multiply = self._grouped if is_half else self._one_by_one
        y = multiply(flat[token], counts) * weights.flatten()[order].unsqueeze(1)
        out = torch.zeros_like(flat).index_add_(0, token, y.to(flat.dtype))
        return out.view_as(x), _routing(scores, chances, counts)

    def _grouped(self, x: Tensor, counts: Tensor) -> Tensor:
        """All experts in two products, in half precision; the counts never leave the device."""
        ends = counts.cumsum(0).to(torch.int32)
        gate_up, down = (w.mT.to(torch.bfloat16) for w in (self.gate_up.flatten(1, 2), self.down))
        gate, up = functional.grouped_mm(x.to(torch.bfloat16), gate_up, offs=ends).chunk(2, dim=-1)
        return functional.grouped_mm(functional.silu(gate) * up, down, offs=ends)

    def _one_by_one(self, x: Tensor, counts: Tensor) -> Tensor:
        """Each expert on its run of the sorted rows."""
        parts = torch.split(x, counts.tolist())
        return torch.cat([_swiglu(part, self.gate_up[expert], self.down[expert]) for expert, part in enumerate(parts)])


class Layer(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(config.d_model, config.norm_epsilon)
        self.attention = Attention(config)
        self.experts_norm = RMSNorm(config.d_model, config.norm_epsilon)
        self.experts = Experts(config)

    def forward(self, x: Tensor, rope: tuple[Tensor, Tensor]) -> tuple[Tensor, Routing]:
        x = x + self.attention(self.attention_norm(x), rope)
        y, routing = self.experts(self.experts_norm(x))
        return x + y, routing


class Mixtral(nn.Module):
    """The whole decoder; its output embedding is its input embedding."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Parameter(torch.empty(config.vocab_size, config.d_model))
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.n_layers))
        self.norm = RMSNorm(config.d_model, config.norm_epsilon)
        self._initialise()

    def hidden(self, ids: Tensor) -> tuple[Tensor, list[Routing]]:
        """The normalised last hidden states [B, T, D] and each layer's routing."""
        x = functional.embedding(ids, self.embedding)
        rope = rope_tables(self.config, ids.shape[1], x.device)
        routings = []
        for layer in self.layers:
            x, routing = layer(x, rope)
            routings.append(routing)
        return self.norm(x), routings

    def forward(self, ids: Tensor) -> Tensor:
        """Logits [B, T, V]."""
        return self.hidden(ids)[0] @ self.embedding.T

    def _initialise(self) -> None:
        residual_std = 0.02 / math.sqrt(2 * self.config.n_layers)
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                writes_residual = name.endswith((".o", ".down"))
                nn.init.normal_(parameter, std=residual_std if writes_residual else 0.02)


def rope_tables(config: Config, length: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines [T, head_dim], the two halves of a head holding the same angles."""
    rope = read_rope(Settings(rope_settings(config)), config.head_dim)
    inverse = torch.from_numpy(rope.frequencies).to(device)
    angles = torch.outer(torch.arange(length, device=device, dtype=torch.float32), inverse)
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos() * rope.attention_factor, angles.sin() * rope.attention_factor


def rope_settings(config: Config) -> dict[str, Any]:
    """The positions in the names of `MixtralConfig`."""
    told: dict[str, Any] = {
        "max_position_embeddings": config.window_tokens * config.window_stretch,
        "rope_theta": config.rope_theta,
    }
    if 1 < config.window_stretch:
        trained = {"original_max_position_embeddings": config.window_tokens}
        told["rope_scaling"] = {"rope_type": "yarn", "factor": config.window_stretch, **trained}
    return told


def rotate(x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    """Turn each pair of a head's halves by its position's angles."""
    cos, sin = rope
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-second, first], dim=-1) * sin


def cross_entropy(hidden: Tensor, embedding: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of [N, D] states under a tied head, its gradient made chunk by chunk."""
    loss: Tensor = _ChunkedCrossEntropy.apply(hidden, embedding, targets)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return loss


class _ChunkedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, embedding: Tensor, targets: Tensor) -> Tensor:
        n_tokens = hidden.shape[0]
        d_hidden, d_embedding = torch.empty_like(hidden), torch.zeros_like(embedding)
        total = hidden.new_zeros(())
        chunk = CROSS_ENTROPY_CHUNK_TOKENS[hidden.device.type]
        for start in range(0, n_tokens, chunk):
            here = slice(start, start + chunk)
            target = targets[here].unsqueeze(1)
            logits = hidden[here] @ embedding.T  # [chunk, V]
            log_chances = logits.log_softmax(-1, dtype=hidden.dtype)  # products may come in half precision
            total -= log_chances.gather(1, target).sum()
            slope = log_chances.exp_().scatter_add_(1, target, hidden.new_full(target.shape, -1.0))
            d_hidden[here] = slope @ embedding
            d_embedding.addmm_(slope.T, hidden[here])
        ctx.save_for_backward(d_hidden.div_(n_tokens), d_embedding.div_(n_tokens))
        return total / n_tokens

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, Tensor, None]:
        d_hidden, d_embedding = ctx.saved_tensors
        return d_hidden * slope, d_embedding * slope, None


def _swiglu(x: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    gate, up = (x @ gate_up.flatten(0, 1).T).chunk(2, dim=-1)
    return (functional.silu(gate) * up) @ down.T


def _routing(scores: Tensor, chances: Tensor, counts: Tensor) -> Routing:
    shares = counts / counts.sum()
    balance_loss = len(counts) * (shares * chances.mean(0)).sum()
    return Routing(balance_loss, scores.logsumexp(-1).square().mean(), shares)
