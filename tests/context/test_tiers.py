"""More of a symbol than its signature: what is shown where there is room, that it is true, and that it fits."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from context_fixtures import count_tokens, place_at, texts, write_files

from devstral_ls.context import Budget, Piece, Purpose, Sources, Workspace, gather
from devstral_ls.context.explanation import explain
from devstral_ls.text import Document

WAIT_S = 60
MAIN = "from shop import Basket, price\nbasket = Basket()\nprice($0)\n"
FIXTURE = f'''\
{MAIN}#- shop.py
KEY = "none"
class Basket:
    """What a customer carries."""
    def __init__(self):
        self.items = []
def price(item: str) -> int:
    """The price of an item in cents.

    More of it.
    """
    key = "Zq8rT3vLx0Kp2Wn7Bd5Yc1Hf"
    return len(item)
#- till.py
from shop import price
def total(items):
    # price(of all)
    return sum(
        price(each) for each in items
    )
def first(items):
    cents = price(
        items[0],
    )
    return cents
'''
BODY = '''\
def price(item: str) -> int:
    """The price of an item in cents.

    More of it.
    """
    key = "***"
    return len(item)'''
USAGE = "    price(each) for each in items"


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """The fixture, indexed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "root"
    write_files(root, FIXTURE)
    with Workspace((root,), libraries=()) as workspace:
        workspace.open_index()
        assert workspace.wait_for_index(WAIT_S)
        yield workspace


def budget_for(purpose: Purpose, stable: int) -> Budget:
    return Budget(
        prefix_tokens=400, suffix_tokens=200, stable_tokens=stable, count_tokens=count_tokens, purpose=purpose
    )


def read(workspace: Workspace, *documents: Document, stable: int = 2_048, main: str = MAIN) -> tuple[Piece, ...]:
    """What a reader is shown."""
    sources = Sources(documents, workspace)
    return gather(place_at(main), budget=budget_for(Purpose.READING, stable), sources=sources).stable


def whole(pieces: tuple[Piece, ...]) -> str:
    return "\n".join(f"{piece.path}\n{piece.text}" for piece in pieces)


def test_a_class_is_shown_with_the_first_line_of_its_documentation(workspace: Workspace) -> None:
    """As Python has it, below the class and above its members."""
    assert 'class Basket:\n    """What a customer carries."""\n    def __init__' in whole(read(workspace))


def test_a_short_function_is_shown_whole(workspace: Workspace) -> None:
    """Its lines as they stand in the file, secrets masked."""
    assert BODY in whole(read(workspace))


def test_a_call_is_shown_from_where_it_stands(workspace: Workspace) -> None:
    """The first whole statement that is code: neither a comment nor half of a call."""
    assert ("till.py", "usage example", "price(each) for each in items") in [
        (piece.path, piece.why, piece.text) for piece in read(workspace)
    ]


def test_nothing_is_shown_twice(workspace: Workspace) -> None:
    """A field that its class's `__init__` makes is not listed beside that body, nor is a documentation line."""
    shown = whole(read(workspace))
    assert 1 == shown.count("self.items = []")
    assert 0 == shown.count("\n    items = []")
    assert 1 == shown.count("The price of an item in cents.")


def test_a_typist_gets_signatures(workspace: Workspace) -> None:
    """What is left of a small budget stays empty: it would be read at each first key in a file."""
    sources = Sources(workspace=workspace)
    pieces = gather(place_at(MAIN), budget=budget_for(Purpose.TYPING, 4_096), sources=sources).stable
    assert {"signature"} == {piece.why for piece in pieces}


def test_of_a_large_budget_a_typist_gets_what_signatures_leave(workspace: Workspace) -> None:
    """And typing on moves none of it."""
    sources, budget = Sources(workspace=workspace), budget_for(Purpose.TYPING, 8_192)
    first = gather(place_at(MAIN), budget=budget, sources=sources).stable
    assert BODY in whole(first)
    for typed in ("i", "it", "item, 2", "item, 2)\nprice("):
        assert first == gather(place_at(MAIN.replace("$0", f"{typed}$0")), budget=budget, sources=sources).stable


def test_a_reader_and_a_typist_do_not_disturb_each_other(workspace: Workspace) -> None:
    """Each has a layout of its own, so that a fix between two keys does not void what the engine has read."""
    sources, budget = Sources(workspace=workspace), budget_for(Purpose.TYPING, 400)
    first = gather(place_at(MAIN), budget=budget, sources=sources).stable
    read(workspace)
    assert first is gather(place_at(MAIN), budget=budget, sources=sources).stable


def test_a_body_that_changed_is_shown_as_it_is_now(workspace: Workspace, tmp_path: Path) -> None:
    """Its signature is the same, so only the text itself tells."""
    assert "return len(item)" in whole(read(workspace))
    shop = tmp_path / "root" / "shop.py"
    shop.write_text(shop.read_text().replace("return len(item)", "return 100"))
    shown = whole(read(workspace))
    assert "return 100" in shown
    assert "return len(item)" not in shown


def test_a_call_that_is_gone_is_not_shown(workspace: Workspace, tmp_path: Path) -> None:
    """Another one in the same file takes its place."""
    read(workspace)
    till = tmp_path / "root" / "till.py"
    till.write_text(till.read_text().replace("price(each)", "cost(each)"))
    shown = texts(read(workspace))
    assert "price(each)" not in shown["till.py"]
    till.unlink()
    assert "till.py" not in texts(read(workspace))


def test_an_open_document_is_read_as_it_is_edited(workspace: Workspace, tmp_path: Path) -> None:
    """What is not saved is true; its line ends do not matter."""
    text = "class Basket: ...\r\ndef price(item):\r\n    return 'unsaved'\r\n"
    opened = Document((tmp_path / "root" / "shop.py").as_uri(), text, path="shop.py")
    assert "def price(item):\n    return 'unsaved'" in whole(read(workspace, opened))


def test_a_class_that_got_other_bases_is_shown_with_them(workspace: Workspace, tmp_path: Path) -> None:
    """Also where only its members were wanted, and the class stands above them as their title."""
    shop = tmp_path / "root" / "shop.py"
    shop.write_text("class Basket:\n    def add(self, item): ...\n")
    main = "def pay(basket):\n    basket.add$0\n"
    assert "class Basket:\n" in whole(read(workspace, main=main))
    shop.write_text("class Basket(dict):\n    def add(self, item): ...\n")
    assert "class Basket(dict):\n" in whole(read(workspace, main=main))


@pytest.mark.parametrize("stable", [2_048, 2_500, 4_000, 16_000])
def test_no_token_over_the_budget(workspace: Workspace, tmp_path: Path, stable: int) -> None:
    """Signatures, documentation, bodies and calls with their titles together."""
    parts = (
        f'def part_{n}(first, second={n}):\n    """Part {n} of many."""\n    return first + second * {n}\n'
        for n in range(300)
    )
    (tmp_path / "root" / "shop.py").write_text("".join(parts))
    pieces = read(workspace, stable=stable, main="import shop\nshop.part$0\n")
    used = sum(1 + count_tokens(f"{piece.path}\n{piece.text}\n") for piece in pieces)
    assert stable // 2 < used <= stable


def test_the_explanation_names_the_form_of_each_symbol(workspace: Workspace) -> None:
    """And where the call stands that is shown of it."""
    found = explain(
        place_at(MAIN), budget=budget_for(Purpose.READING, 2_048), sources=Sources(workspace=workspace)
    ).chosen
    assert {
        "class Basket": ("doc line", ""),
        "def __init__(self)": ("body", ""),
        "def price(item: str) -> int": ("body", "till.py:5"),
        "def first(items)": ("body", ""),
    } == {each.signature: (each.tier, each.usage) for each in found if each.tier != "signature"}
