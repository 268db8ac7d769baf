"""Types, when the `types` extra is installed: ty as a warm child that sees the text as an overlay of its folder."""

import threading
from pathlib import Path
from typing import Any

from devstral_ls.checkers.language_server import ChildServer
from devstral_ls.checkers.problem import Problem, Severity
from devstral_ls.errors import CheckerFailed
from devstral_ls.text import Document, Span
from devstral_ls.trace import span

_SEVERITIES = {1: Severity.ERROR, 2: Severity.WARNING, 3: Severity.INFORMATION, 4: Severity.HINT}
_START_DEADLINE_MS = 5000  # the first answer reads the typeshed stubs


class Ty:
    """Owns one ty process for one folder; started by the first question, one question at a time."""

    def __init__(self, root: Path, *, deadline_ms: float = 1500) -> None:
        self._root = root
        self._deadline_ms = deadline_ms
        self._lock = threading.Lock()
        self._child: ChildServer | None = None
        self._opened: dict[str, tuple[int, str]] = {}  # uri → the number of times it changed, its text

    @staticmethod
    def is_installed() -> bool:
        return _binary() is not None

    @property
    def name(self) -> str:
        return "ty"

    def speaks(self, language_id: str) -> bool:
        return language_id == "python"

    def check(self, document: Document) -> list[Problem]:
        if document.language_id != "python":
            return []
        with self._lock, span("checkers.ty"):
            answer = self._ask(document, "textDocument/diagnostic", {})
        try:
            found = [_problem(entry, document) for entry in answer["items"]]
        except (KeyError, TypeError, AssertionError) as error:
            raise CheckerFailed(f"ty answered something unreadable: {type(error).__name__}") from error
        return sorted((each for each in found if _is_about_code(each)), key=lambda each: each.span)

    def names_at(self, document: Document, offset: int) -> list[str]:
        """What could be written at `offset`, best first: the attributes of what stands before a dot."""
        with self._lock, span("checkers.ty.names"):
            answer = self._ask(document, "textDocument/completion", {"position": _position(document, offset)})
        items = answer.get("items", []) if isinstance(answer, dict) else answer or []
        return [str(item["label"]) for item in items if not item.get("additionalTextEdits")]

    def parameters_at(self, document: Document, offset: int) -> list[str]:
        """The parameters of the call whose arguments hold `offset`, as its signatures write them."""
        with self._lock, span("checkers.ty.parameters"):
            answer = self._ask(document, "textDocument/signatureHelp", {"position": _position(document, offset)})
        return [
            _label(parameter["label"], signature["label"])
            for signature in (answer or {}).get("signatures", [])
            for parameter in signature.get("parameters", [])
        ]

    def hover_at(self, document: Document, offset: int) -> str:
        """The type and documentation of what stands at `offset`, as plain text; empty when unknown."""
        with self._lock, span("checkers.ty.hover"):
            answer = self._ask(document, "textDocument/hover", {"position": _position(document, offset)})
        contents = (answer or {}).get("contents", "")
        return str(contents.get("value", "")) if isinstance(contents, dict) else str(contents)

    def definition_at(self, document: Document, offset: int) -> tuple[str, int] | None:
        """The URI and the 0-based line where what stands at `offset` is defined."""
        with self._lock, span("checkers.ty.definition"):
            answer = self._ask(document, "textDocument/definition", {"position": _position(document, offset)})
        place = answer[0] if isinstance(answer, list) and answer else answer
        return (str(place["uri"]), int(place["range"]["start"]["line"])) if place else None

    def close(self) -> None:
        """End the child; whoever waits for its answer learns that it ended. A later question starts another one."""
        child = self._child
        if child is not None:
            child.close()

    def _ask(self, document: Document, method: str, params: dict[str, Any]) -> Any:
        is_first = self._child is None or not self._child.is_alive
        child = self._started()
        self._show(child, document)
        deadline_ms = _START_DEADLINE_MS if is_first else self._deadline_ms
        return child.ask(method, {"textDocument": {"uri": document.uri}, **params}, deadline_ms=deadline_ms)

    def _started(self) -> ChildServer:
        if self._child is not None and self._child.is_alive:
            return self._child
        binary = _binary()
        if binary is None:
            raise CheckerFailed("ty is not installed; install devstral-ls[types]")
        self._opened.clear()
        child = ChildServer([binary, "server"])
        uri = self._root.absolute().as_uri()
        capabilities = {"general": {"positionEncodings": ["utf-32"]}, "textDocument": {"diagnostic": {}}}
        folders = [{"uri": uri, "name": self._root.name}]
        params = {"processId": None, "rootUri": uri, "workspaceFolders": folders, "capabilities": capabilities}
        answer = child.ask("initialize", params, deadline_ms=_START_DEADLINE_MS)
        if answer["capabilities"].get("positionEncoding") != "utf-32":
            child.close()
            raise CheckerFailed("ty does not count columns in characters; install a newer ty")
        child.notify("initialized", {})
        self._child = child
        return child

    def _show(self, child: ChildServer, document: Document) -> None:
        """Make the child see this text, not the file's."""
        n_changes, shown = self._opened.get(document.uri, (0, None))
        if shown == document.text:
            return
        identifier = {"uri": document.uri, "version": n_changes + 1}
        if shown is None:
            item = {**identifier, "languageId": "python", "text": document.text}
            child.notify("textDocument/didOpen", {"textDocument": item})
        else:
            changes = [{"text": document.text}]
            child.notify("textDocument/didChange", {"textDocument": identifier, "contentChanges": changes})
        self._opened[document.uri] = (n_changes + 1, document.text)


def _binary() -> str | None:
    """The program of the installed wheel, never one of a workspace or of the PATH."""
    try:
        from ty import find_ty_bin  # noqa: PLC0415 - an extra that most installations do not have
    except ImportError:
        return None
    return str(find_ty_bin())


def _is_about_code(problem: Problem) -> bool:
    """Hints ("`x` is unused") colour an editor, and comments that silence other checkers are not ours to judge."""
    return problem.severity is not Severity.HINT and not problem.code.startswith("unused-type-ignore")


def _problem(entry: dict[str, Any], document: Document) -> Problem:
    place = Span(_offset(entry["range"]["start"], document), _offset(entry["range"]["end"], document))
    severity = _SEVERITIES.get(entry.get("severity", 1), Severity.ERROR)
    return Problem("ty", str(entry.get("code", "")), str(entry["message"]), place, severity)


def _offset(position: dict[str, int], document: Document) -> int:
    return min(document.lines.line_start(position["line"]) + position["character"], len(document.text))


def _position(document: Document, offset: int) -> dict[str, int]:
    line = document.lines.line_of(offset)
    return {"line": line, "character": offset - document.lines.line_start(line)}


def _label(label: str | list[int], signature: str) -> str:
    """A parameter's label is a text or a range of the signature's."""
    return label if isinstance(label, str) else signature[label[0] : label[1]]
