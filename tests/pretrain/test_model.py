"""The model is Mixtral, and a stopped run goes on as if it had never stopped."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from onnx_export.pretrain import checkpoint, optimizer, pack, rounding, tokenizer, train  # noqa: E402  torch may be absent
from onnx_export.pretrain.model import PRESETS, Mixtral, cross_entropy  # noqa: E402  the same
from onnx_export.pretrain.state import State  # noqa: E402  the same

pytestmark = pytest.mark.torch


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path)
    tokenizer.train(["def f(): pass\n"], vocab_size=300).save(str(state.tokenizer))
    rng = np.random.default_rng(0)
    state.packed.mkdir()
    for length in pack.ROW_TOKENS:
        rng.integers(32, 300, (64, length), np.uint16).tofile(pack.rows_path(state, 0, length))
    return state


def model(seed: int = 0) -> Mixtral:
    torch.manual_seed(seed)
    return Mixtral(PRESETS["tiny"])


def test_transformers_agrees(tmp_path: Path, state: State) -> None:
    """`MixtralForCausalLM` loads a checkpoint folder and computes the same logits."""
    transformers = pytest.importorskip("transformers")
    ours = model()
    checkpoint.save_hf(tmp_path / "hf", ours.config, dict(ours.named_parameters()), state.tokenizer)
    theirs = transformers.MixtralForCausalLM.from_pretrained(tmp_path / "hf", dtype=torch.float32)
    ids = torch.randint(0, 8192, (2, 40))
    with torch.no_grad():
        torch.testing.assert_close(ours(ids), theirs(ids).logits, atol=1e-5, rtol=1e-4)


def test_checkpoint_folder_reads_back(tmp_path: Path, state: State) -> None:
    """Writing and reading a folder changes no weight."""
    ours = model()
    checkpoint.save_hf(tmp_path / "hf", ours.config, dict(ours.named_parameters()), state.tokenizer)
    again = dict(checkpoint.load_hf(tmp_path / "hf").named_parameters())
    for name, parameter in ours.named_parameters():
        assert torch.equal(parameter, again[name])


def test_chunked_cross_entropy_is_cross_entropy() -> None:
    """The loss and both gradients are those of the plain computation."""
    hidden = torch.randn(1100, 16, dtype=torch.float64, requires_grad=True)
    embedding = torch.randn(50, 16, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 50, (1100,))
    plain = torch.nn.functional.cross_entropy(hidden @ embedding.T, targets)
    chunked = cross_entropy(hidden, embedding, targets)
    torch.testing.assert_close(plain, chunked)
    for ours, theirs in zip(
        torch.autograd.grad(chunked, (hidden, embedding)),
        torch.autograd.grad(plain, (hidden, embedding)),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


def test_orthogonal_matrices_have_like_singular_values() -> None:
    """Muon's update turns every direction about as far as any other."""
    update = optimizer.orthogonal(torch.randn(3, 20, 50))
    values = torch.linalg.svdvals(update)
    assert 0.5 < values.min() <= values.max() < 1.5


def test_resumed_run_is_the_run(state: State) -> None:
    """Four steps at once, and two and two with a save between them, give the same weights."""
    train.train(state, train.Plan(run="whole", preset="tiny", max_steps=4))
    train.train(state, train.Plan(run="halves", preset="tiny", max_steps=2))
    train.train(state, train.Plan(run="halves", preset="tiny", max_steps=4))
    whole, halves = (
        dict(checkpoint.load_hf(state.run(run) / "final").named_parameters()) for run in ("whole", "halves")
    )
    for name, parameter in whole.items():
        torch.testing.assert_close(parameter, halves[name], msg=name)


def test_half_precision_learns_the_same(state: State) -> None:
    """The products that a GPU runs, rehearsed on the processor: grouped experts, a batch in parts."""
    for run, is_half, micro_tokens in (("whole", False, None), ("half", True, 512)):
        plan = train.Plan(run, "tiny", max_steps=1, batch_tokens=1024, is_half=is_half, micro_tokens=micro_tokens)
        train.train(state, plan)
    whole, half = (dict(checkpoint.load_hf(state.run(run) / "final").named_parameters()) for run in ("whole", "half"))
    for name, parameter in whole.items():
        torch.testing.assert_close(half[name], parameter, atol=5e-3, rtol=0, msg=name)


def test_steps_at_rounded_weights_move_the_weights_themselves(state: State) -> None:
    """A finishing step learns what int4 gets wrong, and leaves weights that int4 would still have to round."""
    for run, bits in (("plain", None), ("finished", 4)):
        train.train(state, train.Plan(run, "tiny", max_steps=1, batch_tokens=1024, round_to_bits=bits))
    plain, finished = (checkpoint.load_hf(state.run(run) / "final") for run in ("plain", "finished"))
    down = "layers.0.experts.down"
    assert not torch.equal(plain.get_parameter(down), finished.get_parameter(down))
    with rounding.rounded(finished, 4):
        stored = finished.get_parameter(down).detach().clone()
    assert not torch.equal(stored, finished.get_parameter(down))


def test_grouped_experts_are_the_experts() -> None:
    """One grouped product for all experts gives what each expert gives on its own rows."""
    experts = model().layers[0].experts
    x, counts = torch.randn(40, 64), torch.tensor([3, 0, 9, 1, 7, 12, 5, 3])
    torch.testing.assert_close(
        experts._grouped(x, counts).float(), experts._one_by_one(x, counts), atol=2e-4, rtol=0.05
    )
