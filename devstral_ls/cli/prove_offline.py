"""`devstral-ls doctor --prove-offline`: a whole editing conversation, watched, and what was opened in it."""

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import run
from typing import Any

from devstral_ls.cli.demo import server_command
from devstral_ls.cli.demo_buffer import Buffer
from devstral_ls.cli.demo_project import BEGINNING, END, SCENES, WRITTEN, write_project
from devstral_ls.cli.examination import Finding, Level
from devstral_ls.cli.language_client import LanguageClient
from devstral_ls.cli.witness import LOCAL_FAMILIES, Opened, Witness, find_witness
from devstral_ls.config import Settings

_MAX_SHOWN = 6
_MAX_MENUS = 5
# A mistake that ruff sees and we fix: `Libary` is not defined.
_MISTAKE = '\n\n\nshelf = Libary("North")\n'
_ATTEMPT = """
import socket, subprocess, sys
from devstral_ls.offline import seal
print(seal().is_kernel)
program = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
print(subprocess.run([sys.executable, "-c", program], stderr=subprocess.DEVNULL).returncode != 0)
try:
    socket.create_connection(("127.0.0.1", 9), timeout=1)
except PermissionError:
    print(True)
"""


@dataclass(frozen=True, slots=True)
class _Talk:
    """What was said, and whether the kernel held the server's seal meanwhile."""

    n_keys: int
    n_suggestions: int
    n_fixes: int
    has_hover: bool
    seconds: float
    is_sealed: bool


def prove_offline(settings: Settings) -> Iterator[Finding]:
    """Findings in the order in which they convince: the talk, the seal, then what the witness saw."""
    with tempfile.TemporaryDirectory(prefix="devstral-ls-proof-") as folder:
        root = Path(folder).resolve() / "project"
        root.mkdir()
        witness = find_witness(root.parent)
        talk = _talk(witness.watched(server_command(settings)), root)
        opened = witness.testimony()
    yield _conversation(talk, witness)
    yield _seal(talk)
    yield _sockets(opened, witness)
    yield _programs(opened, witness)
    yield _written(opened, root.parent)


def _talk(command: tuple[str, ...], root: Path) -> _Talk:
    """Type, take suggestions, hover and fix, as an editor does, in a server that runs as `command`."""
    write_project(root)
    start_s = time.perf_counter()
    with LanguageClient(command) as client:
        client.initialize(root, {"eagerness": "eager"})
        buffer = Buffer(client, root / WRITTEN, BEGINNING + END, len(BEGINNING))
        n_keys, n_suggestions = _type_scenes(buffer)
        has_hover = client.request("textDocument/hover", _at(buffer, "Library")) is not None
        buffer.type(_MISTAKE)
        n_fixes = _n_fixes(client, buffer)
        is_sealed = _is_sealed(client.process_id)
    return _Talk(n_keys, n_suggestions, n_fixes, has_hover, time.perf_counter() - start_s, is_sealed)


def _type_scenes(buffer: Buffer) -> tuple[int, int]:
    """Keys typed, and suggestions that came."""
    n_keys = n_suggestions = 0
    for scene in SCENES:
        for character in scene.typed:
            buffer.type(character)
            n_keys += 1
        n_suggestions += buffer.ask().edit is not None
        buffer.type(scene.wanted)
    return n_keys, n_suggestions


def _n_fixes(client: LanguageClient, buffer: Buffer) -> int:
    """How many of the offered fixes are proven: at once or when chosen, and a menu that shows none is opened again.

    A witness slows programs down, and fixes are found against the clock.
    """
    place = _at(buffer, "Libary")
    params = {
        "textDocument": place["textDocument"],
        "range": {"start": place["position"], "end": place["position"]},
        "context": {"diagnostics": [], "only": ["quickfix"]},
    }
    n_fixes = 0
    for _ in range(_MAX_MENUS):
        actions = client.request("textDocument/codeAction", params)
        chosen = (each if "edit" in each else client.request("codeAction/resolve", each) for each in actions)
        n_fixes = sum("edit" in each for each in chosen)
        if n_fixes:
            break
    return n_fixes


def _at(buffer: Buffer, word: str) -> dict[str, Any]:
    """The parameters that name the last place where `word` stands."""
    return buffer.place(buffer.text.rindex(word))


def _is_sealed(process_id: int) -> bool:
    """Whether the kernel filters the system calls of a process."""
    status = Path(f"/proc/{process_id}/status")
    return status.exists() and "\nSeccomp:\t2" in status.read_text("utf-8")


def _conversation(talk: _Talk, witness: Witness) -> Finding:
    hover = "a hover" if talk.has_hover else "no hover"
    fix = "a proven fix" if talk.n_fixes else "no proven fix"
    words = (
        f"{talk.n_keys} keys, {talk.n_suggestions} suggestions, {hover} and {fix}"
        f" in {talk.seconds:.1f} s, watched by {witness.name}"
    )
    level = Level.GOOD if talk.n_suggestions and talk.has_hover else Level.WARNING
    return Finding("conversation", level, words, "too little was said to prove anything; see `devstral-ls doctor`")


def _seal(talk: _Talk) -> Finding:
    """Try the seal on a process of our own: an internet socket, one of a child, and a connection."""
    tried = run([sys.executable, "-c", _ATTEMPT], capture_output=True, text=True, check=False).stdout.split()
    if tried == ["True"] * 3 and talk.is_sealed:
        words = "the kernel refuses internet sockets to the server and all that it starts; three attempts were refused"
        return Finding("seal", Level.GOOD, words)
    if tried[-1:] == ["True"]:
        words = "internet sockets are refused by the interpreter only; programs that the server starts could open some"
        return Finding("seal", Level.WARNING, words, "the kernel's seal needs Linux with seccomp, on x86-64 or ARM64")
    return Finding("seal", Level.BROKEN, "an attempt to connect was not refused", "report this as a defect")


def _sockets(opened: Opened, witness: Witness) -> Finding:
    families = ", ".join(f"{count} {family}" for family, count in opened.families.most_common())
    if opened.outside:
        words = f"attempts to reach another machine: {_listed(opened.outside)}"
        return Finding("sockets", Level.BROKEN, words, "report this as a defect")
    whose = "the server and its programs" if witness.sees_programs else "the server"
    local = ", all local" if opened.families and set(opened.families) <= LOCAL_FAMILIES else ""
    return Finding("sockets", Level.GOOD, f"{whose} opened {families or 'none'}{local}; connections elsewhere: none")


def _programs(opened: Opened, witness: Witness) -> Finding:
    words = ", ".join(f"{count} {name}" for name, count in opened.programs.most_common())
    if witness.sees_programs:
        return Finding("programs", Level.GOOD, f"started {words}")
    advice = "install strace, and their sockets are watched too"
    return Finding("programs", Level.WARNING, f"started {words or 'none'}; not watched themselves", advice)


def _written(opened: Opened, temporary: Path) -> Finding:
    """Folders in which files were opened for writing; the project of this proof is left out."""
    folders = {_place(path) for path in opened.written if path.is_absolute() and temporary not in path.parents}
    shown = sorted(str(folder).replace(str(Path.home()), "~", 1) for folder in folders)
    return Finding("written to", Level.GOOD, _listed(shown) or "nothing")


def _place(file: Path) -> Path:
    """The folder that tells whose file it is: our own cache as a whole, else where the file lies."""
    return next((folder for folder in file.parents if folder.name == "devstral-ls"), file.parent)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MAX_SHOWN} more" if _MAX_SHOWN < len(names) else ""
    return ", ".join(names[:_MAX_SHOWN]) + more
