"""What never leaves its file: paths that hold secrets, and secrets inside other texts."""

import math
import re
from collections import Counter

MIN_SECRET_CHARACTERS = 20
MIN_ENTROPY_BITS = 4.0
MASK = "***"

_SECRET_NAMES = re.compile(
    r"""(?xi)
      \.env(?:\..*)? | .*\.env | \.envrc
    | .*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|asc|gpg|tfvars|tfstate|ovpn)(?:\.(?:json|backup))?
    | id_(?:rsa|dsa|ecdsa|ed25519)(?:\.pub)? | \.?(?:netrc|pgpass|npmrc|pypirc|htpasswd|git-credentials|dockercfg)
    | (?:.*[-_.])?(?:credentials?|secrets?)(?:[-_.].*)?\.(?:json|ya?ml|toml|ini|cfg|txt|xml|properties|env)
    | credentials | secrets? | service[-_]account.*\.json
    """
)
_SECRET_FOLDERS = {".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".git"}
_KNOWN_TOKENS = re.compile(
    r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}"
    r"|sk-[\w-]{20,}|AIza[\w-]{30,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
)
# One of these is in every token of a known kind; looking for them first is much quicker.
_TOKEN_STARTS = ("AKIA", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "sk-", "AIza", "eyJ")
_KEY_START = "-----BEGIN "
_LITERAL = re.compile(rf"([\"'`])([A-Za-z0-9+/=_\-.]{{{MIN_SECRET_CHARACTERS},}})(?=[\"'`])")


def is_secret_path(path: str) -> bool:
    """Whether a file of this name may hold secrets; such a file is neither read nor indexed."""
    parts = path.rstrip("/").split("/")  # not by `pathlib`: each file of a workspace is asked about
    return bool(_SECRET_NAMES.fullmatch(parts[-1])) or not _SECRET_FOLDERS.isdisjoint(parts)


def mask_secrets(text: str) -> str:
    """`text` with tokens of known kinds, private keys and high-entropy literals replaced by a mask."""
    if _KEY_START in text or any(start in text for start in _TOKEN_STARTS):
        text = _KNOWN_TOKENS.sub(MASK, text)
    return _LITERAL.sub(_masked_literal, text)


def may_span_lines(text: str) -> bool:
    """Whether what is masked in a text may depend on more than the line that it stands on."""
    return _KEY_START in text


def _masked_literal(match: re.Match[str]) -> str:
    quote, literal = match.groups()
    return quote + MASK if _is_random(literal) else match.group()


def _is_random(literal: str) -> bool:
    """Whether a literal looks drawn at random: many different characters, digits among letters, no words."""
    has_digit = any(character.isdigit() for character in literal)
    has_letter = any(character.isalpha() for character in literal)
    return has_digit and has_letter and MIN_ENTROPY_BITS <= _entropy_bits(literal)


def _entropy_bits(text: str) -> float:
    """Bits a character, from how often each one occurs."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
