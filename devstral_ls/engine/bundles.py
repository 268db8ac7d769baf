"""The models of a user: model folders side by side in one data folder, and which of them is used by default.

models/
qwen-coder/       a model folder, named as the user calls it
default.json      {"model": "qwen-coder"}
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstral_ls.engine.manifest import MANIFEST_NAME, Manifest, read_manifest, verify_bundle
from devstral_ls.errors import BundleError, BundleMissing, UsageError
from devstral_ls.folders import data_folder

DEFAULT_NAME = "default.json"
# What `model add` writes while it works; an interrupted one is taken up again under this name.
PARTIAL_SUFFIX = ".partial"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """One entry of the list: its manifest, or why it cannot be used."""

    name: str
    folder: Path
    manifest: Manifest | None
    problem: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class BundleStore:
    """A folder of model folders."""

    folder: Path

    def list(self) -> list[StoredBundle]:
        """All entries by name; contents are not read."""
        if not self.folder.is_dir():
            return []
        return [_entry(path) for path in sorted(self.folder.iterdir()) if _is_entry(path)]

    def find(self, name: str) -> Path:
        """The folder of a model by its name."""
        folder = self.folder / _plain(name)
        if not _is_entry(folder):
            known = ", ".join(path.name for path in sorted(self.folder.glob("*")) if _is_entry(path))
            raise BundleMissing(f"no model named {name!r}; there are {known or 'none yet: `devstral-ls model add`'}")
        return folder

    def verify(self, name: str) -> Manifest:
        """Read the whole model folder and compare every file with its manifest."""
        return verify_bundle(self.find(name))

    def remove(self, name: str) -> None:
        """Delete a model folder; a default that pointed there is forgotten."""
        folder = self.find(name)
        if self.default() == name:
            (self.folder / DEFAULT_NAME).unlink()
        shutil.rmtree(folder)

    def use(self, name: str) -> None:
        """Make a model the default one."""
        self.find(name)
        partial = self.folder / f".{DEFAULT_NAME}.partial"
        partial.write_text(json.dumps({"model": name}) + "\n", "utf-8")
        partial.replace(self.folder / DEFAULT_NAME)

    def use_embedded(self) -> None:
        """Go back to the model that comes with the package."""
        (self.folder / DEFAULT_NAME).unlink(missing_ok=True)

    def default(self) -> str | None:
        """The model chosen with `use`; None means the embedded one."""
        try:
            chosen = json.loads((self.folder / DEFAULT_NAME).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        match chosen:
            case {"model": str(name)} if _NAME.fullmatch(name) and _is_entry(self.folder / name):
                return name
        return None

    def add_bundle(self, source: Path, name: str | None = None) -> StoredBundle:
        """Copy a finished model folder into the store, after reading and checking it whole."""
        manifest = verify_bundle(source)
        target = self._free_place(name or manifest.name)
        partial = target.with_name(target.name + PARTIAL_SUFFIX)
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source, partial)
        verify_bundle(partial)
        partial.rename(target)
        return _entry(target)

    def add_checkpoint(self, checkpoint: Path, name: str | None = None, options: Sequence[str] = ()) -> StoredBundle:
        """Export a Hugging Face folder into the store; the exporter is another process with its own packages."""
        target = self._free_place(name or checkpoint.resolve().name)
        command = (sys.executable, "-m", "onnx_export", str(checkpoint), str(target), "--name", target.name, *options)
        status = subprocess.run(command, check=False, stdout=sys.stderr).returncode
        if status != 0:
            raise UsageError(f"{checkpoint} was not added: the exporter said why above (exit code {status})")
        verify_bundle(target)
        return _entry(target)

    def _free_place(self, name: str) -> Path:
        target = self.folder / _plain(name)
        if target.exists():
            raise UsageError(f"a model named {name!r} is there already; remove it, or choose another name with --name")
        self.folder.mkdir(parents=True, exist_ok=True)
        return target


def user_store(environment: Mapping[str, str] = os.environ) -> BundleStore:
    """The models of this user."""
    return BundleStore(data_folder(environment) / "models")


def is_bundle(folder: Path) -> bool:
    """Whether a folder claims to be a model folder, as opposed to a checkpoint."""
    return (folder / MANIFEST_NAME).is_file()


def _is_entry(path: Path) -> bool:
    return path.is_dir() and _NAME.fullmatch(path.name) is not None and not path.name.endswith(PARTIAL_SUFFIX)


def _plain(name: str) -> str:
    if not _NAME.fullmatch(name) or name.endswith(PARTIAL_SUFFIX):
        raise UsageError(f"{name!r} is no name for a model; use letters, digits, dots, dashes and underscores")
    return name


def _entry(folder: Path) -> StoredBundle:
    size_bytes = sum(path.lstat().st_size for path in folder.iterdir())
    try:
        return StoredBundle(folder.name, folder, read_manifest(folder), "", size_bytes)
    except BundleError as error:
        return StoredBundle(folder.name, folder, None, str(error), size_bytes)
