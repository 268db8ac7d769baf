"""Which licences a source may have, read from its metadata and from the heads of its files."""

import re
from email.message import Message

ALLOWED = frozenset(
    {"0BSD", "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND", "ISC", "MIT", "MIT-0"}
    | {"MIT-CMU", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib"}
)
HEAD_CHARS = 4000  # licence notices stand at the top of a file

_OPERATORS = re.compile(r"\s+(?:AND|OR)\s+|[()]")
_FREE_TEXT = (  # how older metadata spells them, most specific first
    (re.compile(r"apache", re.IGNORECASE), "Apache-2.0"),
    (re.compile(r"bsd", re.IGNORECASE), "BSD"),
    (re.compile(r"\bmit\b", re.IGNORECASE), "MIT"),
    (re.compile(r"isc licen[cs]e|\bisc\b", re.IGNORECASE), "ISC"),
    (re.compile(r"python software foundation|\bpsf\b|matplotlib\.org", re.IGNORECASE), "PSF-2.0"),
    (re.compile(r"unlicense|public domain", re.IGNORECASE), "Unlicense"),
)
_COPYLEFT = re.compile(
    r"\b[AL]?GPL(?:v?[23]|\b)|GNU (?:Lesser |Affero |Library )?General Public"
    r"|Mozilla Public License|\bMPL[- ]?[12]|Eclipse Public License|CC[- ]BY[- ]SA",
)


def declared(metadata: Message) -> list[str]:
    """The licence identifiers a wheel's METADATA names; what is not understood stays as written."""
    expression = metadata.get("License-Expression")
    if expression:
        parts = _OPERATORS.split(expression)
        return [part.split(" WITH ")[0].strip() for part in parts if part and part.strip()]
    classifiers = metadata.get_all("Classifier") or []
    named = [c.rsplit("::", 1)[-1].strip() for c in classifiers if c.startswith("License ::")]
    named = [name for name in named if name != "OSI Approved"]
    text = (metadata.get("License") or "").strip().splitlines()
    return [_identifier(name) for name in named or text[:1]]


def refusal(licences: list[str]) -> str | None:
    """Why a source with these licences may not be used, or None when it may."""
    if not licences:
        return "no licence is declared"
    for licence in licences:
        if licence not in ALLOWED:
            return f"licence {licence[:60]!r} is not on the list"
    return None


def mentions_copyleft(text: str) -> bool:
    """Whether a file's head carries a notice that its package's metadata did not show."""
    return _COPYLEFT.search(text[:HEAD_CHARS]) is not None


def _identifier(name: str) -> str:
    if _COPYLEFT.search(name):
        return name
    return next((spdx for pattern, spdx in _FREE_TEXT if pattern.search(name)), name)
