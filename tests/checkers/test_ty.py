"""Ty as a warm checker and as a source of facts."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devstral_ls.checkers import Topic, Ty, topic_of
from devstral_ls.text import Document

pytestmark = pytest.mark.skipif(not Ty.is_installed(), reason="the types extra is not installed")

TEXT = """\
class Box:
    def __init__(self, size: int) -> None:
        self.size = size


def area(box: Box) -> int:
    return box.sice * box.size


box = Box(siez=3)
"""


@pytest.fixture
def ty(tmp_path: Path) -> Iterator[Ty]:
    checker = Ty(tmp_path)
    yield checker
    checker.close()


@pytest.fixture
def document(tmp_path: Path) -> Document:
    return Document((tmp_path / "box.py").as_uri(), TEXT, path="box.py")


def test_it_sees_attributes_and_arguments(ty: Ty, document: Document) -> None:
    """A text that was never saved is checked with its types."""
    topics = [topic_of(problem) for problem in ty.check(document)]
    assert [Topic.ATTRIBUTE, Topic.ARGUMENT_MISSING, Topic.ARGUMENT_NAME] == topics


def test_it_follows_the_text(ty: Ty, document: Document) -> None:
    """The second answer is about the second text."""
    ty.check(document)
    better = replace(document, text=TEXT.replace("sice", "size").replace("siez", "size"))
    assert [] == ty.check(better)


def test_it_names_the_attributes_of_a_value(ty: Ty, document: Document) -> None:
    """What could stand after a dot comes from the type before it."""
    before, after = TEXT.split("sice", 1)
    holed = replace(document, text=before + after)
    assert "size" == ty.names_at(holed, len(before))[0]


def test_it_names_the_parameters_of_a_call(ty: Ty, document: Document) -> None:
    """Parameters come from the signature, with their types."""
    assert ["size: int"] == ty.parameters_at(document, TEXT.index("siez"))


def test_it_starts_again_after_it_was_stopped(ty: Ty, document: Document) -> None:
    """A child that ended is replaced by the next question."""
    first = ty.check(document)
    ty.close()
    assert first == ty.check(document)
