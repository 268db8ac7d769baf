"""A project in which one file has another text: links to everything else, so that nothing is copied or changed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from devstral_ls.errors import CheckerFailed

_MAX_ENTRIES = 20_000  # of the folders on the way to the file


@contextmanager
def mirrored(root: Path, path: str, text: str) -> Iterator[Path]:
    """A folder that looks like `root`, except that the file at `path` holds `text`; gone afterwards.

    Folders on the way to the file are real ones, all that lies beside the way is a link into `root`:
    what a program writes into those, such as build results, it writes into the project as if it ran there.
    """
    parts = PurePosixPath(path).parts
    if not parts or ".." in parts or PurePosixPath(path).is_absolute():
        raise CheckerFailed(f"{path!r} does not lie in the project")
    with tempfile.TemporaryDirectory(prefix="devstral-ls-") as folder:
        try:
            _mirror(root, Path(folder), parts)
            Path(folder, *parts).write_text(text, "utf-8", errors="replace", newline="")
        except OSError as error:
            raise CheckerFailed(f"the project cannot be mirrored: {error.strerror}") from error
        yield Path(folder)


def _mirror(root: Path, folder: Path, parts: tuple[str, ...]) -> None:
    """Link what lies beside the way to the file, level by level."""
    n_entries = 0
    for depth, kept in enumerate(parts):
        there, here = root.joinpath(*parts[:depth]), folder.joinpath(*parts[:depth])
        here.mkdir(exist_ok=True)
        for entry in os.scandir(there) if there.is_dir() else ():
            n_entries += 1
            if _MAX_ENTRIES < n_entries:
                raise CheckerFailed(f"the folders around the file hold more than {_MAX_ENTRIES} entries")
            if entry.name != kept:
                here.joinpath(entry.name).symlink_to(there.absolute() / entry.name)
