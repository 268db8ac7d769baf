"""Which remote server its user chose, kept in a file of their own that no editor and no workspace can write.

Initialization options are not asked: some editors take them from a file of the project.
"""

import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from devstral_ls.errors import UsageError
from devstral_ls.remote import CHOICE
from devstral_ls.remote.private_files import read_object, read_private, write_object

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# How to ask for a text between two others: not at all, as OpenAI's `suffix`, as Mistral's `fim/completions`, or in
# the markers of a model family, for servers that take a prompt as it is.
FAMILIES = ("codellama", "deepseek", "qwen", "starcoder2", "granite")
INFILLS = ("none", "suffix", "fim", *FAMILIES)
_VARIABLE = "env:"
_KEY = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """An OpenAI-compatible server: where it stands, and how it wants to be asked."""

    url: str  # up to and with `/v1`
    model: str
    key: str = ""  # `env:NAME` or a private file that holds it; never the key itself
    ca: str = ""  # a file of certificates, trusted instead of the system's
    proxy: str = ""  # of the `http://host:port` kind
    infill: str = "none"
    preview: bool = False  # ask each time, and show the text

    @property
    def host(self) -> str:
        """What people call the server: its name, and its port where that is unusual."""
        return urlsplit(self.url).netloc


def load(folder: Path) -> Remote | None:
    """The chosen server, or None when none is."""
    given = read_object(folder / CHOICE)
    return None if given is None else remote_of(given)


def save(folder: Path, remote: Remote) -> None:
    write_object(folder / CHOICE, asdict(remote))


def forget(folder: Path) -> bool:
    """Choose no server; whether one was chosen."""
    file = folder / CHOICE
    is_there = file.exists()
    file.unlink(missing_ok=True)
    return is_there


def remote_of(given: dict[str, Any]) -> Remote:
    """The server that these values name, or an error that says which of them is wrong."""
    known = {each.name: each for each in fields(Remote)}
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"unknown field {name!r} of a remote server; known are {', '.join(known)}")
        if type(value) is not known[name].type:
            raise UsageError(f"the field {name!r} of a remote server is of a wrong type")
    missing = next((name for name in ("url", "model") if not given.get(name)), None)
    if missing is not None:
        raise UsageError(f"a remote server needs a {missing}")
    remote = Remote(**given)
    _check_url(remote.url)
    if remote.proxy:
        _check_proxy(remote.proxy)
    if remote.infill not in INFILLS:
        raise UsageError(f"infill is {remote.infill!r}, but must be one of {', '.join(INFILLS)}")
    if remote.ca and not Path(remote.ca).is_file():
        raise UsageError(f"there is no file {remote.ca} of certificates")
    return remote


def read_key(source: str) -> str:
    """The key that `source` leads to; empty for a server that wants none. Errors never quote what was found."""
    if not source:
        return ""
    if source.startswith(_VARIABLE):
        name = source.removeprefix(_VARIABLE)
        key = os.environ.get(name, "").strip()
        where = f"the environment variable {name}" if name.isidentifier() else "the named environment variable"
    else:
        key = _key_in(Path(source).expanduser())
        where = "the key's file"
    if not key:
        raise UsageError(f"{where} is empty or not set")
    if not _KEY.fullmatch(key):
        raise UsageError(f"{where} holds no key: one line of printable ASCII without blanks is wanted")
    return key


def _key_in(file: Path) -> str:
    # A key that was written in the place of a file's name must not reach a log.
    if not file.is_file():
        raise UsageError("the key is to be `env:NAME` or a private file that exists, never the key itself")
    return (read_private(file) or "").strip()


def _check_url(url: str) -> None:
    parts = _split(url, "url")
    if parts.scheme not in {"https", "http"}:
        raise UsageError(f"the url begins with {parts.scheme!r}; https is wanted")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise UsageError(f"http to {parts.hostname} would show the code to the network; use https, or a tunnel")


def _check_proxy(proxy: str) -> None:
    parts = _split(proxy, "proxy")
    if parts.scheme not in {"http", "https"} or parts.path not in {"", "/"}:
        raise UsageError("the proxy is to be http://HOST:PORT")


def _split(url: str, what: str) -> SplitResult:
    """The parts of a URL with nothing in it that could be a secret or a trick."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is None or 0 < parts.port
    except ValueError:
        has_port = False
    if not has_port or not parts.hostname or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise UsageError(f"the {what} is no URL of a server, such as https://models.example.com/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise UsageError(f"the {what} is to hold no user, password, query or fragment")
    return parts
