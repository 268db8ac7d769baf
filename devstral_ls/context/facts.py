"""What the semantics process found out, remembered; typing only ever looks at what is remembered."""

import json
import logging
import queue
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from devstral_ls.context.roots import Root, Roots
from devstral_ls.context.subjects import (
    Subject,
    called_at,
    calls_around,
    keywords_used,
    places_around,
    receiver_end,
    subject_at,
    subject_of,
    usages,
)
from devstral_ls.text import Place

MAX_FACTS = 4_096
DEADLINE_MS = 2_000
BACKGROUND_DEADLINE_MS = 10_000  # nobody waits, and the first look at the standard library takes seconds
IDLE_S = 300.0  # of several open editors one is typed in; the others' processes give their 50 MiB back
MAX_TEXT_CHARACTERS = 1_000_000

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fact:
    """One definition that an expression leads to."""

    path: str  # as the workspace names the file
    name: str  # dotted, from the top level of its file


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was found out about one expression; members are None where not all of them could be."""

    facts: tuple[Fact, ...] = ()
    members: frozenset[str] | None = None
    keywords: frozenset[str] | None = None  # of what is called


NOTHING = Knowledge()


class Semantics:
    """Owns the semantics process: one question at a time, killed when late or idle, started again when needed.

    `learn` blocks up to its deadline; `wonder` has a thread learn what is near a place; the rest only looks.
    """

    def __init__(self, roots: Roots, libraries: Sequence[Root], *, idle_s: float = IDLE_S) -> None:
        self._roots, self._libraries = roots, libraries
        self._idle_s = idle_s
        self._known: OrderedDict[Subject, Knowledge] = OrderedDict()
        self._wondered: Place | None = None
        self._wonders = threading.Condition()
        self._wonderer: threading.Thread | None = None
        self._is_closed = False
        self.n_learned = 0
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._one_at_a_time = threading.Lock()

    def known(self, place: Place) -> tuple[Fact, ...]:
        """The types of what stands before the dot at `place`, if they were learned before."""
        subject = subject_at(self._roots.named_place(place))
        return self._known.get(subject, NOTHING).facts if subject else ()

    def members(self, place: Place, expression: str) -> frozenset[str] | None:
        """All names that may follow `expression` and a dot at `place`, or None where that is not known."""
        return self._known.get(subject_of(self._roots.named_place(place), expression), NOTHING).members

    def keywords(self, place: Place, callee: str) -> frozenset[str] | None:
        """All keywords that a call of `callee` at `place` may give, or None where that is not known."""
        subject = subject_of(self._roots.named_place(place), callee, is_called=True)
        return self._known.get(subject, NOTHING).keywords

    def learn_call(self, place: Place, *, deadline_ms: int = DEADLINE_MS) -> frozenset[str] | None:
        """Find out and remember what may be given to the call whose bracket ends at `place`."""
        place = self._roots.named_place(place)
        callee = called_at(place)
        if callee is None or MAX_TEXT_CHARACTERS < len(place.document.text):
            return None
        subject = subject_of(place, callee, is_called=True)
        with self._one_at_a_time:
            answer = self._ask(self._question(place, len(place.line_before), is_called=True), deadline_ms)
            if answer is None:
                return self._known.get(subject, NOTHING).keywords
            known = json.loads(answer)["keywords"]
            keywords = None if known is None else frozenset(known)
            if keywords is not None and not keywords_used(place.document, callee, but=place.line) <= keywords:
                keywords = None
            self._remember(subject, Knowledge(keywords=keywords))
        return keywords

    def learn(self, place: Place, *, deadline_ms: int = DEADLINE_MS) -> tuple[Fact, ...]:
        """Find out and remember the types of what stands before the dot at `place`."""
        place = self._roots.named_place(place)
        subject = subject_at(place)
        if subject is None or MAX_TEXT_CHARACTERS < len(place.document.text):
            return ()
        with self._one_at_a_time:
            answer = self._ask(self._question(place, receiver_end(place)), deadline_ms)
            if answer is None:
                return self._known.get(subject, NOTHING).facts
            known = self._knowledge(json.loads(answer), place, subject.expression)
            self._remember(subject, known)
        return known.facts

    def wonder(self, place: Place) -> None:
        """Learn in the background what stands before the dots at and above `place`; a newer place comes first."""
        with self._wonders:
            self._wondered = self._roots.named_place(place)
            if self._wonderer is None:
                self._wonderer = threading.Thread(target=self._learn_around, name="devstral-semantics", daemon=True)
                self._wonderer.start()
            self._wonders.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait until nothing is left to wonder about; whether that is so."""
        with self._wonders:
            return self._wonders.wait_for(lambda: self._wondered is None, timeout_s)

    def rest(self) -> None:
        """Do without the process until there is a question; what is known stays. Does nothing while one is answered."""
        if self._one_at_a_time.acquire(blocking=False):
            try:
                self._end()
            finally:
                self._one_at_a_time.release()

    def close(self) -> None:
        """End the thread and the process."""
        with self._wonders:
            self._is_closed = True
            self._wonders.notify_all()
        self._end()

    def _learn_around(self) -> None:
        """The thread: one question after the other, until there is a newer place."""
        while (place := self._next_place()) is not None:
            for each in chain((place,), places_around(place)):
                if self._is_closed or self._wondered is not place:
                    break
                if (subject := subject_at(each)) is not None and subject not in self._known:
                    self.learn(each, deadline_ms=BACKGROUND_DEADLINE_MS)
                    self._known.setdefault(subject, NOTHING)  # what is late once is not asked again
            for each in calls_around(place):
                if self._is_closed or self._wondered is not place:
                    break
                called = called_at(each)
                call = subject_of(each, called, is_called=True) if called else None
                if call is not None and call not in self._known:
                    self.learn_call(each, deadline_ms=BACKGROUND_DEADLINE_MS)
                    self._known.setdefault(call, NOTHING)
            with self._wonders:
                if self._wondered is place:
                    self._wondered = None
                    self._wonders.notify_all()

    def _next_place(self) -> Place | None:
        """Wait for a place to learn around, without the process where that takes long; None at the end."""
        while not self._is_closed:
            with self._wonders:
                self._wonders.wait_for(lambda: self._is_closed or self._wondered is not None, self._idle_s)
                place = self._wondered
            if place is not None:
                return place
            with self._one_at_a_time:
                self._end()
        return None

    def _remember(self, subject: Subject, known: Knowledge) -> None:
        self._known[subject] = known
        if MAX_FACTS < len(self._known):
            self._known.popitem(last=False)
        self.n_learned += 1

    def _knowledge(self, answer: dict[str, Any], place: Place, expression: str) -> Knowledge:
        """An answer, but for members that the text itself shows to be incomplete."""
        facts = tuple(fact for path, name in answer["definitions"] if (fact := self._fact(path, name)))
        given = answer["members"]
        members = None if given is None else frozenset(given)
        if members is not None and not usages(place.document, expression, but=place.line) <= members:
            members = None
        return Knowledge(facts, members)

    def _end(self) -> None:
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
            self._end()
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
        names = (root.name_of(Path(path)) for root in (*self._roots.each, *self._libraries))
        found = next((each for each in names if each is not None), None)
        return None if found is None else Fact(found, name)

    def _question(self, place: Place, column: int, *, is_called: bool = False) -> str:
        path = place.document.path
        inside = ((root, root.path_in(path)) for root in self._roots.each)
        own = next((root.folder / found for root, found in inside if found is not None), path)
        question = {
            "text": place.document.text,
            "path": str(own),
            "line": place.line + 1,
            "column": column,
            "roots": [str(root.folder) for root in self._roots.each],
            "libraries": [str(library.folder) for library in self._libraries],
            "is_called": is_called,
        }
        return json.dumps(question)


def _forward(process: subprocess.Popen[str], answers: queue.SimpleQueue[str]) -> None:
    """Pass answers on until the process ends; the empty last line says that it did."""
    assert process.stdout is not None
    for line in process.stdout:
        answers.put(line)
    answers.put("")
