"""A completion names only what exists, where that is known."""

from collections.abc import Iterator

import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.config import Settings
from devstral_ls.context import Sources, Workspace
from devstral_ls.engine import scripted_engine
from devstral_ls.features.inline_completion import suggest_blocking
from devstral_ls.features.outcome import Outcome, Silence
from devstral_ls.text import Document, Place

SHOP = """\
class Basket:
    def __init__(self, owner):
        self.items = []

    def add_item(self, item):
        self.items.append(item)

    def total(self):
        return self.items


def main(unknown):
    basket = Basket("me")
    basket.add_item(1)
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    """A workspace whose semantics process has looked around in `SHOP`, and at the end of it."""
    with Workspace((tmp_path_factory.mktemp("shop"),)) as workspace:
        yield Sources(workspace=workspace)


def complete(sources: Sources, typed: str, said: dict[str, str], settings: Settings | None = None) -> Outcome:
    """What is suggested behind `SHOP` and `typed`, with all that can be learned learned."""
    text = SHOP + typed
    place = Place(Document("file:///shop.py", text, path="shop.py"), len(text))
    sources.workspace.semantics.wonder(place)
    assert sources.workspace.semantics.wait(60)
    engine = scripted_engine(said)
    try:
        return suggest_blocking(
            place, engine=engine, sources=sources, settings=settings or Settings(), cancel=CancelToken()
        )
    finally:
        engine.close()


def test_a_member_that_does_not_exist_is_not_written(sources: Sources) -> None:
    """The model goes on with the members that there are, of which it likes one."""
    said = {"basket.": "add_thing(2)", "basket.add_": "items(2)", "basket.add_item": "(2)"}
    suggestion = complete(sources, "    basket.", said).suggestions[0]
    assert "add_item(2)" == suggestion.text


def test_the_setting_switches_it_off(sources: Sources) -> None:
    """Then the model says what it likes."""
    settings = Settings(known_names_only=False)
    suggestion = complete(sources, "    basket.", {"basket.": "add_thing(2)"}, settings).suggestions[0]
    assert "add_thing(2)" == suggestion.text


def test_what_is_unknown_may_have_any_member(sources: Sources) -> None:
    """Nothing tells the type of a parameter."""
    suggestion = complete(sources, "    unknown.", {"unknown.": "whatever()"}).suggestions[0]
    assert "whatever()" == suggestion.text


def test_a_member_within_the_completion_counts_too(sources: Sources) -> None:
    """The receiver may be the model's own."""
    said = {"x = ": "basket.sum()", "x = basket.": "total()"}
    assert ["total()"] == [s.text.removeprefix("basket.") for s in complete(sources, "    x = ", said).suggestions]


def test_a_new_attribute_may_be_set(sources: Sources) -> None:
    """Methods give their object attributes that it did not have."""
    typed = "class Other:\n    def __init__(self):\n        self.first = 1\n        "
    suggestion = complete(sources, typed, {"first = 1\n        ": "self.second = 2"}).suggestions[0]
    assert "self.second = 2" == suggestion.text


def test_a_member_typed_in_full_that_does_not_exist_is_left_alone(sources: Sources) -> None:
    """What the author wrote is the author's business."""
    suggestion = complete(sources, "    basket.nothing", {"basket.nothing": "(1)"}).suggestions[0]
    assert "(1)" == suggestion.text


def test_strings_name_nothing(sources: Sources) -> None:
    """A dot in a string is no member."""
    suggestion = complete(sources, "    x = ", {"x = ": '"basket.what"'}).suggestions[0]
    assert '"basket.what"' == suggestion.text


def test_a_name_that_is_bound_anew_is_another(sources: Sources) -> None:
    """Where a name gets another meaning, what was known of the old one refuses nothing."""
    typed = "    basket = other()\n    basket."
    assert Silence.UNKNOWN_MEMBER is not complete(sources, typed, {"basket.": "whatever()"}).silence
