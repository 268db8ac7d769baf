"""What a model that follows instructions is asked and what its answers are worth: before / model / after."""

import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Ruff
from devstral_ls.context import Sources, Workspace
from devstral_ls.engine import scripted_engine
from devstral_ls.engine.request import Metrics
from devstral_ls.errors import PromptError
from devstral_ls.features.budgets import stable_tokens
from devstral_ls.features.code_actions import Asked, Offer, offers, resolve
from devstral_ls.features.explaining import explanation
from devstral_ls.features.fixes import Tools
from devstral_ls.features.python_tree import function_at
from devstral_ls.features.sentence import write_sentence
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Place, Span, apply_edits

TOOLS = Tools(checkers=(Ruff(),), deadline_ms=20_000)
NAME = "scripted"


def asked(before: str, *only: str, answers: str = NAME) -> tuple[Document, list[Offer]]:
    """The offers at `$0` for a model that answers but fills no holes."""
    offset, text = before.index("$0"), before.replace("$0", "")
    document = Document("file:///a.py", text, path="a.py")
    problems = tuple(each for each in Ruff().check(document) if each.span.contains(offset))
    question = Asked(document=document, span=Span(offset, offset), problems=problems, only=only, answers=answers)
    return document, offers(question, TOOLS, CancelToken())


def answered(document: Document, offer: Offer, said: dict[str, str]) -> Offer | None:
    """The offer, resolved with a model that answers `said`."""
    engine = scripted_engine(said, chat="mistral")
    try:
        return resolve(offer, document, TOOLS, Writer(engine, Sources(), CancelToken()))
    finally:
        engine.close()


def changed(before: str, said: dict[str, str], *only: str) -> str | None:
    document, (offer, *_) = asked(before, *only)
    done = answered(document, offer, said)
    return apply_edits(document.text, done.edits) if done and done.edits else None


BROKEN = "def area(width, height):\n    size = width\n    return size * $0frobnicate\n"
STATEMENT = "    return size * frobnicate\n```"
FUNCTION = "def area(width, height):\n    size = width\n    return size * frobnicate\n```"


def test_the_title_says_who_is_asked() -> None:
    """Nothing is offered without a model; with one its name is in the menu."""
    assert [] == asked(BROKEN, "quickfix", answers="")[1]
    (offer,) = asked(BROKEN, "quickfix")[1]
    assert offer.title.endswith(": ask scripted, verify its answer")
    assert (True, False) == (offer.is_generated, offer.is_preferred)


def test_the_statement_is_asked_for_first() -> None:
    """Its answer is a fix when the checkers accept it, whatever is said around the block."""
    said = {STATEMENT: "Sure:\n```python\n    return size * height\n```\nDone."}
    assert BROKEN.replace("$0frobnicate", "height") == changed(BROKEN, said, "quickfix")


def test_then_the_function() -> None:
    """Where the statement alone came to nothing."""
    said = {STATEMENT: "I cannot.", FUNCTION: "```\ndef area(width, height):\n    return width * height\n```"}
    assert "def area(width, height):\n    return width * height\n" == changed(BROKEN, said, "quickfix")


@pytest.mark.parametrize(
    "said",
    [
        "```\n    return size * hight\n```",  # the same mistake
        "```\n    return size *\n```",  # another one
        "    return size * height",  # no block
        "",
    ],
)
def test_an_answer_is_believed_no_more_than_a_hole(said: str) -> None:
    """The same checkers judge it, and what stands in no block is talk."""
    assert changed(BROKEN, {STATEMENT: said, FUNCTION: said}, "quickfix") is None


def test_a_docstring_is_asked_for() -> None:
    """One sentence, put between quotes."""
    before = "def $0area(width, height):\n    return width * height\n"
    said = {"    return width * height\n```": 'Multiply width\nby "height".'}
    assert changed(before, said, "refactor.rewrite.docstring") == (
        'def area(width, height):\n    """Multiply width by \'height\'."""\n    return width * height\n'
    )


LONG = "@cached\ndef $0is_big(n: int):\n    if n > 9:\n        return True\n    else:\n        return False\n"


def test_a_function_is_simplified_and_nobody_says_that_it_means_the_same() -> None:
    """Name, parameters and decorators stay; the title says what is not proven."""
    before = f"from functools import cache as cached\n\n\n{LONG}"
    document, found = asked(before, "refactor.rewrite.simplify")
    (offer,) = (each for each in found if each.is_generated)
    assert "Simplify is_big: ask scripted" == offer.title
    said = {"        return False\n```": "```python\n@cached\ndef is_big(n: int):\n    return n > 9\n```"}
    done = answered(document, offer, said)
    assert done is not None
    assert done.edits is not None
    assert "from functools import cache as cached\n\n\n@cached\ndef is_big(n: int):\n    return n > 9\n" == apply_edits(
        document.text, done.edits
    )
    assert done.title.endswith("that its meaning stays is not proven")


@pytest.mark.parametrize(
    "written",
    [
        "def is_big(n):\n    return n > 9",  # another parameter
        "@cache\ndef is_big(n: int):\n    return n > 9",  # a decorator
        "def big(n: int):\n    return n > 9",  # another name
        "def is_big(n: int):\n    return m > 9",  # a mistake
        "def is_big(n: int):\n    return (n > 9) or (n > 9 and n > 9) or (n > 9 and 9 < n and True and n > 9)",  # more
    ],
)
def test_what_is_called_otherwise_or_says_more_is_not_simpler(written: str) -> None:
    """Such an answer is no offer."""
    document, found = asked(LONG.removeprefix("@cached\n"), "refactor.rewrite.simplify")
    (offer,) = (each for each in found if each.is_generated)
    assert answered(document, offer, {"        return False\n```": f"```\n{written}\n```"}) is None


def test_a_place_is_explained_in_plain_words() -> None:
    """Nothing in it can be a link or a command, and its author is named."""
    document = Document("file:///a.py", "x = 1\n", path="a.py")
    engine = scripted_engine(
        {"Explain line 1 and what it is part of:\n```python\nx = 1\n```": "[x](command:y) is 1."}, chat="mistral"
    )
    words = explanation(Place(document, 0), Writer(engine, Sources(), CancelToken()))
    engine.close()
    assert "[x] (command:y) is 1.\n— scripted, not verified" == words


def test_an_explanation_has_read_what_other_files_say() -> None:
    """As far as there is room and time, before the text that is asked about."""
    text = "from shop import price\nprice(1)\n"
    shop = Document("file:///shop.py", "def price(item):\n    return item\n", path="shop.py")
    read = (
        "shop.py, in part:\n```python\ndef price(item): ...\n```\n"
        f"a.py, lines 1 to 3:\n```python\n{text}\n```\n"
        "Explain line 2 and what it is part of:\n```python\nprice(1)\n```"
    )
    engine = scripted_engine({read: "It asks for a price."}, chat="mistral")
    words = explanation(
        Place(Document("file:///a.py", text, path="a.py"), len(text) - 2),
        Writer(engine, Sources((shop,), Workspace(libraries=())), CancelToken()),
    )
    engine.close()
    assert "It asks for a price.\n— scripted, not verified" == words


@pytest.mark.parametrize(
    ("tokens_a_second", "deadline_ms", "expected"), [(0, 60_000, 512), (1_000, 1_500, 512), (9_000, 2_000, 1_024)]
)
def test_a_quick_model_reads_more_of_other_files(tokens_a_second: int, deadline_ms: int, expected: int) -> None:
    """A tenth of the time goes into it, and a quarter of the window of 4,096 at most."""
    engine = scripted_engine({})
    engine.answered.add(Metrics(n_prefilled_tokens=tokens_a_second, prefill_ms=1_000))
    found = stable_tokens(engine, deadline_ms)
    engine.close()
    assert expected == found


def test_a_text_that_does_not_fit_is_refused_in_a_line() -> None:
    """Half a question asks something else."""
    document = Document("file:///a.py", f"x = '{'1' * 5000}'\n", path="a.py")
    engine = scripted_engine({}, chat="mistral")
    with pytest.raises(PromptError, match="has room for"):
        explanation(Place(document, 0), Writer(engine, Sources(), CancelToken()))
    engine.close()


def test_a_hover_s_sentence_is_asked_for() -> None:
    """The sentence that is shown over undocumented functions comes from an answer where there is such a model."""
    document = Document("file:///a.py", "def f(x):\n    return x\n", path="a.py")
    node = function_at(document, 0)
    assert node is not None
    engine = scripted_engine({"    return x\n```": "Return x as it is."}, chat="mistral")
    written = write_sentence(document, node, Writer(engine, Sources(), CancelToken()))
    engine.close()
    assert written is not None
    assert "Return x as it is." == written[0]
