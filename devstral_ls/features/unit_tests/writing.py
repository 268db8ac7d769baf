"""A test as text: its assertions, its function or class, and the text of its file with it behind the others."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from devstral_ls.checkers.ruff import formatted
from devstral_ls.features.fixes import line_edits
from devstral_ls.features.import_lines import Imported, edit_for
from devstral_ls.features.python_tree import parse, read
from devstral_ls.features.unit_tests.places import Home
from devstral_ls.text import Document, Edit, apply_edits

AS_IT_IS = "Characterises {}: expects what it returned when this was written."
AS_DOCUMENTED = "The examples in the docstring of {}."
_SINGLETONS = frozenset({"None", "True", "False"})


@dataclass(frozen=True, slots=True)
class Case:
    """A call and what is expected of it: the source of a value, or the name of an exception."""

    call: str
    value: str = ""
    raised: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """The function under test: its name, how a test says it, and what has to be imported for that."""

    name: str
    spelled: str
    wanted: Imported | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A home with a new test in it; `name` is how a runner finds the test."""

    document: Document
    name: str

    def edits_of(self, before: Document) -> tuple[Edit, ...]:
        return tuple(line_edits(before.text, self.document.text))


def written(home: Home, subject: Named, cases: Sequence[Case], why: str) -> Written | None:
    """The home with a test of these cases behind the others; None where its text does not parse."""
    tree = parse(home.document.text)
    if tree is None:
        return None
    taken = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.ClassDef)}
    name = _free(f"test_{subject.name.strip('_')}", taken)
    function = _function(name, home, subject, cases, why)
    if not home.base:
        lines, found_as = function, name
    else:
        owner = _free(f"Test{subject.name.title().replace('_', '')}", taken)
        lines = [f"class {owner}({home.base}):", *(f"    {line}" for line in function)]
        found_as = f"{owner}::{name}"
    document = home.document
    for wanted in _imports(home, subject, cases):
        edit = edit_for(wanted, document) if wanted.bound_name not in _bound(tree) else None
        document = replace(document, text=apply_edits(document.text, [edit])) if edit else document
    return Written(_behind(document, formatted("\n".join(lines))), found_as)


def _function(name: str, home: Home, subject: Named, cases: Sequence[Case], why: str) -> list[str]:
    """The lines of a test function, or of a method where the home has classes."""
    itself, result = "self" if home.base else "", " -> None" if home.is_annotated else ""
    lines = [f"def {name}({itself}){result}:", f'    """{why.format(subject.name)}"""']
    for case in cases:
        call = _spelled(case.call, subject)
        if case.raised:
            raises = f"self.assertRaises({case.raised})" if home.base else f"pytest.raises({case.raised})"
            lines += [f"    with {raises}:", f"        {call}"]
        elif home.base:
            lines.append(f"    {_assertion(call, case.value)}")
        else:
            lines.append(f"    assert {call} {'is' if case.value in _SINGLETONS else '=='} {case.value}")
    return lines


def _assertion(call: str, value: str) -> str:
    if value in _SINGLETONS:
        return f"self.assertIs({call}, {value})"
    return f"self.assertEqual({call}, {value})"


def _spelled(call: str, subject: Named) -> str:
    """The call in the words of the test's file."""
    tree = read(call, mode="eval")
    for each in ast.walk(tree):
        if isinstance(each, ast.Name) and each.id == subject.name:
            each.id = subject.spelled
    return ast.unparse(tree)


def _imports(home: Home, subject: Named, cases: Sequence[Case]) -> list[Imported]:
    needed = [subject.wanted] if subject.wanted else []
    if home.base.startswith("unittest."):
        needed.append(Imported("unittest"))
    if home.base == "TestCase":
        needed.append(Imported("unittest", "TestCase"))
    if not home.base and any(case.raised for case in cases):
        needed.append(Imported("pytest"))
    return needed


def _bound(tree: ast.Module) -> set[str]:
    """The names that the top level imports."""
    imports = [each for each in tree.body if isinstance(each, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name for each in imports for alias in each.names}


def _behind(document: Document, test: str) -> Document:
    """The text with a test at its end, but before what it does when it is run as a program."""
    text, tree = document.text, parse(document.text)
    at = len(text)
    if tree and tree.body and isinstance(tree.body[-1], ast.If) and "__name__" in ast.unparse(tree.body[-1].test):
        at = document.lines.line_start(tree.body[-1].lineno - 1)
    before, after = text[:at].rstrip(), text[at:]
    ending = "\r\n" if "\r\n" in text else "\n"
    gap = 3 * ending
    whole = (
        (before + gap if before else "") + test.replace("\n", ending) + (2 * ending + after if after.strip() else "")
    )
    return replace(document, text=whole)


def _free(name: str, taken: set[str]) -> str:
    """A name that nothing has yet."""
    candidates = (name, *(f"{name}_{number}" for number in range(2, 2 + len(taken))))
    return next(each for each in candidates if each not in taken)
