"""What is read from a Python text."""

import pytest

from devstral_ls.context.outline import EVERYTHING, WHOLE_MODULE, Import
from devstral_ls.context.syntax import count_errors, read_outline


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def f(a, b=1) -> int:\n    return a\n", ["def f(a, b=1) -> int"]),
        ("async def f(\n    a,  # first\n    b,\n):\n    pass\n", ["async def f(a, b)"]),
        ("class A(B, metaclass=M):\n    x: int\n", ["class A(B, metaclass=M)", "x: int"]),
        ("LIMIT: int = 3\n", ["LIMIT: int = 3"]),
        ("T = {\n    1: 2,\n}\n", ["T = ..."]),
        (
            "class A:\n    def __init__(self):\n        self.x: int = 1\n",
            ["class A", "def __init__(self)", "x: int = 1"],
        ),
        ("class A:\n    @property\n    def p(self): ...\n", ["class A", "@property\ndef p(self)"]),
        ("class A:\n    @p.setter\n    def p(self, v): ...\n", ["class A"]),
        ("def f():\n    def local(): ...\n    class Local: ...\n", ["def f()"]),
        ("if True:\n    FLAG = 1\n", ["FLAG = 1"]),
        ("ä = 1\ndef ö(ü): ...\n", ["ä = 1", "def ö(ü)"]),
        ("", []),
    ],
)
def test_signatures(text: str, expected: list[str]) -> None:
    """A signature is what a caller needs: one line, no body, decorators only where they change the use."""
    assert expected == [symbol.signature for symbol in read_outline(text, "python").symbols]


def test_an_attribute_set_twice_is_one_field() -> None:
    """Fields are listed once however often a method assigns them."""
    text = "class A:\n    def f(self):\n        self.x = 1\n        self.x = 2\n"
    assert ["A", "f", "x"] == [symbol.name for symbol in read_outline(text, "python").symbols]


def test_members_know_their_class() -> None:
    """Parents are indexes into the same outline."""
    text = "class A:\n    class B:\n        def f(self): ...\n"
    assert [-1, 0, 1] == [symbol.parent for symbol in read_outline(text, "python").symbols]


def test_first_doc_line() -> None:
    """Of a docstring the first line is kept."""
    text = 'def f():\n    """Open it.\n\n    Then more.\n    """\n'
    assert ["Open it."] == [symbol.doc for symbol in read_outline(text, "python").symbols]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import a.b", Import("a.b", WHOLE_MODULE, "", 0)),
        ("import a as b", Import("a", WHOLE_MODULE, "b", 0)),
        ("from ..a import b as c", Import("..a", "b", "c", 0)),
        ("from . import b", Import(".", "b", "", 0)),
        ("from a import *", Import("a", EVERYTHING, "", 0)),
    ],
)
def test_imports(text: str, expected: Import) -> None:
    """Imports are kept as they are written."""
    assert (expected,) == read_outline(text, "python").imports


@pytest.mark.parametrize("comment", ["# it's (slow)", "    # one\n    # two"])
def test_a_comment_above_a_body_is_no_part_of_the_signature(comment: str) -> None:
    """The grammar has it between the two."""
    (symbol,) = read_outline(f"def price(item):\n{comment}\n    return 1\n", "python").symbols
    assert "def price(item)" == symbol.signature


def test_a_list_of_names_is_no_definition() -> None:
    """Nobody names `__all__`, and what it lists is defined elsewhere."""
    assert () == read_outline("__all__ = ['price']\nclass A:\n    pass\n", "python").symbols[1:]


def test_an_unknown_language_has_no_outline() -> None:
    """A language without a grammar yields nothing and raises nothing."""
    assert () == read_outline("IDENTIFICATION DIVISION.", "cobol").symbols


@pytest.mark.parametrize(
    ("text", "expected"), [("f(1)\n", 0), ("f(1\n", 1), ("x = )\n", 1), ("a = [1\nb = (2\n", 2), ("", 0)]
)
def test_count_errors(text: str, expected: int) -> None:
    """Each place where the grammar gives up counts once."""
    assert expected == count_errors(text, "python")
