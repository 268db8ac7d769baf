"""Tests that are written: what is called, where they go, and that nothing runs where nobody is trusted."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Project, Ruff
from devstral_ls.context import Sources
from devstral_ls.engine import scripted_engine
from devstral_ls.errors import CheckerFailed
from devstral_ls.features.code_actions import Asked, Offer, offers, resolve
from devstral_ls.features.fixes import Tools
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Span, apply_edits

SLUG = '''\
def slug(text):
    """Words in lower case with dashes.

    >>> slug("A b")
    'a-b'
    """
    return "-".join(text.lower().split())
'''
AS_IT_IS = '    """Characterises f: expects what it returned when this was written."""\n'

Write = Callable[..., str]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with an interpreter of its own: this one, without what is installed."""
    interpreter(tmp_path / "project", f'exec {sys.executable} -S "$@"')
    return tmp_path / "project"


@pytest.fixture
def test_of(root: Path) -> Write:
    """What is offered for the last function of a text, and the file with its test."""

    def write(text: str, path: str = "a.py", *, is_trusted: bool = True, said: str = "", **files: str) -> str:
        document, tools = project(root, text, path, is_trusted=is_trusted, **files)
        offer = offered(document, tools, has_model=bool(said))
        assert offer is not None, "nothing is offered"
        engine = scripted_engine({"assert f(": said})
        try:
            writer = Writer(engine, Sources(), CancelToken()) if offer.is_generated else None
            done = resolve(offer, document, tools, writer)
        finally:
            engine.close()
        assert done is not None
        assert done.elsewhere is not None
        assert () == done.edits
        other = done.elsewhere.document
        assert done.elsewhere.is_new == (not other.text)
        how = done.title.partition(": ")[2].rpartition(" · ")[0]
        return f"# {other.path}: {how}\n{apply_edits(other.text, done.elsewhere.edits)}"

    return write


def interpreter(root: Path, script: str) -> None:
    put(root / ".venv/bin/python", f"#!/bin/sh\n{script}\n").chmod(0o755)


def project(root: Path, text: str, path: str, *, is_trusted: bool, **files: str) -> tuple[Document, Tools]:
    """The document and the rest of its project: `tests__test_a` stands for `tests/test_a.py`."""
    others = {name.replace("__", "/").replace("/init/", "/__init__") + ".py": each for name, each in files.items()}
    for name, content in {path: text, **others}.items():
        put(root / name, content)
    document = Document((root / path).as_uri(), text, path=path)
    return document, Tools(checkers=(Ruff(),), project=Project(root, is_trusted, {path: document}))


def offered(document: Document, tools: Tools, *, has_model: bool = False) -> Offer | None:
    at = document.text.rindex("def ")
    asked = Asked(document=document, span=Span(at, at), only=("refactor.rewrite.test",), has_model=has_model)
    return next(iter(offers(asked, tools, CancelToken())), None)


def put(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path


def test_examples_become_a_test_that_has_passed(test_of: Write, root: Path) -> None:
    """The docstring says what is expected, the copy says that it is so; pytest runs it where it is installed."""
    interpreter(root, f'exec {sys.executable} "$@"')
    assert test_of(SLUG, "words.py") == (
        "# test_words.py: 1 case, passed with pytest\n"
        "from words import slug\n\n\n"
        'def test_slug():\n    """The examples in the docstring of slug."""\n    assert slug("A b") == "a-b"\n'
    )


def test_without_trust_the_docstring_is_believed_and_nothing_is_run(test_of: Write, root: Path) -> None:
    """To import the module or a `conftest.py`, or to start the project's interpreter, would leave a mark."""
    mark = root / "mark"
    trap = f"open({str(mark)!r}, 'w').close()\n"
    interpreter(root, f"touch {mark}")
    found = test_of(trap + SLUG, is_trusted=False, conftest=trap, sitecustomize=trap)
    assert found.startswith("# test_a.py: 1 example of its docstring, not run; ruff find nothing wrong\n")
    assert 'assert slug("A b") == "a-b"' in found
    assert not mark.exists()


def test_without_trust_or_examples_nothing_is_offered(root: Path) -> None:
    """Types, calls and a model say what to try, but not what comes of it."""
    text = "X = f(3)\n\n\ndef f(n: int):\n    return n\n"
    document, tools = project(root, text, "a.py", is_trusted=False)
    assert offered(document, tools, has_model=True) is None


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (">>> print(f(2))\n    2\n", 'assert str(f(2)) == "2"'),
        (">>> {f(2)}\n    {2}\n", "assert {f(2)} == {2}"),
        (">>> Fraction(f(2))\n    Fraction(2, 1)\n", None),  # needs another name
        (
            ">>> f(0)\n    Traceback (most recent call last):\n    ValueError: 0\n",
            "with pytest.raises(ValueError):\n        f(0)",
        ),
        (">>> iter(f(2)).x\n    <an ...>\n", None),  # anything
    ],
)
def test_an_example_says_what_python_would_print(
    test_of: Write, root: Path, example: str, expected: str | None
) -> None:
    """Values, what is printed, exceptions; believed here, because nothing is run."""
    text = f'def f(n):\n    """Say.\n\n    {example}    """\n    return n\n'
    if expected is None:
        assert offered(*project(root, text, "a.py", is_trusted=False)) is None
    else:
        assert expected in test_of(text, is_trusted=False)


def test_a_value_that_is_no_literal_is_told_by_how_it_shows_itself(test_of: Write) -> None:
    """By `repr`, and where that holds no address of memory; so are the examples of a docstring."""
    text = (
        "from fractions import Fraction\n\n\ndef f(n: int):\n"
        '    """\n    >>> f(8)\n    Fraction(1, 8)\n    """\n    return Fraction(1, n) if n else object()\n'
    )
    found = test_of(text)
    assert 'assert repr(f(8)) == "Fraction(1, 8)"\n    assert repr(f(1)) == "Fraction(1, 1)"' in found
    assert "f(0)" not in found


def test_types_and_calls_are_tried_as_they_are_now(test_of: Write) -> None:
    """What the copy returns is expected, right or wrong; a call is taken over from any file of the project."""
    text = "def f(n: int, by=2) -> int:\n    return n * by + 1\n"
    assert test_of(text, deep__b="from a import f\n\nprint(f(20, by=10), f(n))\n") == (
        "# test_a.py: 4 cases, passed with python\nfrom a import f\n\n\n"
        f"def test_f():\n{AS_IT_IS}"
        "    assert f(20, by=10) == 201\n    assert f(0) == 1\n    assert f(1) == 3\n    assert f(7) == 15\n"
    )


def test_a_model_says_what_to_try_and_not_what_to_expect(test_of: Write) -> None:
    """It fills the hole behind `assert f(`."""
    found = test_of("def f(a, b):\n    return a - b\n", said="7, 3) == 10")
    assert f"def test_f():\n{AS_IT_IS}    assert f(7, 3) == 4\n" in found


def test_a_test_goes_behind_those_that_are_there(test_of: Write) -> None:
    """In their manner, with the import beside theirs, and under a name that is free."""
    there = (
        "from pack.a import g\n\n\ndef test_f() -> None:\n    assert g()\n\n\n"
        'if __name__ == "__main__":\n    test_f()\n'
    )
    text = "def g():\n    return 1\n\n\ndef f(on: bool):\n    return on\n"
    assert test_of(text, "src/pack/a.py", tests__test_a=there) == (
        "# tests/test_a.py: 2 cases, passed with python\n"
        "from pack.a import f, g\n\n\ndef test_f() -> None:\n    assert g()\n\n\n"
        f"def test_f_2() -> None:\n{AS_IT_IS}    assert f(False) is False\n    assert f(True) is True\n\n\n"
        'if __name__ == "__main__":\n    test_f()\n'
    )


def test_a_new_file_is_written_like_the_tests_beside_it(test_of: Write) -> None:
    """Classes of unittest where the others are such; the package is imported by its name."""
    there = "import unittest\n\n\nclass TestB(unittest.TestCase):\n    def test_b(self):\n        pass\n"
    text = "def f(n: int):\n    if not n:\n        raise ValueError(n)\n    return [n]\n"
    assert test_of(text, "pack/a.py", tests__test_b=there) == (
        "# tests/test_a.py: 3 cases, passed with python\n"
        "import unittest\n\nfrom pack.a import f\n\n\nclass TestF(unittest.TestCase):\n    def test_f(self):\n"
        f"    {AS_IT_IS}        with self.assertRaises(ValueError):\n            f(0)\n"
        "        self.assertEqual(f(1), [1])\n        self.assertEqual(f(7), [7])\n"
    )


def test_an_example_that_does_not_hold_is_told_and_left_out(test_of: Write) -> None:
    """It may be the docstring or the function that is wrong: that is not for a test to settle."""
    text = 'def f(n: int):\n    """\n    >>> f(2)\n    5\n    """\n    return n + n\n'
    found = test_of(text)
    assert "3 cases, passed with python; 1 example of its docstring did not hold" in found
    assert "f(2)" not in found


@pytest.mark.parametrize(
    "body",
    [
        "print(n)",  # no value
        "return object()",  # none that can be written down
        "import random\n    return random.random()",  # another one each time
        "raise SystemExit",
        "return {}[n]",  # an exception that it does not raise itself
        "return 1 if n else",  # no Python
        "import subprocess\n    return subprocess.run(['true']).returncode",
        "open(THERE, 'w').close()\n    return 1",
        "import os\n    os.remove(THERE)\n    return 1",
        "import pathlib, shutil\n    shutil.rmtree(pathlib.Path(THERE).parent)\n    return 1",
        "import socket\n    socket.create_connection(('127.0.0.1', 1))\n    return 1",
    ],
)
def test_what_shows_nothing_or_reaches_out_is_no_test(root: Path, tmp_path: Path, body: str) -> None:
    """A call that would change a file elsewhere, start a program or connect is refused while it is tried."""
    there = put(tmp_path / "elsewhere/there", "precious")
    text = f"def f(n: int):\n    {body.replace('THERE', repr(str(there)))}\n"
    document, tools = project(root, text, "a.py", is_trusted=True)
    offer = offered(document, tools)
    if offer is not None:
        with pytest.raises(CheckerFailed, match="no test of f: "):
            resolve(offer, document, tools, None)
    assert there.read_text() == "precious"


def test_tests_are_found_where_they_are(test_of: Write) -> None:
    """Also deeper, and of several with the name the one whose folders are the module's."""
    text = "def f(n: int):\n    return n * n\n"
    there = "def test_f():\n    pass\n"
    files = {"tests__unit__one__test_a": there, "tests__unit__two__test_a": there}
    assert test_of(text, "two/a.py", **files).startswith("# tests/unit/two/test_a.py: ")


def test_made_up_arguments_that_show_nothing_new_are_left_out(test_of: Write) -> None:
    """One case for each outcome is enough."""
    assert "1 case, passed" in test_of("def f(text: str):\n    return len(text) * 0\n")


@pytest.mark.slow
def test_a_call_that_never_ends_is_left_out(test_of: Write) -> None:
    """The others go on."""
    found = test_of("def f(n: int):\n    while n == 1:\n        pass\n    return n\n")
    assert "2 cases" in found


@pytest.mark.parametrize(
    "text",
    [
        "async def f(n: int):\n    pass\n",
        "class A:\n    def f(self):\n        return 1\n",
        "def f(n: int):\n    yield n\n",
    ],
)
def test_other_functions_get_no_offer(root: Path, text: str) -> None:
    """Methods, coroutines and generators need more than a call."""
    document, tools = project(root, text, "a.py", is_trusted=True)
    assert offered(document, tools, has_model=True) is None


def test_a_project_that_cannot_be_imported_says_why(root: Path) -> None:
    """The last line of what the interpreter said."""
    document, tools = project(root, "import nowhere\n\n\ndef f(n: int):\n    return n\n", "a.py", is_trusted=True)
    offer = offered(document, tools)
    assert offer is not None
    with pytest.raises(CheckerFailed, match=r"a cannot be imported .* No module named 'nowhere'"):
        resolve(offer, document, tools, None)


def test_the_project_stays_as_it_is(test_of: Write, root: Path) -> None:
    """What runs, runs in a copy: no compiled files, no caches, nothing that the function writes."""
    text = "from pathlib import Path\n\n\ndef f(n: int):\n    return Path('made').write_text('x' * n)\n"
    assert "f(7) == 7" in test_of(text)
    assert {"a.py", ".venv"} == {each.name for each in root.iterdir()}
