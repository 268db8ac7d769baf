"""Case files: prose, then what the text was, what the model said and what the user sees.

A file in `tests/cases/` holds cases under `##` headings. In `before`, `$0` is the cursor; in `shown`, the
suggestion stands between `«` and `»`. `pytest --update` writes what is shown now.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_HEADING = re.compile(r"(?m)^## (.+)$")
_BLOCK = re.compile(r"(?ms)^```(\w+) (before|model|shown)\n(.*?)^```$")
SECTIONS = ("before", "model", "shown")


@dataclass(frozen=True, slots=True)
class Case:
    """One case and where it stands."""

    path: Path
    title: str
    language_id: str
    before: str
    model: str
    shown: str

    @property
    def name(self) -> str:
        return f"{self.path.stem}: {self.title}"


def cases_in(folder: Path) -> Iterator[Case]:
    """All cases of a folder, in order; a file without any is a mistake."""
    for path in sorted(folder.glob("*.md")):
        cases = list(_cases(path))
        assert cases, f"{path} holds no case"
        yield from cases


def write_shown(case: Case, shown: str) -> None:
    """Replace what the file says is shown in `case`."""
    text = case.path.read_text("utf-8")
    start = next(match.end() for match in _HEADING.finditer(text) if match[1] == case.title)
    block = next(match for match in _BLOCK.finditer(text, start) if match[2] == "shown")
    case.path.write_text(text[: block.start(3)] + shown + text[block.end(3) :], "utf-8")


def _cases(path: Path) -> Iterator[Case]:
    _, *parts = _HEADING.split(path.read_text("utf-8"))
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        blocks = {match[2]: match for match in _BLOCK.finditer(body)}
        assert set(SECTIONS) == set(blocks), f"{path}: {title!r} needs one block each of {', '.join(SECTIONS)}"
        before, model, shown = (blocks[section][3] for section in SECTIONS)
        assert before.count("$0") == 1, f"{path}: {title!r} needs one $0 in its text"
        yield Case(path, title, blocks["before"][1], before, model.removesuffix("\n"), shown)
