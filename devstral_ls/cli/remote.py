"""`devstral-ls remote …`: choose a bigger model elsewhere, allow or revoke, and see every byte that left."""

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from devstral_ls.errors import UsageError

_MAX_LISTED = 50

app = typer.Typer(name="remote", no_args_is_help=True, help="A bigger model elsewhere, off unless you choose one.")

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of a project, as the editor opens it.")]


@app.command("use")
def use(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of an OpenAI-compatible server, up to and with /v1.")],
    *,
    model: Annotated[str, typer.Option(metavar="NAME", help="Which of its models.")],
    key: Annotated[str, typer.Option(metavar="env:NAME|FILE", help="Where the key stands; never the key.")] = "",
    ca: Annotated[str, typer.Option(metavar="FILE", help="Certificates to trust instead of the system's.")] = "",
    proxy: Annotated[str, typer.Option(metavar="URL", help="A proxy on the way, http://HOST:PORT.")] = "",
    infill: Annotated[
        str, typer.Option(metavar="HOW", help="How it fills holes: suffix, fim, or a model family; none for chats.")
    ] = "none",
    preview: Annotated[bool, typer.Option("--preview", help="Ask each time, and show the text.")] = False,
) -> None:
    """Choose a server; nothing goes there before you allow a folder. Editors know it after a restart."""
    from devstral_ls.remote import choice  # noqa: PLC0415  for start-up

    given = {"url": url, "model": model, "key": key, "ca": ca, "proxy": proxy, "infill": infill, "preview": preview}
    remote = choice.remote_of(given)
    if remote.key:
        choice.read_key(remote.key)
    choice.save(_data_folder(), remote)
    print(f"chosen: {remote.model} on {remote.host}")
    print("nothing goes there before a folder is allowed: `devstral-ls remote allow`, or when an editor asks")


@app.command("off")
def off() -> None:
    """Choose no server; the consents are kept, and count again only for the same one."""
    from devstral_ls.remote import choice  # noqa: PLC0415  for start-up

    print("no remote server is chosen any more" if choice.forget(_data_folder()) else "none was chosen")


@app.command("allow")
def allow(folder: Folder = Path()) -> None:
    """Allow that parts of the files in FOLDER go to the chosen server."""
    _give(folder, "ALLOWED")


@app.command("revoke")
def revoke(folder: Folder = Path()) -> None:
    """Forbid it; this holds at once, also in editors that are open."""
    _give(folder, "REFUSED")


@app.command("status")
def status() -> None:
    """Show which server is chosen, and what was said about which folder."""
    from devstral_ls.remote import choice, consent  # noqa: PLC0415  for start-up
    from devstral_ls.remote.sent import read_log  # noqa: PLC0415  for start-up

    folder = _data_folder()
    remote = choice.load(folder)
    print(f"server: {remote.model} on {remote.url}" if remote else "server: none; nothing leaves this machine")
    if remote and remote.preview:
        print("each text is shown before it goes")
    for each in consent.answers(folder):
        is_other = remote is None or each.url != remote.url
        print(f"{each.answer}: {each.workspace}{f' (for {each.url})' if is_other else ''}")
    sendings = list(read_log(folder))
    print(
        f"sent: {sum(len(each.content) for each in sendings)} bytes in {len(sendings)} requests that are still logged"
    )


@app.command("log")
def log(
    which: Annotated[str, typer.Argument(metavar="[ID]", help="One request, byte for byte.")] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for other programs.")] = False,
) -> None:
    """Show what was sent: when, where to, why and how much; with an ID the bytes themselves, keys as asterisks."""
    from devstral_ls.remote.sent import read_log  # noqa: PLC0415  for start-up

    sendings = list(read_log(_data_folder()))
    if which:
        found = next((each for each in sendings if each.id == which), None)
        if found is None:
            raise UsageError(f"no request {which!r} is logged; `devstral-ls remote log` lists them")
        sys.stdout.flush()
        sys.stdout.buffer.write(found.content)
        return
    if as_json:
        told = [
            {name: getattr(each, name) for name in ("id", "at_s", "to", "why", "workspace", "document")}
            | {"n_bytes": len(each.content)}
            for each in sendings
        ]
        print(json.dumps({"sent": told}, indent=2))
        return
    if not sendings:
        print("nothing was sent")
    for each in sendings[-_MAX_LISTED:]:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each.at_s))
        print(f"{each.id}  {when}  {len(each.content):>6} bytes  {each.why:<11}  {each.document} → {each.to}")


def _give(folder: Path, name: str) -> None:
    from devstral_ls.remote import choice, consent  # noqa: PLC0415  for start-up

    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    data_folder = _data_folder()
    remote = choice.load(data_folder)
    if remote is None:
        raise UsageError("no remote server is chosen; choose one with `devstral-ls remote use`")
    answer = consent.Answer[name]
    consent.give(data_folder, folder, remote, answer)
    print(f"{answer}: {folder.resolve()} → {remote.host}")


def _data_folder() -> Path:
    from devstral_ls.folders import data_folder  # noqa: PLC0415  for start-up

    return data_folder()
