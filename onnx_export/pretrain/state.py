"""Where corpora, token files and checkpoints live: outside the repository, safe from a fresh checkout."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DEFAULT_ROOT = Path("~/.cache/devstral-ls/pretrain")


@dataclass(frozen=True, slots=True)
class State:
    """The folder one pretraining effort keeps its files in."""

    root: Path

    @property
    def wheels(self) -> Path:
        return self.root / "wheels"

    @property
    def corpus(self) -> Path:
        return self.root / "corpus"

    @property
    def tokenizer(self) -> Path:
        return self.root / "tokenizer.json"

    @property
    def packed(self) -> Path:
        return self.root / "packed"

    def run(self, name: str) -> Path:
        return self.root / "runs" / name


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a JSON-lines file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def write_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write a JSON-lines file that is either whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("w", encoding="utf-8") as lines:
        for record in records:
            lines.write(json.dumps(record) + "\n")
    unfinished.replace(path)


def write_json(path: Path, value: object) -> None:
    """Write a JSON file that is either whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path)
