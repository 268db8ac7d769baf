"""Where what the model writes into a hole ends: rules that are values, so an engine elsewhere can follow them."""

import re
from dataclasses import dataclass

_AFTER_NAME = re.compile(r"[^\w.]")


@dataclass(frozen=True, slots=True)
class NameEnd:
    """Behind one dotted name."""

    def __call__(self, written: str) -> int | None:
        n_blanks = len(written) - len(written.lstrip())
        found = _AFTER_NAME.search(written, n_blanks)
        return None if found is None else found.start()


@dataclass(frozen=True, slots=True)
class LineEnd:
    """With the first line that has something on it."""

    def __call__(self, written: str) -> int | None:
        at = written.find("\n", len(written) - len(written.lstrip()))
        return None if at < 0 else at


@dataclass(frozen=True, slots=True)
class DocstringEnd:
    """With the first line of a docstring, or the docstring itself."""

    def __call__(self, written: str) -> int | None:
        ends = [at for at in (written.find('"""'), written.find("\n", 1)) if 0 <= at]
        return min(ends, default=None)


@dataclass(frozen=True, slots=True)
class BlockEnd:
    """Before the first line that is not indented as the block is."""

    indent: str

    def __call__(self, written: str) -> int | None:
        at = 0
        for line in written.split("\n"):
            if at and line.strip() and not line.startswith(self.indent):
                return at - 1
            at += len(line) + 1
        return None
