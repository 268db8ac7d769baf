"""The mutations of a package, drawn once: which of them a checker sees takes longer to find out than to fix them."""

import json
from collections.abc import Iterator
from dataclasses import replace

from mutations import Mutation, first_new, make_mutations
from packages import FOLDER, Package, mutable

from devstral_ls.checkers import Checker, Problem
from devstral_ls.text import Document, Edit, Span, apply_edits, smallest_edit


def mutations_of(package: Package, checkers: tuple[Checker, ...], *, n_per_kind: int) -> Iterator[Mutation]:
    """Up to `n_per_kind` mutations of each kind; what the checkers say of them is asked again, so that it is theirs."""
    path = FOLDER / f"{package.root.name}.{n_per_kind}.jsonl"
    if not path.exists():
        drawn = make_mutations(mutable(package), checkers, n_per_kind=n_per_kind, seed=package.name)
        unfinished = path.with_suffix(".part")
        with unfinished.open("w", encoding="utf-8") as rows:
            rows.writelines(json.dumps(_row(mutation)) + "\n" for mutation in drawn)
        unfinished.rename(path)
    documents = {document.path: document for document in package.documents}
    known: dict[str, dict[str, list[Problem]]] = {}
    for line in path.read_text("utf-8").splitlines():
        mutation = _again(json.loads(line), documents, known, checkers)
        if mutation is not None:
            yield mutation


def _row(mutation: Mutation) -> dict[str, object]:
    edit = smallest_edit(mutation.original.text, mutation.mutated.text)
    assert edit is not None
    return {
        "kind": mutation.kind,
        "path": mutation.original.path,
        "start": edit.span.start,
        "end": edit.span.end,
        "new_text": edit.new_text,
    }


def _again(
    row: dict[str, object],
    documents: dict[str, Document],
    known: dict[str, dict[str, list[Problem]]],
    checkers: tuple[Checker, ...],
) -> Mutation | None:
    document = documents[str(row["path"])]
    if document.uri not in known:
        known[document.uri] = {checker.name: checker.check(document) for checker in checkers}
    edit = Edit(Span(row["start"], row["end"]), row["new_text"])
    mutated = replace(document, text=apply_edits(document.text, [edit]))
    problem = first_new(known[document.uri], mutated, edit, checkers)
    return None if problem is None else Mutation(str(row["kind"]), document, mutated, problem)
