"""The grammar as a checker: what it sees, and what it leaves to others."""

from collections.abc import Sequence

from devstral_ls.checkers import Broken, Syntax
from devstral_ls.text import Document, apply_edits


def read(text: str, language_id: str) -> Sequence[Broken] | None:
    """A grammar in which every line must end with a semicolon."""
    if language_id != "lines":
        return None
    ends = [at for at, character in enumerate(text) if character == "\n" and text[at - 1 : at] != ";"]
    return [Broken(at, at, ";") for at in ends]


def test_what_is_missing_is_its_own_fix() -> None:
    """A parser that says what is missing has said how to fix it."""
    document = Document("file:///a", "one;\ntwo\n", language_id="lines")
    (problem,) = Syntax(read).check(document)
    assert "`;` is missing" == problem.message
    assert problem.own_fix is not None
    assert "one;\ntwo;\n" == apply_edits(document.text, problem.own_fix.edits)


def test_python_and_unknown_languages_are_left_to_others() -> None:
    """Ruff knows newer Python, and where there is no grammar there is no judgement."""
    assert [False, False, True] == [Syntax(read).speaks(each) for each in ("python", "unknown", "lines")]
