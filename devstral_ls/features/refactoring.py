"""One change across several files, as somebody asks for it in words: written by a model, judged by the checkers.

Every file is judged with all the others as they would be, and so are files that were not changed but mention what
the change takes away or defines anew. Nothing is believed that cannot be placed exactly.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Checker, Problem, compare
from devstral_ls.context.secrets import MASK
from devstral_ls.engine.request import ChatPrompt
from devstral_ls.errors import ChangeRefused, CheckerFailed
from devstral_ls.features.edit_blocks import BETWEEN, NEW, OLD, EditBlock, edit_blocks, line_of
from devstral_ls.features.questions import fence, line_edits
from devstral_ls.features.verification import Baseline, examine
from devstral_ls.text import Document, Edit, apply_edits

MAX_REFACTORING_TOKENS = 6_000
DEADLINE_MS = 300_000
MAX_INSTRUCTION_CHARACTERS = 2_000
MAX_BYSTANDERS = 60
_NAME = re.compile(r"[^\W\d]\w{2,}")
_DEFINITION = re.compile(r"^\s*(?:(?:async\s+)?def|class)\s+(\w+)|^(\w+)\s*(?::[^=\n]*)?=(?!=)", re.MULTILINE)
_SYSTEM = f"""\
You change code in several files as you are asked, and nothing else in them. Answer with changes only, each as

path/of/the/file
{OLD}
whole lines as they stand in that file, enough of them to be found in one place only
{BETWEEN}
the lines that take their place
{NEW}

A value that reads {MASK} is hidden from you: keep such lines as they are."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A file as the model is shown it: with its own name and text, or with what hides the secrets in them."""

    name: str
    document: Document
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one file."""

    document: Document
    edits: tuple[Edit, ...]

    @property
    def after(self) -> Document:
        return replace(self.document, text=apply_edits(self.document.text, self.edits))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who has looked at how many files, and what they object to first; nothing where `objection` is empty."""

    objection: str
    checked_by: tuple[str, ...]
    n_bystanders: int


def to_refactor(files: Sequence[Shown], instruction: str, objection: str = "") -> ChatPrompt:
    """The question; `objection` says why an earlier answer was refused."""
    shown = [f"{each.name}:\n{fence(each.lines, each.document.language_id)}" for each in files]
    words = [*shown, f"What to change: {instruction}"]
    if objection:
        words.append(f"An earlier answer was refused: {objection}. Answer anew, with all changes.")
    return ChatPrompt(_SYSTEM, "\n\n".join(words))


def changes_in(answer: str, files: Sequence[Shown]) -> tuple[Change, ...]:
    """What an answer makes of the files; `ChangeRefused` where it is not exact, or changes nothing."""
    shown = {each.name: each for each in files}
    by_name: dict[str, list[EditBlock]] = {}
    for block in edit_blocks(answer, shown):
        by_name.setdefault(block.path, []).append(block)
    changes = (Change(shown[name].document, _edits(shown[name], blocks)) for name, blocks in by_name.items())
    kept = tuple(change for change in changes if change.edits)
    if not kept:
        raise ChangeRefused("the answer changes nothing")
    return kept


def names_at_stake(changes: Iterable[Change]) -> frozenset[str]:
    """The names that a file no longer holds, and those that a changed line defines: who mentions them may be broken."""
    names: set[str] = set()
    for change in changes:
        text = change.document.text
        names |= {*_NAME.findall(text)} - {*_NAME.findall(change.after.text)}
        for edit in change.edits:
            names |= {function or value for function, value in _DEFINITION.findall(edit.span.of(text))}
    return frozenset(names)


def bystanders(changes: Sequence[Change], project: Iterable[Document]) -> tuple[Document, ...]:
    """The files of a project that are not changed and mention what the changes take away or define anew."""
    names, changed = names_at_stake(changes), {change.document.uri for change in changes}
    if not names:
        return ()
    found = (each for each in project if each.uri not in changed and not names.isdisjoint(_NAME.findall(each.text)))
    return tuple(each for each, _ in zip(found, range(MAX_BYSTANDERS), strict=False))


def judge(
    changes: Sequence[Change], beside: Sequence[Document], checkers: Sequence[Checker], cancel: CancelToken
) -> Verdict:
    """Ask all checkers about all files before and after; those that see several files see them all as they would be."""
    before = {each.uri: examine(each, checkers) for each in (*(change.document for change in changes), *beside)}
    unjudged = next((each.document.path for each in changes if not before[each.document.uri].findings), None)
    if unjudged is not None:
        return Verdict(f"no checker answers about {unjudged}", (), 0)
    everything = (*changes, *(Change(each, ()) for each in beside))
    try:
        _objections(before, everything, cancel)  # shows every file, so that now each is judged beside all the others
        objections = _objections(before, everything, cancel)
    except CheckerFailed as error:  # what could not be looked at is not proven
        objections = [str(error)]
    finally:
        for change in changes:  # whoever sees several files is not to remember these
            examine(change.document, checkers)
    judges = {finding.checker.name: None for baseline in before.values() for finding in baseline.findings}
    return Verdict(objections[0] if objections else "", tuple(judges), len(beside))


def _objections(before: dict[str, Baseline], changes: Sequence[Change], cancel: CancelToken) -> list[str]:
    """What is wrong now and was not."""
    found: list[str] = []
    for change in changes:
        cancel.raise_if_cancelled()
        after = change.after
        for finding in before[after.uri].findings:
            new = compare(finding.problems, finding.checker.check(after), change.edits).new
            found += [_said(problem, after) for problem in new]
    return found


def _said(problem: Problem, document: Document) -> str:
    line = document.lines.line_of(problem.span.start) + 1
    return f"{document.path}:{line}: {problem.code} {problem.message.splitlines()[0]}"


def _edits(shown: Shown, blocks: Sequence[EditBlock]) -> tuple[Edit, ...]:
    """The blocks of one file as edits of its own text, in order."""
    document, lines = shown.document, shown.lines
    if len(lines) != document.lines.n_lines:
        raise ChangeRefused(f"{document.path} has line endings of its own")
    placed = sorted(((line_of(block, lines), block) for block in blocks), key=lambda each: each[0])
    edits: list[Edit] = []
    end = 0
    for first, block in placed:
        if first < end:
            raise ChangeRefused(f"two changes of {document.path} meet in line {first + 1}")
        end = first + len(block.old)
        edits += line_edits(document, first, lines[first:end], block.new)
    if shown.text != document.text and any(MASK in each.new_text for each in edits):
        raise ChangeRefused(f"the answer rewrites a hidden value of {document.path}")
    return tuple(edits)
