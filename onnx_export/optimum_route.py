"""The second route: a graph of standard operators, traced by optimum.

For decoders that the fused route does not build, and for providers that lack its operators.
It holds the whole model in memory and runs every weight in float32: docs/export.md says what that costs.
"""

import json
import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx

from devstral_ls.engine.manifest import GRAPH_NAME, PREFILL_GRAPH_NAME, WEIGHTS_NAME, Manifest, write_manifest
from onnx_export import tokenizer
from onnx_export.checkpoint import Checkpoint, Settings, open_checkpoint
from onnx_export.coreml import Partition, partition_of_file
from onnx_export.disk import told_when_full
from onnx_export.errors import Unsupported, VerdictError
from onnx_export.export import Exported, ExportOptions, choose_window, copy_license, partial_folder
from onnx_export.growing_runner import PAST, GrowingRunner
from onnx_export.parity import Outcome, Parity, compare
from onnx_export.report import QuantisationReport
from onnx_export.standard_graph import ask_for_rows, with_static_shapes
from onnx_export.verdict import Verdict, judge

PROVIDERS = ("cpu", "coreml")
PRECISIONS = ("fp32",)
# Peak memory, in copies of the float32 weights: torch's, the traced graph's, and that of the file being written.
COPIES_IN_MEMORY = 3.5
BASE_BYTES = 600_000_000
# In standard deviations of the reference, as for the fused route.
TOLERANCE = 1e-3
N_COMPARED = 96
SMALL_BYTES = 1024
# How many tokens of a prompt the graph of static shapes reads at once.
RUN_TOKENS = 64
SETUP = "python3 -m venv optimum && optimum/bin/pip install 'devstral-ls[cpu,export,optimum]'"


@dataclass(frozen=True, slots=True)
class OptimumPlan:
    """What is known before a weight is read."""

    checkpoint: Checkpoint
    options: ExportOptions
    window_tokens: int
    n_parameters: int
    n_active_parameters: int
    n_experts: int
    n_experts_per_token: int

    @property
    def is_static(self) -> bool:
        """Whether shapes are fixed: the provider would leave all else to the CPU."""
        return self.options.provider == "coreml"

    @property
    def size_bytes(self) -> int:
        return 4 * self.n_parameters

    @property
    def memory_bytes(self) -> int:
        return BASE_BYTES + int(COPIES_IN_MEMORY * self.size_bytes)


def plan_with_optimum(model_dir: Path, options: ExportOptions) -> OptimumPlan:
    """Refuse what this route cannot do; read config.json and the tables of tensors."""
    for kind, chosen, known in (
        ("precision", options.precision, PRECISIONS),
        ("provider", options.provider, PROVIDERS),
    ):
        if chosen not in known:
            raise Unsupported(f"--route optimum has no {kind} {chosen!r}; take {' or '.join(known)}, or --route fused")
    if options.lora is not None:
        raise Unsupported("--route optimum merges no adapter; merge it with PEFT first, or take --route fused")
    checkpoint = open_checkpoint(model_dir)
    settings = checkpoint.settings
    _traced().require_known(settings.text("model_type"))
    sizes = {name: prod(stored.shape) for name, stored in checkpoint.tensors.table.items()}
    n_experts, n_chosen = _experts(settings)
    in_experts = sum(size for name, size in sizes.items() if ".experts." in name)
    total = sum(sizes.values())
    active = total - in_experts + (in_experts * n_chosen // n_experts if n_experts else 0)
    return OptimumPlan(checkpoint, options, choose_window(settings, options), total, active, n_experts, n_chosen)


def run_with_optimum(plan: OptimumPlan, out_dir: Path) -> Exported:
    """Trace, compare with transformers, judge, and only then give the folder its name."""
    with told_when_full(out_dir.parent, plan.size_bytes):
        return _run_with_optimum(plan, out_dir)


def _run_with_optimum(plan: OptimumPlan, out_dir: Path) -> Exported:
    traced, folder = _traced(), plan.checkpoint.folder
    partial = partial_folder(out_dir)
    special = tokenizer.write_tokenizer(folder, partial, plan.checkpoint.settings.count("vocab_size"))
    copy_license(folder, partial)
    tokens = tokenizer.special_tokens(folder, plan.checkpoint.settings, special, plan.options.infill)
    compared = _tokens(plan)
    with tempfile.TemporaryDirectory(dir=partial.parent) as scratch:
        source = readable_by_transformers_4(plan.checkpoint, Path(scratch, "checkpoint"))
        model = traced.load(source)
        reference = traced.reference_logits(model, compared)
        graph = onnx.load(traced.trace(model, Path(scratch, "traced")))
        del model
    manifest = _manifest(plan, graph, tokens)
    if not plan.is_static:
        ask_for_rows(graph)
    _save(graph, partial)
    parity = _compare(partial / GRAPH_NAME, compared, reference)
    verdict = _judge(plan, partial / GRAPH_NAME)
    taken = fix_shapes(partial, plan.window_tokens) if plan.is_static else None
    manifest = write_manifest(partial, manifest)
    partial.rename(out_dir)
    return Exported(out_dir, manifest, verdict, QuantisationReport(), tokens.why_no_infill, parity, taken)


def fix_shapes(folder: Path, window_tokens: int) -> Partition:
    """Replace the graph by two of static shapes on the same weights; tell how much of the longer CoreML would take."""
    graph = onnx.load(folder / GRAPH_NAME, load_external_data=False)
    for name, n_tokens in ((GRAPH_NAME, 1), (PREFILL_GRAPH_NAME, RUN_TOKENS)):
        onnx.save(with_static_shapes(graph, n_tokens, window_tokens), folder / name)
    return partition_of_file(folder / PREFILL_GRAPH_NAME)


def readable_by_transformers_4(checkpoint: Checkpoint, folder: Path) -> Path:
    """A folder of links to the weights, with a config.json as transformers 4 spells it.

    Version 5 writes `rope_parameters`, which version 4 would ignore without a word.
    """
    folder.mkdir()
    for path in {stored.path for stored in checkpoint.tensors.table.values()}:
        (folder / path.name).symlink_to(path.resolve())
    index = checkpoint.folder / "model.safetensors.index.json"
    if index.is_file():
        (folder / index.name).symlink_to(index.resolve())
    (folder / "config.json").write_text(json.dumps(spelled_for_transformers_4(checkpoint.settings)))
    return folder


def spelled_for_transformers_4(settings: Settings) -> dict[str, object]:
    """Return config.json with the names of version 4; those that are there already stay."""
    raw = dict(settings.raw)
    if "rope_parameters" in settings:
        positions = dict(settings.part("rope_parameters").raw)
        if any(isinstance(value, dict) for value in positions.values()):
            raise Unsupported("config.json: rope_parameters by kind of layer is not proven on --route optimum")
        raw.setdefault("rope_theta", positions.pop("rope_theta", 10_000.0))
        raw.setdefault("rope_scaling", None if positions.get("rope_type") == "default" else positions)
    if settings.text("model_type") == "qwen3_moe" and "num_local_experts" in settings:
        raw.setdefault("num_experts", settings.count("num_local_experts"))
    return raw


def _traced() -> ModuleType:
    """Import torch and what goes with it only when this route is taken: that takes ten seconds."""
    try:
        from onnx_export import traced  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise Unsupported(f"--route optimum needs {error.name}, in an environment of its own: {SETUP}") from error
    return traced


def _experts(settings: Settings) -> tuple[int, int]:
    names = ("num_experts", "num_local_experts", "n_routed_experts")
    n_experts = next((settings.count(name) for name in names if name in settings), 0)
    return n_experts, settings.count("num_experts_per_tok", 0) if n_experts else 0


def _tokens(plan: OptimumPlan) -> np.ndarray:
    n_tokens = min(N_COMPARED, plan.window_tokens)
    return np.random.default_rng(11).integers(0, plan.checkpoint.settings.count("vocab_size"), n_tokens)


def _save(graph: onnx.ModelProto, folder: Path) -> None:
    (folder / WEIGHTS_NAME).unlink(missing_ok=True)  # an interrupted run's; onnx would append to it
    onnx.save_model(
        graph,
        folder / GRAPH_NAME,
        save_as_external_data=True,
        location=WEIGHTS_NAME,
        size_threshold=SMALL_BYTES,
    )
    (folder / WEIGHTS_NAME).chmod(0o644)  # onnx makes it the user's alone


def _compare(graph: Path, tokens: np.ndarray, reference: np.ndarray) -> Parity:
    """Prefill half, decode the rest one by one."""
    runner, n_prefill = GrowingRunner(graph, len(tokens)), max(1, len(tokens) // 2)
    rows = [runner.logits(tokens[:n_prefill], 0)]
    rows += [runner.logits(tokens[index : index + 1], index) for index in range(n_prefill, len(tokens))]
    parity = compare(np.concatenate(rows), reference, TOLERANCE)
    if parity.outcome is Outcome.FAIL:
        raise VerdictError(f"the traced graph does not compute what transformers does: {parity.reason}")
    return parity


def _judge(plan: OptimumPlan, graph: Path) -> Verdict:
    vocab_size = plan.checkpoint.settings.count("vocab_size")
    return judge(graph, vocab_size, plan.window_tokens, runner=GrowingRunner)


def _manifest(plan: OptimumPlan, graph: onnx.ModelProto, tokens: tokenizer.SpecialTokens) -> Manifest:
    settings, options = plan.checkpoint.settings, plan.options
    cache = [_dims(each) for each in graph.graph.input if each.name.startswith(PAST)]
    return Manifest(
        name=options.name or plan.checkpoint.folder.resolve().name,
        architecture=settings.text("model_type"),
        precision=options.precision,
        window_tokens=plan.window_tokens,
        vocab_size=settings.count("vocab_size"),
        n_layers=len(cache) // 2,
        n_kv_heads=cache[0][0],
        head_dim=cache[0][1],
        kv_dtype="float32",
        kv_bytes_per_token=sum(4 * heads * size for heads, size in cache),
        n_experts=plan.n_experts,
        n_experts_per_token=plan.n_experts_per_token,
        n_parameters=plan.n_parameters,
        n_active_parameters=plan.n_active_parameters,
        bos_token_id=tokens.bos_token_id,
        eos_token_ids=tokens.eos_token_ids,
        prompt_formats=tokens.prompt_formats,
        capabilities=tokens.capabilities,
        license=options.license or "unknown",
        provenance=options.provenance | {"route": "optimum"},
        kv_layout="static" if plan.is_static else "growing",
        providers=(options.provider,),
    )


def _dims(given: onnx.ValueInfoProto) -> tuple[int, int]:
    """Heads and numbers a head of a cached tensor."""
    dims = given.type.tensor_type.shape.dim
    if len(dims) != 4 or not dims[1].dim_value or not dims[3].dim_value:
        raise Unsupported(f"the traced graph's {given.name} is no cache of heads; take --route fused")
    return dims[1].dim_value, dims[3].dim_value
