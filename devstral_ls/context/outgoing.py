"""What of a text may leave the machine: stricter than what a local model may see."""

import re
from pathlib import Path, PurePosixPath

from devstral_ls.context.ignore import IGNORE_FILES, is_ignored, read_rules
from devstral_ls.context.secrets import MASK, is_secret_path, mask_secrets, may_span_lines

_TELLTALE = r"(?:passw(?:or)?d|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential|auth)"
_CAREFUL = re.IGNORECASE
# `password = "…"`, `"token": '…'`, `api_key: str = "…"`, `--secret "…"`
_QUOTED = re.compile(
    rf"({_TELLTALE}[\w.-]*[\"']?\]?\s*(?::\s*[\w. |]+)?[:=\s]=?\s*[rbuf]*)([\"'])(?:(?!\2).)+\2", _CAREFUL
)
# The same without quotes, in files that are no programs.
_BARE = re.compile(rf"^(\s*(?:export\s+|set\s+)?[\w.-]*{_TELLTALE}[\w.-]*\s*[:=]\s*)\S.*$", _CAREFUL | re.MULTILINE)
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^\s/@\"'`<>]+@", _CAREFUL)
# Tokens of known kinds, also behind an underscore.
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}"
    r"|sk-[\w-]{20,}|AIza[\w-]{30,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
)
_PROGRAMS = frozenset({
    "python", "javascript", "javascriptreact", "typescript", "typescriptreact", "go", "rust", "java", "c", "cpp",
    "csharp", "ruby", "php",
})  # fmt: skip


def reason_to_stay(root: Path, file: Path) -> str | None:
    """Why no text of this file may leave, or None when it may."""
    try:
        path = file.relative_to(root).as_posix()
        is_inside = file.resolve().is_relative_to(root.resolve())
    except (ValueError, OSError):
        return "it lies outside of the workspace"
    if not is_inside:
        return "it leads out of the workspace"
    if is_secret_path(path):
        return "files of its name hold secrets"
    return "it is ignored" if _is_ignored(root, path) else None


def masked(text: str, language_id: str) -> str | None:
    """`text`, line for line, with what looks like a secret replaced; None where that cannot be done safely."""
    if may_span_lines(text):
        return None  # a private key, of which a window may show a part
    text = _TOKEN.sub(MASK, mask_secrets(_IN_URL.sub(rf"\1{MASK}@", text)))
    text = _QUOTED.sub(rf"\1\2{MASK}\2", text)
    return text if language_id in _PROGRAMS else _BARE.sub(rf"\1{MASK}", text)


def _is_ignored(root: Path, path: str) -> bool:
    """Whether the file or a folder above it is; what no folder above it ignores may still be ignored itself."""
    chain = [read_rules(root / ".git" / "info" / "exclude", "")]
    parts = PurePosixPath(path).parts
    for depth in range(len(parts)):
        folder = "".join(f"{part}/" for part in parts[:depth])
        chain += [read_rules(root / folder / name, folder) for name in IGNORE_FILES]
        if is_ignored(folder + parts[depth], chain, is_folder=depth < len(parts) - 1):
            return True
    return False
