"""A change across several files: what is understood of an answer, and what the checkers make of it."""

from pathlib import Path

import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Checker, Ruff, Ty
from devstral_ls.errors import ChangeRefused
from devstral_ls.features.grammar import grammar
from devstral_ls.features.refactoring import Shown, bystanders, changes_in, judge, to_refactor
from devstral_ls.text import Document

SHAPES = """\
def area(width, height):
    return width * height


def half(width, height):
    return area(width, height) / 2
"""
USES = "from shapes import area\n\nprint(area(2, 3))\n"


def document(folder: Path, path: str, text: str, language_id: str = "python") -> Document:
    (folder / path).write_text(text, newline="")
    return Document((folder / path).as_uri(), text, language_id=language_id, path=path)


def shown(*documents: Document) -> tuple[Shown, ...]:
    return tuple(Shown(each.path, each, each.text) for each in documents)


def block(path: str, old: str, new: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


RENAME = block("shapes.py", "def area(width, height):", "def surface(width, height):") + block(
    "shapes.py", "    return area(width, height) / 2", "    return surface(width, height) / 2"
)
FOLLOW = block(
    "uses.py", "from shapes import area\n\nprint(area(2, 3))", "from shapes import surface\n\nprint(surface(2, 3))"
)


@pytest.mark.parametrize(
    "answer",
    [
        RENAME,
        f"Here it is:\n\n```\n{RENAME}```\nDone.",
        RENAME.replace("shapes.py\n", "**`shapes.py`**\n```python\n").replace("REPLACE", "REPLACE\n```"),
        RENAME.replace("\n", "\r\n"),
        RENAME.replace("shapes.py\n<", "File: shapes.py\n<"),
        RENAME[: RENAME.rindex("shapes.py")] + "and its use:\n" + RENAME[RENAME.rindex("shapes.py\n") + 10 :],
    ],
)
def test_an_answer_is_read_however_it_is_wrapped(tmp_path: Path, answer: str) -> None:
    """Fences, emphasis, prose between blocks, and line ends of another system."""
    (change,) = changes_in(answer, shown(document(tmp_path, "shapes.py", SHAPES)))
    assert SHAPES.replace("area", "surface") == change.after.text


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("I cannot do that.", "the answer changes nothing"),
        (block("shapes.py", "def half(width, height):", "def half(width, height):"), "the answer changes nothing"),
        (block("other.py", "x = 1", "x = 2"), "changes 'other.py', which it was not shown"),
        (RENAME + block("other.py", "x = 1", "x = 2"), "changes 'other.py', which it was not shown"),
        (block("shapes.py", "def volume():", ""), "do not stand in it: 'def volume():'"),
        (block("shapes.py", "", "import os"), "does not say which lines of shapes.py"),
        (block("shapes.py", "\n", "import os"), "does not say which lines of shapes.py"),
        (RENAME[:-20], "ends in the middle of a change to shapes.py"),
        (RENAME + block("shapes.py", "    return area(width, height) / 2", "    pass"), "meet in line 6"),
    ],
)
def test_what_is_not_exact_is_refused(tmp_path: Path, answer: str, complaint: str) -> None:
    """A guess at what was meant could change something else."""
    with pytest.raises(ChangeRefused) as refused:
        changes_in(answer, shown(document(tmp_path, "shapes.py", SHAPES)))
    assert complaint in str(refused.value)


def test_lines_that_stand_there_twice_are_refused(tmp_path: Path) -> None:
    twice = document(tmp_path, "twice.py", "x = 1\nx = 1\n")
    with pytest.raises(ChangeRefused, match="stand there 2 times"):
        changes_in(block("twice.py", "x = 1", "x = 2"), shown(twice))


def test_hidden_values_come_back_untouched_or_not_at_all(tmp_path: Path) -> None:
    """A line that was shown with a mask keeps its value; one that is written anew with a mask is refused."""
    own = document(tmp_path, "app.py", 'password = "hunter2"\nport = 1\n')
    masked = (Shown("app.py", own, 'password = "***"\nport = 1\n'),)
    (change,) = changes_in(block("app.py", 'password = "***"\nport = 1', 'password = "***"\nport = 2'), masked)
    assert 'password = "hunter2"\nport = 2\n' == change.after.text
    with pytest.raises(ChangeRefused, match=r"rewrites a hidden value of app\.py"):
        changes_in(block("app.py", 'password = "***"', 'secret = "***"'), masked)


def test_line_endings_and_the_last_line_stay(tmp_path: Path) -> None:
    own = document(tmp_path, "app.py", "a = 1\r\nb = a")
    (change,) = changes_in(block("app.py", "a = 1\nb = a", "c = 1\nb = c"), shown(own))
    assert "c = 1\r\nb = c" == change.after.text


@pytest.fixture
def types(tmp_path: Path) -> Ty:
    if not Ty.is_installed():
        pytest.skip("ty is not installed")
    return Ty(tmp_path, deadline_ms=20_000)


def test_files_are_judged_together(tmp_path: Path, types: Ty) -> None:
    """A renamed function and its import are each wrong alone, and right together."""
    shapes, uses = document(tmp_path, "shapes.py", SHAPES), document(tmp_path, "uses.py", USES)
    checkers: tuple[Checker, ...] = (Ruff(), types, grammar())
    try:
        both = changes_in(RENAME + FOLLOW, shown(shapes, uses))
        assert "" == judge(both, (), checkers, CancelToken()).objection
        half = changes_in(RENAME, shown(shapes, uses))
        beside = bystanders(half, (shapes, uses, document(tmp_path, "else.py", "x = 1\n")))
        assert (uses,) == beside
        verdict = judge(half, beside, checkers, CancelToken())
        assert verdict.objection.startswith("uses.py:1: ")
        assert ("area" in verdict.objection, 1) == (True, verdict.n_bystanders)
        backwards = changes_in(FOLLOW, shown(shapes, uses))
        assert judge(backwards, (), checkers, CancelToken()).objection.startswith("uses.py:1: ")
    finally:
        types.close()


def test_callers_are_looked_at_though_the_name_is_still_there(tmp_path: Path, types: Ty) -> None:
    """A comment keeps the old name in the file, and a new parameter takes none away."""
    shapes = document(tmp_path, "shapes.py", f"# area\n{SHAPES}")
    uses = document(tmp_path, "uses.py", USES)
    wider = "def area(width, height, unit):\n    return width * height"
    more = block("shapes.py", SHAPES.split("\n\n\n", maxsplit=1)[0], wider) + block(
        "shapes.py", "    return area(width, height) / 2", "    return area(width, height, 1) / 2"
    )
    try:
        for answer in (RENAME, more):
            changes = changes_in(answer, shown(shapes))
            beside = bystanders(changes, (shapes, uses))
            assert (uses,) == beside
            assert judge(changes, beside, (Ruff(), types), CancelToken()).objection.startswith("uses.py:")
    finally:
        types.close()


@pytest.mark.parametrize(
    ("new", "complaint"),
    [("def half(width, height)", "shapes.py:5: "), ("def half(width):", "shapes.py:6: F821 Undefined name `height`")],
)
def test_what_is_worse_is_said_with_its_place(tmp_path: Path, new: str, complaint: str) -> None:
    shapes = document(tmp_path, "shapes.py", SHAPES)
    changes = changes_in(block("shapes.py", "def half(width, height):", new), shown(shapes))
    assert judge(changes, (), (Ruff(), grammar()), CancelToken()).objection.startswith(complaint)


def test_what_nobody_can_judge_is_no_change(tmp_path: Path) -> None:
    notes = document(tmp_path, "notes.txt", "one\ntwo\n", language_id="plaintext")
    changes = changes_in(block("notes.txt", "two", "three"), shown(notes))
    assert "no checker answers about notes.txt" == judge(changes, (), (Ruff(),), CancelToken()).objection


def test_the_question_shows_files_wish_and_objection(tmp_path: Path) -> None:
    files = shown(document(tmp_path, "shapes.py", SHAPES))
    question = to_refactor(files, "rename area to surface", "uses.py:1: no area")
    assert "shapes.py:\n```python\ndef area(width, height):" in question.user
    assert "What to change: rename area to surface" in question.user
    assert "An earlier answer was refused: uses.py:1: no area." in question.user
