"""`devstral-ls model …`: the models on this machine."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devstral_ls.cli.choices import chosen_bundle, settings_of
from devstral_ls.engine import EMBEDDED_NAME
from devstral_ls.errors import BundleError, UsageError

if TYPE_CHECKING:  # for start-up
    from devstral_ls.engine.bundles import BundleStore
    from devstral_ls.engine.manifest import Manifest

Chosen = Annotated[str, typer.Argument(metavar="[NAME|FOLDER]", help="The model; without it, the one in use.")]
ToUse = Annotated[str, typer.Argument(metavar="NAME", help=f"A name from the list, or {EMBEDDED_NAME}.")]
Named = Annotated[str, typer.Argument(metavar="NAME", help="A name from `devstral-ls model list`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")]

app = typer.Typer(no_args_is_help=True, help="List, show, verify, choose, add and remove models.")


@app.command("list")
def list_models(*, as_json: AsJson = False) -> None:
    """List the models of this user; the one in use is marked."""
    rows = _rows(_store())
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        mark = "*" if row["is_used"] else " "
        print(f"{mark} {row['name']:<24} {row['words']}")


@app.command("show")
def show(model: Chosen = "", *, as_json: AsJson = False) -> None:
    """Say what a model is, from its manifest."""
    from devstral_ls.engine.manifest import read_manifest  # noqa: PLC0415  for start-up

    folder = chosen_bundle(settings_of(model=model))
    manifest = read_manifest(folder)
    if as_json:
        print(json.dumps(asdict(manifest), ensure_ascii=False, indent=2))
        return
    for name, value in (("model", manifest.name), ("folder", str(folder)), *_facts(manifest)):
        print(f"{name:<12} {value}")


@app.command("verify")
def verify(model: Chosen = "") -> None:
    """Compare every byte of a model with its manifest; exit code 2 when one differs."""
    from devstral_ls.engine.manifest import verify_bundle  # noqa: PLC0415  for start-up

    folder = chosen_bundle(settings_of(model=model))
    manifest = verify_bundle(folder, installed=not model)
    print(f"{manifest.name}: all {len(manifest.files)} files of {folder} are as its manifest says")


@app.command("use")
def use(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"A name from the list, or {EMBEDDED_NAME}.")],
) -> None:
    """Choose the model that is used from now on."""
    if name == EMBEDDED_NAME:
        _store().use_embedded()
    else:
        _store().use(name)
    print(f"{name} is used from now on; restart running editors")


@app.command("add")
def add(
    folder: Annotated[Path, typer.Argument(help="A model folder, or a Hugging Face checkpoint to export.")],
    *,
    name: Annotated[str, typer.Option(help="What to call it; without it, its own name.")] = "",
    precision: Annotated[str, typer.Option(help="For a checkpoint: fp32, fp16, int8 or int4; by default int8.")] = "",
    route: Annotated[str, typer.Option(help="For a checkpoint: fused, or optimum where that is installed.")] = "",
    provider: Annotated[str, typer.Option(help="For a checkpoint: cpu, cuda or coreml; by default cpu.")] = "",
    window: Annotated[int, typer.Option(help="For a checkpoint: longest text in tokens; 0 takes the model's own.")] = 0,
    lora: Annotated[Path | None, typer.Option(help="For a checkpoint: PEFT adapter to merge.")] = None,
    infill: Annotated[str, typer.Option(help="For a checkpoint: infill format, or none; without it, found.")] = "",
) -> None:
    """Copy a model folder into the user's models, or export a checkpoint there."""
    from devstral_ls.engine.bundles import is_bundle  # noqa: PLC0415  for start-up

    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    if is_bundle(folder):
        added = _store().add_bundle(folder, name or None)
    else:
        chosen = {
            "--precision": precision,
            "--route": route,
            "--provider": provider,
            "--window": window,
            "--lora": lora,
            "--infill": infill,
        }
        options = [part for option, value in chosen.items() if value for part in (option, str(value))]
        added = _store().add_checkpoint(folder, name or None, options)
    print(f"{added.name} is added; `devstral-ls model use {added.name}` makes it the one in use")


@app.command("remove")
def remove(
    name: Named,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a model from the user's models."""
    folder = _store().find(name)
    if not yes:
        typer.confirm(f"Delete {folder}?", abort=True)
    _store().remove(name)
    print(f"{name} is removed")


def _store() -> "BundleStore":
    from devstral_ls.engine.bundles import user_store  # noqa: PLC0415  for start-up

    return user_store()


def _rows(store: "BundleStore") -> list[dict[str, object]]:
    """The embedded model first, then the user's own."""
    from devstral_ls.engine import embedded_bundle  # noqa: PLC0415  for start-up

    used = store.default()
    entries = [_row(EMBEDDED_NAME, embedded_bundle(), is_used=used is None)]
    entries += [_row(each.name, each.folder, is_used=each.name == used) for each in store.list()]
    return entries


def _row(name: str, folder: Path, *, is_used: bool) -> dict[str, object]:
    from devstral_ls.engine.manifest import read_manifest  # noqa: PLC0415  for start-up

    try:
        words = _summary(read_manifest(folder))
    except BundleError as error:
        words = f"cannot be used: {error}"
    return {"name": name, "folder": str(folder), "is_used": is_used, "words": words}


def _summary(manifest: "Manifest") -> str:
    facts = dict(_facts(manifest))
    return f"{facts['parameters']}, {facts['kind']}, {facts['size']}"


def _facts(manifest: "Manifest") -> list[tuple[str, str]]:
    n_bytes = sum(each.size_bytes for each in manifest.files.values())
    experts = f", {manifest.n_experts_per_token} of {manifest.n_experts} experts a token" if manifest.n_experts else ""
    return [
        ("kind", f"{manifest.architecture}{experts}, {manifest.precision}"),
        ("parameters", f"{manifest.n_parameters / 1e6:.1f} M, {manifest.n_active_parameters / 1e6:.1f} M active"),
        ("window", f"{manifest.window_tokens} tokens"),
        ("size", f"{n_bytes / 1e6:.1f} MB"),
        ("can", ", ".join(manifest.capabilities)),
        ("licence", manifest.license),
    ]
