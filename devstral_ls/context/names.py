"""Names: how they are found in a text, split into words, and kept as numbers."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

IDENTIFIER = re.compile(r"[^\W\d]\w*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
MIN_WORD_CHARACTERS = 3
MAX_REMEMBERED_KEYS = 16_384  # a ranking asks for those of a whole text, at each keystroke the same ones


@lru_cache(maxsize=MAX_REMEMBERED_KEYS)
def name_key(name: str) -> int:
    """A number for a name that is the same in every process."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def name_keys(names: Iterable[str]) -> NDArray[np.uint64]:
    """The numbers of many names, in their order."""
    return np.fromiter((name_key(name) for name in names), dtype=np.uint64)


def words_of(name: str) -> Iterator[str]:
    """The words that a snake_case or CamelCase name is made of, in lower case, the very short ones left out."""
    for match in _WORD.finditer(name):
        word = match.group().lower()
        if MIN_WORD_CHARACTERS <= len(word):
            yield word


def as_class_name(name: str) -> str:
    """How a class would be called whose instance is called `name`: `query_set` gives `QuerySet`."""
    return "".join(part[:1].upper() + part[1:] for part in name.strip("_").split("_"))
