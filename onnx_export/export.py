"""From a checkpoint folder to a sealed model folder."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import onnx

from devstral_ls.engine.manifest import GRAPH_NAME, WEIGHTS_NAME, Manifest, write_manifest
from onnx_export import architectures, encodings, tokenizer
from onnx_export.adapter import WEIGHTS_NAME as ADAPTER_NAME, read_adapter
from onnx_export.blocks.latent_attention import LatentAttention
from onnx_export.build import Build, Encoding
from onnx_export.checkpoint import Checkpoint, Settings, Source, open_checkpoint, require_inside, with_adapter
from onnx_export.coreml import Partition, partition
from onnx_export.decoder import Decoder
from onnx_export.disk import told_when_full
from onnx_export.errors import ExportError, Unsupported
from onnx_export.graph import Graph
from onnx_export.parity import Parity
from onnx_export.report import QuantisationReport
from onnx_export.verdict import Verdict, judge
from onnx_export.writer import JOURNAL_NAME, Layout, lay_out, write_weights

PROVIDERS = ("cpu", "cuda", "coreml")
DEFAULT_WINDOW_TOKENS = 32_768
# The interpreter with its libraries, and at most what runs in flight and the verdict need beside it (docs/export.md).
BASE_BYTES = 250_000_000
WORKING_BYTES = 950_000_000
# Up to here the verdict runs the whole model.
VERDICT_BYTES = 1 << 30
PROBED_LAYERS = 2
PROBE_NAME = "probe.onnx"
REPORT_NAME = "quantisation.json"
LICENSE_NAMES = ("LICENSE", "LICENSE.txt", "LICENSE.md")

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What the user may choose; `window_tokens` None takes the model's own, up to 32,768."""

    precision: str = "int8"
    provider: str = "cpu"
    window_tokens: int | None = None
    name: str | None = None
    license: str | None = None
    infill: str | None = None
    lora: Path | None = None
    provenance: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """Everything that is known before a weight is read."""

    checkpoint: Checkpoint
    source: Source
    decoder: Decoder
    build: Build
    layout: Layout
    options: ExportOptions
    report: QuantisationReport

    @property
    def size_bytes(self) -> int:
        return self.layout.size_bytes

    @property
    def places(self) -> dict[str, tuple[str, int]]:
        """File and offset of each stored tensor."""
        return {name: (WEIGHTS_NAME, offset) for name, offset in self.layout.offsets.items()}

    @property
    def memory_bytes(self) -> int:
        return BASE_BYTES + min(WORKING_BYTES, 2 * self.size_bytes)

    @property
    def kv_bytes_per_token(self) -> int:
        itemsize = 2 if self.build.encoding.activation == "float16" else 4
        return 2 * len(self.decoder.layers) * self.decoder.n_kv_heads * self.decoder.head_dim * itemsize


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export made and how it did."""

    folder: Path
    manifest: Manifest
    verdict: Verdict
    report: QuantisationReport
    why_no_infill: str
    parity: Parity | None = None  # against transformers, where it was at hand
    taken: Partition | None = None  # by CoreML, where it was asked for


def plan_export(model_dir: Path, options: ExportOptions, encoding: Encoding | None = None) -> ExportPlan:
    """Read config.json and the tables of tensors, build the graph; no weight is read, nothing is written.

    `encoding` replaces the one of the precision.
    """
    if options.provider not in PROVIDERS:
        raise Unsupported(f"no provider {options.provider!r}; known are {', '.join(PROVIDERS)}")
    checkpoint = open_checkpoint(model_dir)
    if options.lora is not None:
        checkpoint = with_adapter(checkpoint, read_adapter(options.lora, checkpoint.tensors.table))
    report = QuantisationReport()
    encoding = encoding or encodings.choose(options.precision, options.provider, report)
    source = architectures.find_source(checkpoint)
    decoder = architectures.describe(source)
    if options.provider == "cuda":
        _require_cuda(decoder)
    build = Build(Graph(), encoding, choose_window(source.settings, options))
    decoder.emit(build)
    if options.provider == "coreml":
        raise Unsupported(f"{partition(build.graph.nodes)}; take --provider cpu, or --route optimum")
    return ExportPlan(checkpoint, source, decoder, build, lay_out(build.graph), options, report)


def run_export(plan: ExportPlan, out_dir: Path, progress: Progress = lambda _: None) -> Exported:
    """Write the bundle beside `out_dir`, judge it, and only then give it its name."""
    with told_when_full(out_dir.parent, plan.size_bytes):
        return _run_export(plan, out_dir, progress)


def _run_export(plan: ExportPlan, out_dir: Path, progress: Progress) -> Exported:
    partial = partial_folder(out_dir)
    write_model(plan, partial, progress)
    special = tokenizer.write_tokenizer(plan.checkpoint.folder, partial, plan.decoder.vocab_size)
    copy_license(plan.checkpoint.folder, partial)
    tokens = tokenizer.special_tokens(plan.checkpoint.folder, plan.source.settings, special, plan.options.infill)
    manifest = _manifest(plan, tokens)
    verdict = _judge(plan, partial)
    _write_report(plan, partial)
    (partial / JOURNAL_NAME).unlink(missing_ok=True)
    manifest = write_manifest(partial, manifest)
    partial.rename(out_dir)
    return Exported(out_dir, manifest, verdict, plan.report, tokens.why_no_infill)


def write_model(plan: ExportPlan, folder: Path, progress: Progress = lambda _: None) -> None:
    """Write the graph and its weights, nothing else."""
    write_weights(plan.build.graph, plan.layout, folder, fingerprint(plan), progress)
    onnx.save(plan.build.graph.proto(plan.source.model_type, plan.places), folder / GRAPH_NAME)


def _judge(plan: ExportPlan, folder: Path) -> Verdict:
    """Run the graph; of a large model the first layers only, which share the data file, so that memory stays small."""
    if plan.size_bytes <= VERDICT_BYTES:
        return judge(folder / GRAPH_NAME, plan.decoder.vocab_size, plan.build.window_tokens)
    first = replace(plan.decoder, layers=plan.decoder.layers[:PROBED_LAYERS])
    build = Build(Graph(), plan.build.encoding, plan.build.window_tokens)
    first.emit(build)
    probe = folder / PROBE_NAME
    onnx.save(build.graph.proto("probe", plan.places), probe)
    try:
        return judge(probe, first.vocab_size, build.window_tokens, is_whole=False)
    finally:
        probe.unlink()


def _require_cuda(decoder: Decoder) -> None:
    """Refuse what was only ever run on the CPU."""
    if any(isinstance(layer.attention, LatentAttention) for layer in decoder.layers):
        raise Unsupported("latent attention is not proven on cuda; take --provider cpu")


def choose_window(settings: Settings, options: ExportOptions) -> int:
    """Return the longest text that the model folder will take, in tokens."""
    longest = settings.first_count("max_position_embeddings", "n_positions")
    window = options.window_tokens or min(longest, DEFAULT_WINDOW_TOKENS)
    if longest < window:
        raise Unsupported(f"--window {window} is longer than the model's {longest} positions; take {longest} or fewer")
    return window


def partial_folder(out_dir: Path) -> Path:
    """The folder that is written to; what an interrupted run left there is used again."""
    if out_dir.exists():
        raise ExportError(f"{out_dir} exists already; choose another folder or remove it")
    partial = out_dir.with_name(f"{out_dir.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    return partial


def fingerprint(plan: ExportPlan) -> str:
    """Tells whether an earlier, interrupted run was making this very file."""
    shards = sorted({stored.path for stored in plan.checkpoint.tensors.table.values()})
    sources = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in shards]
    stored = [(name, offset) for name, offset in plan.layout.offsets.items()]
    lora = None if plan.options.lora is None else (plan.options.lora / ADAPTER_NAME).stat().st_mtime_ns
    told = json.dumps([sources, stored, plan.checkpoint.settings.raw, plan.options.precision, lora], default=str)
    return hashlib.sha256(told.encode()).hexdigest()


def _write_report(plan: ExportPlan, folder: Path) -> None:
    """Say how far each quantised weight is from the original; only known for what this run wrote itself."""
    weights = {
        name: {"bits": error.bits, "relative": round(error.relative, 6), "largest": float(f"{error.largest_error:.3g}")}
        for name, error in plan.report.weights.items()
    }
    if weights:
        (folder / REPORT_NAME).write_text(json.dumps(weights, indent=1) + "\n")


def copy_license(source: Path, folder: Path) -> None:
    """Put the checkpoint's licence beside the weights, where it has one."""
    found = next((source / name for name in LICENSE_NAMES if (source / name).is_file()), None)
    if found is not None:
        shutil.copyfile(require_inside(source, found), folder / "LICENSE")


def _manifest(plan: ExportPlan, tokens: tokenizer.SpecialTokens) -> Manifest:
    decoder, build, options = plan.decoder, plan.build, plan.options
    return Manifest(
        name=options.name or plan.checkpoint.folder.resolve().name,
        architecture=plan.source.model_type,
        precision=options.precision,
        window_tokens=build.window_tokens,
        vocab_size=decoder.vocab_size,
        n_layers=len(decoder.layers),
        n_kv_heads=decoder.n_kv_heads,
        head_dim=decoder.head_dim,
        kv_dtype=build.encoding.activation,
        kv_bytes_per_token=plan.kv_bytes_per_token,
        n_experts=decoder.n_experts,
        n_experts_per_token=decoder.n_experts_per_token,
        n_parameters=build.parameters.total,
        n_active_parameters=build.parameters.active,
        bos_token_id=tokens.bos_token_id,
        eos_token_ids=tokens.eos_token_ids,
        prompt_formats=tokens.prompt_formats,
        capabilities=tokens.capabilities,
        license=options.license or "unknown",
        provenance=options.provenance,
        providers=(options.provider,),
        log_probabilities=True,
    )
