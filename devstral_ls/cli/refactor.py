"""`devstral-ls refactor WORDS PATH…`: one change across several files, by a model, judged by the checkers."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from devstral_ls.cancel import CancelToken
from devstral_ls.cli.asking import ask, errand_about
from devstral_ls.cli.checking import Workbench
from devstral_ls.cli.choices import Model, Provider, Threads, open_chosen_engine, settings_of
from devstral_ls.cli.files import (
    diff_of,
    files_below,
    read_document,
    refuse_if_changed,
    root_of,
    suffixes_of,
    write_back,
)
from devstral_ls.config import Settings
from devstral_ls.errors import ChangeRefused, UsageError
from devstral_ls.text import Document

if TYPE_CHECKING:  # for start-up: `--help` needs no features
    from devstral_ls.features.refactoring import Change, Shown, Verdict

EXIT_REFUSED = 1
MAX_FILES = 30
MAX_PROJECT_FILES = 5_000
# Changes may be missing behind it.
_CUT_OFF = "nothing was changed: the answer was cut off; name fewer files, or ask for less"
N_ATTEMPTS = 2  # the second one is told what was wrong with the first

# From an objection to an earlier answer to a new answer, with what was shown of the files.
_Ask = Callable[[str], "tuple[str, tuple[Shown, ...]]"]


@dataclass(frozen=True, slots=True)
class _Proposal:
    """What a model would make of the files, and what the checkers say about it."""

    changes: "tuple[Change, ...]"
    verdict: "Verdict"


def refactor(
    words: Annotated[str, typer.Argument(metavar="WORDS", help="What to change, such as 'rename area to surface'.")],
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="The files that may change, or their folders.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking; only what no checker objects to.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write nothing; print the new texts, for an editor.")] = False,
    remote: Annotated[bool, typer.Option("--remote", help="Ask the remote model that you chose.")] = False,
    model: Model = "",
    provider: Provider = "cpu",
    threads: Threads = 0,
) -> None:
    """Ask a model that follows instructions for one change across several files, and show it as a diff.

    It is written only where no checker objects, in the files as they would be and in others that mention what changed,
    and after you said yes. Only the named files may change, and only they are shown to the model.
    The exit code is 0 when something was written, 1 when not and 2 for bad input.
    """
    documents = _documents(paths)
    roots = {root_of(path) for path in documents}
    if len(roots) != 1:
        raise UsageError(f"these files belong to {len(roots)} projects; name files of one")
    _refuse_long_words(words)
    workbench = Workbench()
    try:
        if remote:
            proposal = _proposed(partial(_asked_elsewhere, documents, words), documents, workbench)
        else:
            settings = settings_of(model=model, provider=provider, n_threads=threads)
            proposal = _proposed_here(settings, documents, words, workbench)
    finally:
        workbench.close()
    if as_json:
        print(json.dumps(_as_json(proposal, documents), ensure_ascii=False))
        raise typer.Exit(EXIT_REFUSED if proposal.verdict.objection else 0)
    _show(proposal, documents)
    if proposal.verdict.objection:
        print(f"nothing was written: {proposal.verdict.objection}", file=sys.stderr)
        raise typer.Exit(EXIT_REFUSED)
    if not yes and not _is_wanted():
        print("nothing was written; --yes writes without asking", file=sys.stderr)
        raise typer.Exit(EXIT_REFUSED)
    _write(proposal, documents)


def _documents(paths: list[Path]) -> dict[Path, Document]:
    """What is named, once each however often it is named."""
    read = {path.resolve(): (path, read_document(path)) for path in _files(paths)}
    return dict(read.values())


def _files(paths: list[Path]) -> Iterator[Path]:
    n_files = 0
    for path in paths:
        for file in files_below(path, suffixes_of({"python"})) if path.is_dir() else [path]:
            n_files += 1
            if MAX_FILES < n_files:
                raise UsageError(f"more than {MAX_FILES} files are too many for one change; name those that may change")
            yield file
    if n_files == 0:
        raise UsageError(f"there are no Python files in {', '.join(map(str, paths))}; name the files that may change")


def _refuse_long_words(words: str) -> None:
    from devstral_ls.features.refactoring import MAX_INSTRUCTION_CHARACTERS  # noqa: PLC0415  for start-up

    if not words.strip():
        raise UsageError("say what to change, such as 'rename area to surface'")
    if MAX_INSTRUCTION_CHARACTERS < len(words):
        raise UsageError(f"{len(words)} characters are too many words; {MAX_INSTRUCTION_CHARACTERS} may be")


def _proposed(ask_for: _Ask, documents: dict[Path, Document], workbench: Workbench) -> _Proposal:
    """The first answer that the checkers do not object to, or the last one that could be read."""
    from devstral_ls.features.refactoring import bystanders, changes_in, judge  # noqa: PLC0415  for start-up

    first = next(iter(documents))
    tools = workbench.tools_for(first, documents[first])
    objection, proposal = "", None
    for _ in range(N_ATTEMPTS):
        answer, shown = ask_for(objection)
        try:
            changes = changes_in(answer, shown)
        except ChangeRefused as refused:
            objection = str(refused)
            continue
        # Only types see more than one file.
        beside = bystanders(changes, _project(root_of(first))) if tools.types else ()
        proposal = _Proposal(changes, judge(changes, beside, tools.checkers, CancelToken()))
        objection = proposal.verdict.objection
        if not objection:
            break
    if proposal is None:
        raise ChangeRefused(objection)
    return proposal


def _asked_elsewhere(documents: dict[Path, Document], words: str, objection: str) -> "tuple[str, tuple[Shown, ...]]":
    from devstral_ls.features.errands import parcel_for_refactoring  # noqa: PLC0415  for start-up

    errands = [errand_about(path, document) for path, document in documents.items()]
    found = parcel_for_refactoring(errands, words, objection)
    if isinstance(found, str):
        raise UsageError(found)
    parcel, shown = found
    reply = ask(errands[0], parcel)
    if not reply.is_whole:
        raise ChangeRefused(_CUT_OFF)
    return reply.text, shown


def _proposed_here(settings: Settings, documents: dict[Path, Document], words: str, workbench: Workbench) -> _Proposal:
    from devstral_ls.context import Sources  # noqa: PLC0415  for start-up
    from devstral_ls.engine.request import FinishReason  # noqa: PLC0415  for start-up
    from devstral_ls.features import refactoring  # noqa: PLC0415  for start-up
    from devstral_ls.features.writer import Writer  # noqa: PLC0415  for start-up

    engine = open_chosen_engine(settings)
    writer = Writer(engine, Sources(), CancelToken())
    shown = tuple(refactoring.Shown(each.path, each, each.text) for each in documents.values())

    def ask_here(objection: str) -> "tuple[str, tuple[Shown, ...]]":
        question = refactoring.to_refactor(shown, words, objection)
        limit, deadline_ms = refactoring.MAX_REFACTORING_TOKENS, refactoring.DEADLINE_MS
        answer = writer.ask(question, key="refactor", max_tokens=limit, deadline_ms=deadline_ms)
        if answer is not None and answer.finish is not FinishReason.END:
            raise ChangeRefused(_CUT_OFF)
        return answer.text if answer else "", shown

    try:
        if not writer.answers:
            raise UsageError(
                f"{writer.name} does not follow instructions; name a model that does with --model "
                "(`devstral-ls model add`), or ask the one that you chose elsewhere with --remote"
            )
        return _proposed(ask_here, documents, workbench)
    finally:
        engine.close()


def _project(root: Path) -> Iterator[Document]:
    """The readable Python files of a project."""
    from devstral_ls.context.walk import is_too_wide, walk  # noqa: PLC0415  for start-up

    if is_too_wide(root):
        return
    for found, _ in zip(walk(root), range(MAX_PROJECT_FILES), strict=False):
        if found.path.endswith(suffixes_of({"python"})):
            try:
                yield read_document(root / found.path)
            except UsageError:
                continue


def _show(proposal: _Proposal, documents: dict[Path, Document]) -> None:
    """The diff, and who has looked at it."""
    for path, before, after in _texts(proposal, documents):
        print(diff_of(path, before, after), end="")
    verdict, n_files = proposal.verdict, len(proposal.changes)
    told = f"{'1 file' if n_files == 1 else f'{n_files} files'} would change"
    if not verdict.objection:
        told += f"; nothing new is wrong, say {' and '.join(verdict.checked_by)}"
        told += f", nor in {verdict.n_bystanders} more that mention what changed" if verdict.n_bystanders else ""
    print(told, file=sys.stderr)


def _as_json(proposal: _Proposal, documents: dict[Path, Document]) -> dict[str, object]:
    verdict = proposal.verdict
    return {
        "files": [
            {"path": str(path.resolve()), "before": before, "after": after}
            for path, before, after in _texts(proposal, documents)
        ],
        "checked_by": verdict.checked_by,
        "objection": verdict.objection,
    }


def _is_wanted() -> bool:
    return sys.stdin.isatty() and typer.confirm("Write it?", err=True)


def _write(proposal: _Proposal, documents: dict[Path, Document]) -> None:
    for path, before, _ in _texts(proposal, documents):
        refuse_if_changed(path, before)  # all or nothing
    for path, before, after in _texts(proposal, documents):
        write_back(path, before, after)
        print(f"{path}: written", file=sys.stderr)


def _texts(proposal: _Proposal, documents: dict[Path, Document]) -> Iterator[tuple[Path, str, str]]:
    """Each file that would change, with its text before and after."""
    after = {change.document.uri: change.after.text for change in proposal.changes}
    for path, document in documents.items():
        if document.uri in after:
            yield path, document.text, after[document.uri]
