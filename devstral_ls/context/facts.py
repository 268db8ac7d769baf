"""What the semantics process found out, remembered; typing only ever looks at what is remembered."""

import json
import logging
import queue
import re
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from devstral_ls.text import Place

MAX_FACTS = 4_096
DEADLINE_MS = 2_000
MAX_TEXT_CHARACTERS = 1_000_000

_LOGGER = logging.getLogger(__name__)
_RECEIVER = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*|\(\))*)\.\w*$")


@dataclass(frozen=True, slots=True)
class Fact:
    """One definition that an expression leads to."""

    path: str  # as the workspace names the file
    name: str  # dotted, from the top level of its file


@dataclass(frozen=True, slots=True)
class _Question:
    document_path: str
    expression: str


class Semantics:
    """Owns the semantics process: one question at a time, killed when late, started again when needed.

    `learn` blocks up to its deadline and belongs into idle time; `known` only looks.
    """

    def __init__(self, roots: Sequence[Path], libraries: Sequence[Path]) -> None:
        self._roots = [str(root) for root in roots]
        self._libraries = [str(library) for library in libraries]
        self._facts: OrderedDict[_Question, tuple[Fact, ...]] = OrderedDict()
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._one_at_a_time = threading.Lock()

    def known(self, place: Place) -> tuple[Fact, ...]:
        """The types of what stands before the dot at `place`, if they were learned before."""
        question = _question(place)
        return self._facts.get(question, ()) if question else ()

    def learn(self, place: Place, *, deadline_ms: int = DEADLINE_MS) -> tuple[Fact, ...]:
        """Find out and remember the types of what stands before the dot at `place`."""
        question = _question(place)
        if question is None or MAX_TEXT_CHARACTERS < len(place.document.text):
            return ()
        with self._one_at_a_time:
            answer = self._ask(_as_json(place, self._roots, self._libraries), deadline_ms)
        if answer is None:
            return self._facts.get(question, ())
        facts = tuple(fact for path, name in json.loads(answer) if (fact := self._fact(path, name)))
        self._facts[question] = facts
        if MAX_FACTS < len(self._facts):
            self._facts.popitem(last=False)
        return facts

    def close(self) -> None:
        """End the process; a later question starts another one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _ask(self, question: str, deadline_ms: int) -> str | None:
        process = self._process or self._start()
        assert process.stdin is not None
        try:
            process.stdin.write(question + "\n")
            process.stdin.flush()
            answer = self._answers.get(timeout=deadline_ms / 1e3)
        except (queue.Empty, OSError):
            _LOGGER.info("the semantics process gave no answer within %d ms and is started anew", deadline_ms)
            self.close()
            return None
        return answer or None

    def _start(self) -> subprocess.Popen[str]:
        # -P keeps the working folder, which may be an untrusted project, off the import path.
        command = [sys.executable, "-P", "-m", "devstral_ls.context.semantics"]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._process = process
        self._answers = queue.SimpleQueue()
        threading.Thread(target=_forward, args=(process, self._answers), daemon=True).start()
        return process

    def _fact(self, path: str, name: str) -> Fact | None:
        for folder in (*self._roots, *self._libraries):
            if Path(path).is_relative_to(folder):
                return Fact(Path(path).relative_to(folder).as_posix(), name)
        return None


def _forward(process: subprocess.Popen[str], answers: queue.SimpleQueue[str]) -> None:
    """Pass answers on until the process ends; the empty last line says that it did."""
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)
    answers.put("")


def _question(place: Place) -> _Question | None:
    receiver = _RECEIVER.search(place.line_before)
    return _Question(place.document.path, receiver.group(1)) if receiver else None


def _as_json(place: Place, roots: Sequence[str], libraries: Sequence[str]) -> str:
    receiver = _RECEIVER.search(place.line_before)
    assert receiver is not None
    path = str(Path(roots[0]) / place.document.path) if roots else place.document.path
    question = {
        "text": place.document.text,
        "path": path,
        "line": place.line + 1,
        "column": max(receiver.end(1) - 1, receiver.start(1)),
        "roots": roots,
        "libraries": libraries,
    }
    return json.dumps(question)
