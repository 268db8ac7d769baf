"""Refactorings without a model: what is offered at `$0`, and the text after it."""

import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Ruff, Ty
from devstral_ls.features.code_actions import Asked, offers, resolve
from devstral_ls.features.fixes import Tools
from devstral_ls.text import Document, Span, apply_edits

ENUM = "import enum\n\n\nclass Color(enum.Enum):\n    RED = 1\n    GREEN = 2\n    BLUE = 3\n\n\n"


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    types = Ty(tmp_path_factory.mktemp("project"))
    if not Ty.is_installed():
        pytest.skip("the types extra is not installed")
    return Tools(checkers=(Ruff(), types), types=types, deadline_ms=20_000)


def refactored(before: str, kind: str, tools: Tools) -> str | None:
    """The text after the one action of this kind; None where none is offered."""
    document = Document("file:///a.py", before.replace("$0", ""), path="a.py")
    at = before.index("$0")
    asked = Asked(document=document, span=Span(at, at), only=(f"refactor.rewrite.{kind}",))
    found = offers(asked, tools, CancelToken())
    if not found:
        return None
    done = resolve(found[0], document, tools, None)
    assert done is not None
    assert done.edits is not None
    assert "find nothing new wrong" in done.title
    return apply_edits(document.text, done.edits)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "def $0area(r, unit='m'):\n    return f'{r}{unit}'\n",
            "def area(r, unit: str = 'm') -> str:\n    return f'{r}{unit}'\n",
        ),
        ("def $0log(x):\n    print(x)\n", "def log(x) -> None:\n    print(x)\n"),
        (
            "def $0find(xs, x=0, *, deep=False):\n    if x in xs:\n        return len(xs)\n    return None\n",
            (
                "def find(xs, x: int = 0, *, deep: bool = False) -> int | None:\n    if x in xs:\n"
                "        return len(xs)\n    return None\n"
            ),
        ),
    ],
)
def test_hints_come_from_what_the_function_shows(tools: Tools, before: str, after: str) -> None:
    """Defaults and returned values say their types; nothing is invented for the rest."""
    assert after == refactored(before, "hints", tools)


@pytest.mark.parametrize(
    "before",
    [
        "def $0f(x):\n    return x\n",
        "def $0f(x):\n    yield x\n",
        "def $0f(x):\n    raise NotImplementedError\n",
        "def f(x):\n    $0print(x)\n",
    ],
)
def test_no_hint_is_guessed(tools: Tools, before: str) -> None:
    """Where the text does not say a type, and away from the header, nothing is offered."""
    assert refactored(before, "hints", tools) is None


def test_a_result_that_may_be_missing_gets_no_hint(tools: Tools) -> None:
    """A function that may end without its value promises none."""
    before = "def $0f(x, n=1):\n    if x:\n        return n is x\n"
    assert refactored(before, "hints", tools) == "def f(x, n: int = 1):\n    if x:\n        return n is x\n"


def test_a_match_gets_its_missing_cases(tools: Tools) -> None:
    """Each member once, in the order of the enumeration."""
    before = (
        ENUM + "def f(c: Color) -> int:\n    $0match c:\n        case Color.RED:\n            return 1\n    return 0\n"
    )
    after = before.replace("$0", "").replace(
        "            return 1\n",
        "            return 1\n        case Color.GREEN:\n            raise NotImplementedError\n"
        "        case Color.BLUE:\n            raise NotImplementedError\n",
    )
    assert after == refactored(before, "cases", tools)


def test_a_chain_gets_its_missing_branches(tools: Tools) -> None:
    """It goes on with the word that it compares by."""
    before = (
        ENUM + "def f(c: Color) -> int:\n    $0if c is Color.RED:\n        return 1\n    elif c is Color.BLUE:\n"
        "        return 2\n    return 0\n"
    )
    after = before.replace("$0", "").replace(
        "        return 2\n",
        "        return 2\n    elif c is Color.GREEN:\n        raise NotImplementedError\n",
    )
    assert after == refactored(before, "cases", tools)


@pytest.mark.parametrize(
    "rest",
    [
        "$0match c:\n    case Color.RED:\n        pass\n    case _:\n        pass\n",
        "$0if c is Color.RED:\n    pass\nelse:\n    pass\n",
        "$0match c:\n    case Other.RED:\n        pass\n",
    ],
)
def test_a_choice_with_an_answer_for_the_rest_is_complete(tools: Tools, rest: str) -> None:
    """So is one about values that nobody can count."""
    assert refactored(ENUM + "c = Color.RED\n" + rest, "cases", tools) is None


def test_a_statement_is_simplified(tools: Tools) -> None:
    """Ruff's rules know the simpler form."""
    before = "def f(x: int) -> bool:\n    $0if x > 1:\n        return True\n    else:\n        return False\n"
    assert refactored(before, "simplify", tools) == "def f(x: int) -> bool:\n    return x > 1\n"


def test_what_is_simple_stays(tools: Tools) -> None:
    """Nothing is offered where no rule has a simpler form."""
    assert refactored("x = $01\n", "simplify", tools) is None
