"""The command line: estimate first, progress meanwhile, verdict after."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from onnx_export.errors import ExportError
from onnx_export.export import Exported, ExportOptions, ExportPlan, plan_export, run_export
from onnx_export.optimum_route import OptimumPlan, plan_with_optimum, run_with_optimum
from onnx_export.triton import lay_out_for_triton
from onnx_export.verdict import Verdict

# Sizes are told in the units of disks.
MEGABYTE = 1_000_000
# What shells say of a program that ctrl-C ended.
INTERRUPTED = 130
LAYOUTS = ("folder", "triton")
# Where a model is made before it gets its place in a repository; Triton, too, takes no notice of hidden folders.
MADE_FOR_TRITON = ".made"
DEFAULT_PRECISION = {"fused": "int8", "optimum": "fp32"}


def export(
    model_dir: Annotated[Path, typer.Argument(help="Folder with config.json, safetensors and a tokenizer.")],
    out_dir: Annotated[Path, typer.Argument(help="Model folder to make; must not exist yet.")],
    *,
    precision: Annotated[
        str, typer.Option(help="fp32, fp16, int8 or int4; by default int8, on the optimum route fp32.")
    ] = "",
    provider: Annotated[str, typer.Option(help="cpu, cuda, or coreml with --route optimum.")] = "cpu",
    route: Annotated[str, typer.Option(help="fused, or optimum: standard operators, traced with torch.")] = "fused",
    window: Annotated[int | None, typer.Option(help="Longest text in tokens.", min=1)] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model; by default that of its folder.")] = None,
    license_name: Annotated[str | None, typer.Option("--license", help="SPDX name of the weights' licence.")] = None,
    infill: Annotated[str | None, typer.Option(help="Infill format, or none; found from the tokenizer.")] = None,
    lora: Annotated[Path | None, typer.Option(help="PEFT adapter folder to merge.")] = None,
    layout: Annotated[str, typer.Option(help="folder, or triton: OUT_DIR is Triton's model repository.")] = "folder",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell size and memory.")] = False,
) -> None:
    """Export a checkpoint; nothing is downloaded, no code of the checkpoint is run."""
    console = Console(stderr=True)
    options = ExportOptions(
        precision=precision or DEFAULT_PRECISION.get(route, ""),
        provider=provider,
        window_tokens=window,
        name=name,
        license=license_name,
        infill=infill,
        lora=lora,
    )
    if route not in ROUTES:
        raise typer.BadParameter(f"no route {route!r}; known are {', '.join(ROUTES)}")
    if layout not in LAYOUTS:
        raise typer.BadParameter(f"no layout {layout!r}; known are {', '.join(LAYOUTS)}")
    is_repository = layout == "triton"
    made = out_dir / MADE_FOR_TRITON if is_repository else out_dir
    try:
        ROUTES[route](model_dir, None if dry_run else made, options, console)
        if is_repository and not dry_run:
            model = lay_out_for_triton(made, out_dir, provider=provider)
            console.print(f"laid out for Triton as {escape(str(model))}", highlight=False, soft_wrap=True)
    except (ExportError, OSError) as error:
        reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
        console.print(f"[red]error:[/] {escape(reason)}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt as error:
        console.print("interrupted; the same command takes it up again")
        raise typer.Exit(INTERRUPTED) from error


def main() -> None:
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(export)
    app()


def _export_fused(model_dir: Path, out_dir: Path | None, options: ExportOptions, console: Console) -> None:
    """Tell, and do it where `out_dir` is given."""
    plan = plan_export(model_dir, options)
    console.print(_estimate(plan))
    if out_dir is not None:
        console.print(_outcome(_run(plan, out_dir, console)))


def _export_with_optimum(model_dir: Path, out_dir: Path | None, options: ExportOptions, console: Console) -> None:
    """The same by way of torch, which takes ten seconds to import."""
    with console.status("loading torch and optimum"):
        plan = plan_with_optimum(model_dir, options)
    console.print(_traced_estimate(plan))
    if out_dir is not None:
        with console.status("tracing, and comparing with transformers"):
            exported = run_with_optimum(plan, out_dir)
        console.print(_outcome(exported))


ROUTES = {"fused": _export_fused, "optimum": _export_with_optimum}


def _run(plan: ExportPlan, out_dir: Path, console: Console) -> Exported:
    told = TextColumn("{task.description}")
    columns = (told, BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("writing", total=sum(job.size_bytes for job in plan.build.graph.jobs))

        def advance(n_bytes: int) -> None:
            bar.advance(task, n_bytes)
            if bar.finished:
                bar.update(task, description="checking")  # runs the graph and hashes the files

        exported = run_export(plan, out_dir, advance)
        bar.update(task, description="written")
        return exported


def _estimate(plan: ExportPlan) -> Table:
    parameters, decoder = plan.build.parameters, plan.decoder
    window = plan.build.window_tokens
    return _table(
        {
            "architecture": plan.source.model_type,
            "parameters": f"{parameters.total / 1e6:,.1f} M, {parameters.active / 1e6:,.1f} M of them a token",
            "experts": f"{decoder.n_experts_per_token} of {decoder.n_experts}" if decoder.n_experts else "none",
            "model folder": f"{plan.size_bytes / MEGABYTE:,.1f} MB in {plan.options.precision}",
            "window": f"{window:,} tokens, {plan.kv_bytes_per_token * window / MEGABYTE:,.1f} MB of cache when full",
            "memory to export": f"about {plan.memory_bytes / MEGABYTE:,.0f} MB",
        }
    )


def _traced_estimate(plan: OptimumPlan) -> Table:
    experts = f"{plan.n_experts_per_token} of {plan.n_experts}" if plan.n_experts else "none"
    return _table(
        {
            "architecture": plan.checkpoint.settings.text("model_type"),
            "parameters": f"{plan.n_parameters / 1e6:,.1f} M, {plan.n_active_parameters / 1e6:,.1f} M of them a token",
            "experts": experts,
            "model folder": f"{plan.size_bytes / MEGABYTE:,.1f} MB in {plan.options.precision}",
            "window": f"{plan.window_tokens:,} tokens",
            "memory to export": f"about {plan.memory_bytes / MEGABYTE:,.0f} MB",
        }
    )


def _outcome(exported: Exported) -> Table:
    verdict, worst = exported.verdict, exported.report.worst()
    told = {
        "made": str(exported.folder),
        "verdict": _judgement(verdict),
        "prefill against decode": f"{verdict.decode_difference:.1e} deviations, same choice {verdict.same_choice:.0%}",
        "rewind": f"{verdict.rewind_difference:.1e} deviations",
        "loads in": f"{verdict.load_ms:,.0f} ms, then {verdict.decode_ms_per_token:,.1f} ms a token"
        + ("" if verdict.is_whole else " in its first layers alone"),
        "chat format": exported.manifest.prompt_formats["chat"] or "none: no chat template of a known family",
        "infill format": exported.manifest.prompt_formats["infill"] or f"none: {exported.why_no_infill}",
    }
    if exported.parity is not None:
        told["against transformers"] = f"{exported.parity.outcome.upper()}: {exported.parity.reason}"
    if exported.taken is not None:
        taken = exported.taken
        told["CoreML takes"] = (
            f"{taken.n_taken} of {taken.n_nodes} nodes in {taken.n_pieces} pieces, "
            f"{taken.n_products_taken} of {taken.n_products} products; not run on a Mac"
        )
    if worst is not None:
        told["largest weight error"] = f"{worst[1].relative:.2%} in {worst[0]}"
    return _table(told)


def _judgement(verdict: Verdict) -> str:
    if verdict.doubts:
        return f"[yellow]DOUBTFUL[/]: {'; '.join(verdict.doubts)}; compare with --precision fp32 before you use it"
    ran = "it runs" if verdict.is_whole else "its first layers run"
    return f"[green]PASS[/]: {ran}, all logits are finite, token by token gives what the whole text at once gives"


def _table(rows: dict[str, str]) -> Table:
    table = Table(show_header=False, box=None, padding=(0, 2))
    for label, value in rows.items():
        table.add_row(f"[dim]{label}[/]", value)
    return table
