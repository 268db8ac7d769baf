"""The pinned packages that are mutated: half may be looked at while building, half never."""

import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from devstral_ls.text import Document

FOLDER = Path(".bench/fixes")
SEEN = {
    "click": "8.1.8",
    "starlette": "0.45.3",
    "packaging": "24.2",
    "jinja2": "3.1.5",
    "anyio": "4.8.0",
}
HELD_OUT = {
    "rich": "13.9.4",
    "httpcore": "1.0.7",
    "werkzeug": "3.1.3",
    "tomlkit": "0.13.2",
    "aiofiles": "24.1.0",
    "websockets": "14.2",
}
_MIN_CHARACTERS, _MAX_CHARACTERS = 1_500, 60_000


@dataclass(frozen=True, slots=True)
class Package:
    """One unpacked wheel."""

    name: str
    root: Path
    documents: tuple[Document, ...]


def load_package(name: str, version: str) -> Package:
    """The package's texts, fetched once into an ignored folder; nothing of it is installed or run."""
    root = FOLDER / f"{name}-{version}"
    if not root.exists():
        wheels = FOLDER / "wheels"
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*pip, "-d", str(wheels), f"{name}=={version}"], check=True)
        (wheel,) = wheels.glob(f"{name}-{version}-*.whl")
        zipfile.ZipFile(wheel).extractall(root)
        (root / "ty.toml").touch()  # else ty takes the folder around it for the project
    paths = sorted(path for path in root.rglob("*.py") if "_vendor" not in path.parts)
    documents = [_document(path, root) for path in paths]
    return Package(name, root, tuple(documents))


def mutable(package: Package) -> list[Document]:
    """The texts that are neither tiny nor huge."""
    return [each for each in package.documents if _MIN_CHARACTERS <= len(each.text) <= _MAX_CHARACTERS]


def _document(path: Path, root: Path) -> Document:
    return Document(
        path.absolute().as_uri(),
        path.read_text("utf-8"),
        path=path.relative_to(root).as_posix(),
    )
