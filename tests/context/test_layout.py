"""What stays shown while somebody types."""

from dataclasses import replace
from pathlib import Path

import pytest
from context_fixtures import budget_of, texts, write_files

from devstral_ls.context import Budget, Sources, Workspace, gather
from devstral_ls.text import Document, Place

BEFORE = "import bank\nimport shop\n\n"
FILES = "".join(
    f"#- {name}.py\n" + "".join(f"def {name}_{n}(first, second): ...\n" for n in range(20)) for name in ("bank", "shop")
)
COSTLY = replace(budget_of(stable=100), is_costly_to_change=True)


class Typist:
    """A project and what the model sees of it, one text of the main file after the other."""

    def __init__(self, root: Path, budget: Budget) -> None:
        write_files(root, FILES)
        self._workspace = Workspace((root,), libraries=())
        self._budget = budget

    def shown(self, typed: str) -> dict[str, str]:
        text = BEFORE + typed
        document = Document("file:///main.py", text, path="main.py")
        sources = Sources((document,), self._workspace)
        return texts(gather(Place(document, len(text)), budget=self._budget, sources=sources).stable)


@pytest.mark.parametrize("is_costly", [False, True])
def test_what_is_shown_changes_within_a_line_only_where_that_costs_little(tmp_path: Path, is_costly: bool) -> None:
    """A bracket and a dot ask for other names; a model that is slow to read is shown them at the next line."""
    typist = Typist(tmp_path, replace(COSTLY, is_costly_to_change=is_costly))
    before = typist.shown("a = bank.")
    assert ["bank.py"] == list(before)
    assert is_costly == (before == typist.shown("a = [shop."))
    assert ["shop.py"] == list(typist.shown("a = 0\nb = shop."))


def test_at_a_new_line_nothing_is_put_in_order_again(tmp_path: Path) -> None:
    """As long as what is shown is nearly as good, a model that is slow to read sees it again."""
    typist = Typist(tmp_path, COSTLY)
    before = typist.shown("a = bank.")
    assert before
    assert before == typist.shown("a = bank.bank_1(0, 0)\nb = bank.bank_7")


def test_an_import_is_followed_as_it_is_typed(tmp_path: Path) -> None:
    """What can be imported is worth reading at once."""
    typist = Typist(tmp_path, COSTLY)
    assert ["bank.py"] == list(typist.shown("from bank import "))
    assert ["shop.py"] == list(typist.shown("from shop import "))
