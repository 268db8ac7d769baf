"""Where editors of one user meet: which engine they want, in which folder its socket lies, and who may be there."""

import hashlib
import json
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from devstral_ls.engine.manifest import MANIFEST_NAME, file_sha256
from devstral_ls.errors import NotShared
from devstral_ls.release import version
from devstral_ls.sharing.messages import PROTOCOL

FOLDER_VARIABLE = "DEVSTRAL_LS_RUNTIME"
# sockaddr_un holds 104 bytes on macOS and 108 on Linux, with the zero at the end.
MAX_SOCKET_PATH_BYTES = 103
_PACKAGE = Path(__file__).parent.parent
_OTHERS = 0o077


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The engine that a server wants; servers share one only if all of this is equal."""

    model: str  # the folder
    manifest_sha256: str  # with it, of every file of the model
    provider: str
    n_threads: int
    protocol: int = PROTOCOL
    version: str = ""
    package: str = str(_PACKAGE)  # another installation may have other libraries

    @property
    def name(self) -> str:
        """For the socket: a digest of everything."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def wanted_engine(folder: Path, *, provider: str, n_threads: int) -> Wanted:
    """What this server, as it is installed, wants for the model in this folder."""
    model = folder.resolve()
    digest = file_sha256(model / MANIFEST_NAME)
    return Wanted(model=str(model), manifest_sha256=digest, provider=provider, n_threads=n_threads, version=version())


def socket_path(wanted: Wanted, folder: Path) -> Path:
    """Where the engine listens."""
    path = folder / f"engine-{wanted.name}"
    if MAX_SOCKET_PATH_BYTES < len(os.fsencode(path)):
        raise NotShared(f"{path} is too long for a socket; set {FOLDER_VARIABLE} to a shorter folder")
    return path


def private_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The user's runtime folder, made where it is missing; refused where others could reach into it."""
    if not can_share():
        raise NotShared(f"there are no local sockets that tell their user on {sys.platform}")
    folder = _runtime_folder(environment)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise NotShared(f"{folder} cannot be used: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise NotShared(f"{folder} is no folder of yours; remove it, or set {FOLDER_VARIABLE}")
    if found.st_mode & _OTHERS:
        raise NotShared(f"{folder} is open to others (mode {stat.S_IMODE(found.st_mode):o}); run chmod 700 on it")
    return folder


def can_share() -> bool:
    """Whether this system has local sockets that tell who is at the other end."""
    return hasattr(socket, "AF_UNIX") and (hasattr(socket, "SO_PEERCRED") or sys.platform == "darwin")


def _runtime_folder(environment: Mapping[str, str]) -> Path:
    if chosen := environment.get(FOLDER_VARIABLE):
        return Path(chosen)
    runtime = environment.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        return Path(runtime) / "devstral-ls"
    return Path(tempfile.gettempdir()) / f"devstral-ls-{os.geteuid()}"
