"""Hover: what is known at `$0`, and what a text may not do to the reader."""

import re

import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Ruff
from devstral_ls.features.fixes import Tools
from devstral_ls.features.hover import Explanation, as_lines, as_markdown, explain
from devstral_ls.text import Document, Place

TOOLS = Tools(checkers=(Ruff(),))


def explained(before: str) -> Explanation | None:
    document = Document("file:///a.py", before.replace("$0", ""), path="a.py")
    place = Place(document, before.index("$0"))
    return explain(place, Ruff().check(document), TOOLS, CancelToken())


def check_hover(before: str, *lines: str) -> None:
    """Check what is said about `$0`, line by line."""
    found = explained(before)
    assert found is not None
    assert list(lines) == list(as_lines(found))


def test_a_function_shows_its_signature_doc_and_place() -> None:
    """A name that the text defines is explained from the text."""
    check_hover(
        'def area(r: float) -> float:\n    """The area."""\n    return 3 * r * r\n\n\nprint($0area(2))\n',
        "def area(r: float) -> float",
        "The area.",
        "defined in a.py, line 1",
        "called once in one file of its folder",
    )


def test_a_function_shows_what_it_raises_and_who_calls_it() -> None:
    """Its own text says what it raises and calls; the texts of its folder say where it is called."""
    before = "def $0half(x):\n    if x % 2:\n        raise ValueError(x)\n    return int(x / 2)\n\n\nhalf(2)\n"
    document = Document("file:///a.py", before.replace("$0", ""), path="a.py")
    other = Document("file:///my%20b.py", "from a import half\n\nhalf(4), half(6)\n", path="my b.py")
    place = Place(document, before.index("$0"))
    found = explain(place, [], Tools(checkers=(Ruff(),), neighbours=(other,)), CancelToken())
    assert found is not None
    assert [
        "raises ValueError",
        "calls ValueError, int",
        "called 3 times in 2 files of its folder",
    ] == list(as_lines(found))[-3:]
    assert r"[my b.py:3](file:///my%20b.py#L3)" in as_markdown(found, "python")


@pytest.mark.parametrize(
    ("uri", "path"),
    [("file:///a](command:run).py", "a](command:run).py"), ("untitled:a.py", "a.py"), ("command:x", "[x](command:x)")],
)
def test_a_link_leads_to_a_file_and_nowhere_else(uri: str, path: str) -> None:
    """Whatever a file is called, its name cannot make another link."""
    document = Document("file:///a.py", "def f():\n    return 1\n", path="a.py")
    other = Document(uri, "f()\n", path=path)
    found = explain(Place(document, 4), [], Tools(checkers=(Ruff(),), neighbours=(other,)), CancelToken())
    assert found is not None
    links = re.findall(r"(?<!\\)\]\(([^)]*)", as_markdown(found, "python"))
    assert [] == [link for link in links if not re.fullmatch(r"file:///[\w%.:/-]*#L\d+", link)]


def test_an_imported_name_shows_its_import() -> None:
    """A name from elsewhere says where it comes from."""
    check_hover("from os import path\n\nprint(pa$0th)\n", "from os import path")


def test_a_problem_is_explained_with_its_fix() -> None:
    """The reader learns what a diagnostic means and whether a fix is proven."""
    check_hover(
        "import json\n\nprint(js$0n, json)\n",
        "ruff F821: Undefined name `jsn`",
        "Nothing in scope has this name, so the line fails when it runs.",
        "There is a fix, verified by ruff: jsn → json",
    )


def test_nothing_is_said_about_nothing() -> None:
    """An empty place has no hover."""
    assert explained("x = 1\n$0\n") is None


def test_a_docstring_can_be_no_link_and_no_image() -> None:
    """Markdown from a workspace is shown as it is written."""
    found = explained('def $0f():\n    """![x](https://a.b/c) [run](command:x) <b>"""\n')
    assert found is not None
    assert r"![x\](https://a.b/c) [run\](command:x) \<b>" in as_markdown(found, "python")


def test_an_editor_that_shows_backslashes_gets_none() -> None:
    """What would need one stands in a block, where nothing is markup; the rest stays as it was."""
    document = Document("file:///a.py", 'def f(*args):\n    """Take *args* and <b>."""\n', path="__init__.py")
    other = Document("file:///__main__.py", "f(1)\n", path="__main__.py")
    found = explain(Place(document, 4), [], Tools(checkers=(Ruff(),), neighbours=(other,)), CancelToken())
    assert found is not None
    shown = as_markdown(found, "python", shows_backslashes=True)
    assert "\\" not in shown
    assert "```\nTake *args* and <b>.\n```" in shown
    assert "[`__main__.py:1`](file:///__main__.py#L1)" in shown


def test_code_cannot_leave_its_block() -> None:
    """Back-ticks in a signature do not end the block around it."""
    found = explained("def $0f(x='```'):\n    return x\n")
    assert found is not None
    assert as_markdown(found, "python").startswith("````python\n")
