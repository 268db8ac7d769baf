"""What the model is shown, from the face of the room."""

from pathlib import Path

import pytest
from context_fixtures import Skeletons, budget_of, count_tokens, place_at, texts, write_files

from devstral_ls.context import Context, Sources, Workspace, gather
from devstral_ls.text import Document

NOTHING = Context(stable=(), suffix="", volatile="", prefix="")


def test_an_imported_function_is_shown_by_its_signature(skeletons: Skeletons) -> None:
    """Of an imported name the model sees the signature under the path of its file."""
    assert {"shop.py": "def price(item: str) -> int: ..."} == skeletons(
        "from shop import price\nprint($0)\n#- shop.py\ndef price(item: str) -> int:\n    return 1\n"
    )


def test_an_imported_class_is_shown_with_its_members(skeletons: Skeletons) -> None:
    """Members stand indented under the class that they belong to."""
    assert {"shop.py": "class Basket:\n    items: list[str]\n    def add(self, item: str) -> None: ..."} == skeletons(
        "from shop import Basket\nBasket().$0\n"
        "#- shop.py\nclass Basket:\n    items: list[str]\n    def add(self, item: str) -> None:\n        pass\n"
    )


def test_of_an_imported_module_its_top_level_is_shown(skeletons: Skeletons) -> None:
    """`import shop` may name anything public in it."""
    assert {"shop.py": "def price(): ..."} == skeletons("import shop\nshop.$0\n#- shop.py\ndef price(): ...\n")


@pytest.mark.parametrize(
    "statement",
    [
        "from shop.base import price",
        "from shop import price",
        "from shop import *",
        "import shop.base",
        "from shop import base",
    ],
)
def test_imports_lead_to_the_definition(skeletons: Skeletons, statement: str) -> None:
    """Re-exports, stars and submodules are followed to the text that defines the name."""
    fixture = "price$0\n#- shop/__init__.py\nfrom shop.base import price\n#- shop/base.py\ndef price(): ...\n"
    assert {"shop/base.py": "def price(): ..."} == skeletons(f"{statement}\n{fixture}")


@pytest.mark.parametrize("own_import", ["from shop import base", "from . import base", "from .base import Price"])
def test_a_package_may_import_its_own_modules(skeletons: Skeletons, own_import: str) -> None:
    """What a package's own text says of a submodule does not hide it."""
    fixture = f"base.$0\n#- shop/__init__.py\n{own_import}\n#- shop/base.py\ndef price(): ...\n"
    assert {"shop/base.py": "def price(): ..."} == skeletons(f"from shop import base\n{fixture}")


def test_a_package_inside_a_package_shows_what_it_offers(skeletons: Skeletons) -> None:
    """`from shop import till` means what `till` imports for its users, too."""
    fixture = (
        "from shop import till\ntill.$0\n#- shop/__init__.py\n#- shop/till/__init__.py\n"
        "from shop.till.base import price\n#- shop/till/base.py\ndef price(): ...\n"
    )
    assert {"shop/till/base.py": "def price(): ..."} == skeletons(fixture)


def test_what_is_defined_twice_is_shown_once(skeletons: Skeletons) -> None:
    """Branches of an `if` may define the same name with the same signature."""
    branches = "if fast:\n    def price(): return 1\nelse:\n    def price(): return 2\n"
    assert {"shop.py": "def price(): ..."} == skeletons(f"import shop\nshop.$0\n#- shop.py\n{branches}")


def test_relative_imports_start_at_the_file(skeletons: Skeletons) -> None:
    """One dot is the package of the file itself, two are its parent."""
    fixture = "from ..base import price\n$0\n#- shop/base.py\ndef price(): ...\n#- shop/till/__init__.py\n"
    assert {"shop/base.py": "def price(): ..."} == skeletons(fixture, path="shop/till/main.py")


def test_a_source_folder_is_a_root_too(skeletons: Skeletons) -> None:
    """Projects that keep their packages under src/ resolve as well."""
    assert ["src/shop.py"] == list(skeletons("from shop import price\n$0\n#- src/shop.py\ndef price(): ...\n"))


def test_an_open_document_shadows_the_disk(tmp_path: Path) -> None:
    """The user's unsaved text is the truth."""
    place = place_at(write_files(tmp_path, "from shop import price\n$0\n#- shop.py\ndef price(): ...\n"))
    opened = Document(uri="x", text="def price(unsaved): ...\n", path="shop.py")
    sources = Sources((opened,), Workspace((tmp_path,), libraries=()))
    pieces = gather(place, budget=budget_of(), sources=sources).stable
    assert {"shop.py": "def price(unsaved): ..."} == texts(pieces)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Nothing stale is shown after a file changed on disk."""
    place = place_at(write_files(tmp_path, "from shop import price\n$0\n#- shop.py\ndef price(): ...\n"))
    sources = Sources(workspace=Workspace((tmp_path,), libraries=()))
    gather(place, budget=budget_of(), sources=sources)
    (tmp_path / "shop.py").write_text("def price(changed_argument): ...\n")
    pieces = gather(place, budget=budget_of(), sources=sources).stable
    assert {"shop.py": "def price(changed_argument): ..."} == texts(pieces)


@pytest.mark.parametrize("stable", [0, 5, 20, 60, 150])
def test_no_token_over_the_budget(skeletons: Skeletons, stable: int) -> None:
    """Pieces and their titles together stay within the budget."""
    members = "".join(f"    def method_{n}(self, first, second={n}): ...\n" for n in range(30))
    shown = skeletons(f"from shop import A\nA().$0\n#- shop.py\nclass A:\n{members}", stable=stable)
    assert sum(1 + count_tokens(f"{path}\n{text}\n") for path, text in shown.items()) <= stable


def test_the_standard_library_is_read_from_its_files() -> None:
    """A module outside the workspace is shown under the path that it has in its library."""
    place = place_at("from json import dumps\ndumps$0")
    paths = [piece.path for piece in gather(place, budget=budget_of(), sources=Sources(workspace=Workspace())).stable]
    assert ["json/__init__.py"] == paths


@pytest.mark.parametrize("path", [".env", "deploy/.env.local", "server.pem", ".aws/credentials", "credentials.json"])
def test_nothing_of_a_secret_file_reaches_the_model(path: str) -> None:
    """Completing inside a file that may hold secrets shows the model nothing."""
    place = place_at("TOKEN=abc$0", path)
    assert NOTHING == gather(place, budget=budget_of(), sources=Sources())


def test_a_link_out_of_the_workspace_is_not_followed(tmp_path: Path) -> None:
    """What a link leads to outside the root is as if it were not there."""
    (tmp_path / "outside.py").write_text("def price(): ...\n")
    root = tmp_path / "root"
    root.mkdir()
    (root / "shop.py").symlink_to(tmp_path / "outside.py")
    sources = Sources(workspace=Workspace((root,), libraries=()))
    assert () == gather(place_at("from shop import price\n$0"), budget=budget_of(), sources=sources).stable


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = 1\0\n", b"x" * 1_000_001, b"def f():" + b"1;" * 9000])
def test_a_file_that_is_no_hand_written_text_is_left_out(tmp_path: Path, content: bytes) -> None:
    """Binary, huge, generated and wrongly encoded files are as if they were not there."""
    (tmp_path / "shop.py").write_bytes(content)
    sources = Sources(workspace=Workspace((tmp_path,), libraries=()))
    assert () == gather(place_at("import shop\n$0"), budget=budget_of(), sources=sources).stable


def test_secrets_in_signatures_are_masked(skeletons: Skeletons) -> None:
    """A literal that looks drawn at random does not reach the model."""
    shown = skeletons("from shop import KEY\n$0\n#- shop.py\nKEY = 'Zq8rT3vLx0Kp2Wn7Bd5Yc1Hf'\n")
    assert {"shop.py": "KEY = '***'"} == shown
