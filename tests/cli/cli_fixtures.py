"""What the tests of the command line share: running it, and model folders that are broken in known ways."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import tokenizers
from tiny_manifest import MANIFEST

from devstral_ls.engine.manifest import GRAPH_NAME, MANIFEST_NAME, TOKENIZER_NAME, write_manifest

RUN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run of the command left."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr of a refused input."""
        lines = self.err.splitlines()
        assert [] == lines[1:], self.err
        return lines[0].removeprefix("devstral-ls: ")


def run_command(*arguments: str | Path, environment: dict[str, str] | None = None) -> Ran:
    """Run `devstral-ls` as a user does, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "devstral_ls", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"COLUMNS": "100"} | (environment or {}),
        timeout=RUN_SECONDS,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def write_bundle(folder: Path) -> Path:
    """A model folder whose manifest is right and whose files are no model."""
    folder.mkdir()
    (folder / GRAPH_NAME).write_bytes(b"no graph")
    tokenizers.Tokenizer(tokenizers.models.BPE()).save(str(folder / TOKENIZER_NAME))
    write_manifest(folder, replace(MANIFEST, name="pebble"))
    return folder


def change_manifest(folder: Path, **fields: object) -> None:
    """Overwrite fields of a manifest."""
    path = folder / MANIFEST_NAME
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | fields), "utf-8")
