"""Reading one file of a workspace safely: what must not or cannot be shown is as if it were not there."""

import os
import time
from pathlib import Path

from devstral_ls.context.secrets import is_secret_path, mask_secrets

MAX_FILE_BYTES = 1_000_000
MAX_LINE_CHARACTERS_MEAN = 200  # above it a text is generated or minified
TICK_NS = 50_000_000  # of the clocks of disks

# Editors' names for the languages; what is not listed is neither read nor indexed.
_LANGUAGE_BY_SUFFIX = {
    ".c": "c",
    ".cc": "cpp",
    ".cjs": "javascript",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".cts": "typescript",
    ".cxx": "cpp",
    ".go": "go",
    ".h": "c",
    ".hpp": "cpp",
    ".java": "java",
    ".js": "javascript",
    ".jsx": "javascriptreact",
    ".mjs": "javascript",
    ".mts": "typescript",
    ".php": "php",
    ".py": "python",
    ".pyi": "python",
    ".rb": "ruby",
    ".rs": "rust",
    ".ts": "typescript",
    ".tsx": "typescriptreact",
}


SUFFIXES = tuple(_LANGUAGE_BY_SUFFIX)


def language_of(path: str) -> str:
    """The language of a file by its name, or an empty string."""
    return _LANGUAGE_BY_SUFFIX.get(os.path.splitext(path)[1], "")  # noqa: PTH122  `pathlib` took most of a walk


def is_settled(modified_ns: int) -> bool:
    """Whether a file that was modified then cannot be modified once more under the same time."""
    return modified_ns < time.time_ns() - TICK_NS


def read_text(folder: Path, path: str) -> str | None:
    """The text of a plain, readable, hand-written UTF-8 file inside `folder`, secrets masked, or None."""
    if not language_of(path) or is_secret_path(path):
        return None
    text = _read_text(folder, path)
    return None if text is None else mask_secrets(text)


def _read_text(folder: Path, path: str) -> str | None:
    file = folder / path
    try:
        if not file.resolve().is_relative_to(folder) or not file.is_file():
            return None
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError):
        return None
    is_generated = MAX_LINE_CHARACTERS_MEAN * (text.count("\n") + 1) < len(text)
    if MAX_FILE_BYTES < len(content) or "\0" in text or is_generated:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")
