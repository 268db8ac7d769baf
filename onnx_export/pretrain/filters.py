"""Which source files are worth learning from, and what must be masked in them."""

import ast
import re
import warnings

MIN_CHARS = 80
MAX_CHARS = 400_000
MAX_LINE_CHARS = 2_000
MAX_MEAN_LINE_CHARS = 90
MIN_ALPHABETIC_SHARE = 0.55
GENERATED_HEAD_LINES = 20

_VENDORED = re.compile(
    r"(?:^|/)(?:_?vendor(?:ed|s)?|_?third_?party|extern(?:al|s)?|site-packages|lib2to3)/", re.IGNORECASE
)
_TEST = re.compile(r"(?:^|/)(?:tests?|testing|idlelib/idle_test)/|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest)\.py$")
_GENERATED = re.compile(r"(?:auto(?:matically)?[- ]?)?generated (?:by|from|file)|do not edit", re.IGNORECASE)
_SECRET = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b"
    r"|\bxox[abprs]-[0-9A-Za-z-]{10,}|\bAIza[0-9A-Za-z_-]{35}\b"
)
_EMAIL = re.compile(r"\b[\w.+-]+@(?!example\.)[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b")
_ADDRESS = re.compile(r"\b(?!127\.|10\.|192\.168\.|0\.|255\.)(?:\d{1,3}\.){3}\d{1,3}\b(?!\.\d)")


def is_vendored(path: str) -> bool:
    """Other people's code inside a package: its licence is not the package's."""
    return _VENDORED.search(path) is not None


def is_test(path: str) -> bool:
    """Tests repeat themselves and make up half of some packages."""
    return _TEST.search(path) is not None


def rejection(text: str) -> str | None:
    """Why a file teaches nothing, or None when it is worth keeping."""
    if not MIN_CHARS <= len(text) <= MAX_CHARS:
        return "too short or too long"
    lines = text.splitlines()
    if max(map(len, lines)) > MAX_LINE_CHARS or len(text) / len(lines) > MAX_MEAN_LINE_CHARS:
        return "lines too long for written code"
    if sum(map(str.isalpha, text)) < MIN_ALPHABETIC_SHARE * len("".join(text.split())):
        return "mostly data"
    if _GENERATED.search("\n".join(lines[:GENERATED_HEAD_LINES])):
        return "generated"
    if _SECRET.search(text):
        return "holds a key"
    return None if _parses(text) else "does not parse"


def mask_personal(text: str) -> str:
    """The text with mail and network addresses replaced by those reserved for documentation."""
    return _ADDRESS.sub("192.0.2.1", _EMAIL.sub("someone@example.com", text))


def _parses(text: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old code warns about its escapes
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
