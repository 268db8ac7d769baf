"""Holes are where people's cursors are."""

import random

import pytest
from hypothesis import given, strategies as st

from onnx_export.pretrain import holes
from onnx_export.pretrain.holes import Hole

CODE = """\
import os

class Reader:
    def read(self, path):
        if path:
            return os.open(path, 0)

        return None

x = 1
"""


def missing(hole: Hole) -> str:
    return CODE[hole.start : hole.end]


def draws(kind: str) -> list[str]:
    return [missing(getattr(holes, kind)(CODE, random.Random(seed))) for seed in range(60)]


@given(text=st.text(min_size=1).filter(str.strip), seed=st.integers())
def test_any_hole_lies_in_the_text(text: str, seed: int) -> None:
    """Every kind of hole can be drawn from every text that has something written in it."""
    hole = holes.draw(text, random.Random(seed))
    assert 0 <= hole.start <= hole.end <= len(text)


@pytest.mark.parametrize("kind", ["rest_of_line", "whole_line", "after_dot"])
def test_hole_ends_with_its_line(kind: str) -> None:
    """What is to be written ends before a line break."""
    assert all("\n" not in text for text in draws(kind))


def test_whole_line_leaves_its_indentation() -> None:
    """Editors have already indented the line."""
    assert all(text == text.lstrip() for text in draws("whole_line"))


def test_block_is_the_body_under_a_colon() -> None:
    """A body goes on over blank lines until the indentation falls."""
    body = "\n            return os.open(path, 0)"
    assert body in draws("block")


def test_after_dot_starts_at_the_attribute() -> None:
    """The cursor stands right after the dot."""
    assert {"open(path, 0)"} == set(draws("after_dot"))


def test_inside_call_is_the_arguments() -> None:
    """The parentheses are already there."""
    assert {"self, path", "path, 0"} == set(draws("inside_call"))


def test_nothing_is_sometimes_missing() -> None:
    """The model must learn to be silent."""
    assert {""} == set(draws("nothing"))
