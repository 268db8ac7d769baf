"""A remote model, asked from a terminal: with the same consent, preview and log as from an editor."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from devstral_ls.cancel import CancelToken
from devstral_ls.cli.files import root_of
from devstral_ls.errors import RemoteError, UsageError
from devstral_ls.text import Document

if TYPE_CHECKING:  # for start-up
    from devstral_ls.features.errands import Errand
    from devstral_ls.remote.choice import Remote
    from devstral_ls.remote.parcel import Parcel, Reply


def chosen_remote() -> "Remote":
    """The server that the user chose."""
    from devstral_ls.folders import data_folder  # noqa: PLC0415  for start-up
    from devstral_ls.remote import choice  # noqa: PLC0415  for start-up

    chosen = choice.load(data_folder())
    if chosen is None:
        raise UsageError("no remote server is chosen; choose one with `devstral-ls remote use`")
    return chosen


def errand_about(path: Path, document: Document) -> "Errand":
    """What the chosen server may be asked about a file."""
    from devstral_ls.features.errands import Errand  # noqa: PLC0415  for start-up

    return Errand(chosen_remote(), document, root_of(path), path.resolve())


def ask(errand: "Errand", parcel: "Parcel") -> "Reply":
    """The reply to a parcel, after its text was shown where its user wants that."""
    from devstral_ls.features.markdown import visible  # noqa: PLC0415  for start-up
    from devstral_ls.folders import data_folder  # noqa: PLC0415  for start-up
    from devstral_ls.remote.deliver import deliver  # noqa: PLC0415  for start-up

    if errand.remote.preview:
        print(visible(parcel.shown), file=sys.stderr)
        if not typer.confirm(f"Send this to {errand.remote.host}?", err=True):
            raise RemoteError(f"nothing of {errand.document.path} was sent to {errand.remote.host}")
    return deliver(parcel, data_folder(), CancelToken())
