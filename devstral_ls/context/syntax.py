"""Tree-sitter: outlines of texts, read by the queries beside this file. Only this module imports tree_sitter."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import import_module, resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tree_sitter import Language, Node, Parser, Query, QueryCursor, Tree

from devstral_ls.context import nesting
from devstral_ls.context.nesting import (
    TOP,
    Found,
    Group,
    Region,
    change_between,
    grouped,
    is_replaceable,
    outline_of,
    replaced,
)
from devstral_ls.context.outline import Kind, Outline

MAX_TEXT_BYTES = 2_000_000
MAX_VALUE_CHARACTERS = 60
MAX_DOC_CHARACTERS = 100
MAX_SIGNATURE_CHARACTERS = 600

_COMMENT = re.compile(r"(?m)\s#[^\"'\n]*$|(?<=[\s,;{(])//[^\"'\n]*$")
_WHOLE_COMMENT = re.compile(r"(?m)^[ \t]*(?:#|//).*$")
_SYMBOL_KINDS = frozenset(Kind)
_CAPTURES = ("import", "doc", "decorator", *Kind)
# Of a text more than this share is not read in part.
MAX_REGION_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class _Grammar:
    """Where a language's compiled grammar and our query for it are."""

    package: str
    query: str
    function: str = "language"


_GRAMMARS = {
    "c": _Grammar("tree_sitter_c", "c"),
    "cpp": _Grammar("tree_sitter_cpp", "cpp"),
    "csharp": _Grammar("tree_sitter_c_sharp", "csharp"),
    "go": _Grammar("tree_sitter_go", "go"),
    "java": _Grammar("tree_sitter_java", "java"),
    "javascript": _Grammar("tree_sitter_javascript", "javascript"),
    "javascriptreact": _Grammar("tree_sitter_javascript", "javascript"),
    "php": _Grammar("tree_sitter_php", "php", "language_php"),
    "python": _Grammar("tree_sitter_python", "python"),
    "ruby": _Grammar("tree_sitter_ruby", "ruby"),
    "rust": _Grammar("tree_sitter_rust", "rust"),
    "typescript": _Grammar("tree_sitter_typescript", "typescript", "language_typescript"),
    "typescriptreact": _Grammar("tree_sitter_typescript", "typescript", "language_tsx"),
}


@dataclass(frozen=True, slots=True)
class _Loaded:
    language: Language
    query: Query
    parser: Parser


def is_supported(language_id: str) -> bool:
    """Whether a grammar for the language is installed."""
    return _load(language_id) is not None


def read_outline(text: str, language_id: str) -> Outline:
    """What `text` defines and imports; nothing for a language that is not installed or a text that is too large."""
    return parse(text, language_id).outline


@dataclass(frozen=True, slots=True)
class Parsed:
    """One version of a text and what was read of it, from which the next version is read at the cost of its changes."""

    language_id: str
    content: bytes
    tree: Tree | None
    groups: tuple[Group, ...]
    outline: Outline


def parse(text: str, language_id: str) -> Parsed:
    """Read a text from nothing."""
    loaded = _load(language_id)
    content = text.encode("utf-8", "surrogatepass")
    if loaded is None or MAX_TEXT_BYTES < len(content):
        return Parsed(language_id, content, None, (), Outline(language_id, (), ()))
    return _read_whole(loaded, language_id, content, loaded.parser.parse(content))


def parse_again(old: Parsed, text: str) -> Parsed:
    """Read the next version of a text; the same as `parse`, only quicker where little changed."""
    loaded = _load(old.language_id)
    content = text.encode("utf-8", "surrogatepass")
    if loaded is None or old.tree is None or MAX_TEXT_BYTES < len(content):
        return parse(text, old.language_id)
    change = change_between(old.content, content)
    before = old.tree.copy()  # its owner may still be asked about it
    before.edit(
        change.start,
        change.old_end,
        change.new_end,
        _point(content, change.start),
        _point(old.content, change.old_end),
        _point(content, change.new_end),
    )
    tree = loaded.parser.parse(content, before)
    touched = [(each.start_byte, each.end_byte) for each in before.changed_ranges(tree)]
    first = min(change.start, *(start for start, _ in touched)) if touched else change.start
    last = max(change.new_end, *(end for _, end in touched)) if touched else change.new_end
    for region in reversed(_regions(tree.root_node, first, last)):
        if MAX_REGION_SHARE * len(content) < region.end - region.start:
            break
        if is_replaceable(old.groups, change, region):
            found = _matches(loaded.query, tree.root_node, content, region)
            groups = replaced(old.groups, change, region, found)
            return Parsed(old.language_id, content, tree, *outline_of(old.language_id, groups))
    return _read_whole(loaded, old.language_id, content, tree)


def _read_whole(loaded: "_Loaded", language_id: str, content: bytes, tree: Tree) -> Parsed:
    groups = grouped(_matches(loaded.query, tree.root_node, content))
    return Parsed(language_id, content, tree, *outline_of(language_id, groups))


def _regions(root: Node, first: int, last: int) -> list[Region]:
    """Runs of whole siblings around a change, one more on either side, from the top level inwards."""
    regions: list[Region] = []
    parent = root
    # Indexes into the children: `Node.prev_sibling` crashes on some broken texts (tree-sitter 0.26.1).
    while children := parent.children:
        begin = min(bisect_left(children, first, key=lambda each: each.end_byte), len(children) - 1)
        end = max(bisect_right(children, last, key=lambda each: each.start_byte) - 1, begin)
        left, right = children[max(begin - 1, 0)], children[min(end + 1, len(children) - 1)]
        parent_start = parent.start_byte if regions else TOP
        regions.append(Region(min(left.start_byte, first), max(right.end_byte, last), parent_start))
        parent = children[begin]
        if not parent.start_byte < first <= last < parent.end_byte:
            break
    return regions


def _point(content: bytes, offset: int) -> tuple[int, int]:
    return content.count(b"\n", 0, offset), offset - 1 - content.rfind(b"\n", 0, offset)


def count_errors(text: str, language_id: str) -> int:
    """How many places of `text` break the grammar; none where the language is not installed."""
    loaded = _load(language_id)
    content = text.encode("utf-8", "surrogatepass")
    if loaded is None or MAX_TEXT_BYTES < len(content):
        return 0
    broken = [Parser(loaded.language).parse(content).root_node]
    n_errors = 0
    while broken:
        node = broken.pop()
        n_errors += node.is_error or node.is_missing
        broken += (child for child in node.children if child.has_error or child.is_missing)
    return n_errors


def broken_places(text: str, language_id: str) -> list[tuple[int, int, str]] | None:
    """Where `text` breaks the grammar: start, end and what is missing there; None without a grammar."""
    loaded = _load(language_id)
    content = text.encode("utf-8", "surrogatepass")
    if loaded is None or MAX_TEXT_BYTES < len(content):
        return None
    found: list[tuple[int, int, str]] = []
    waiting = [Parser(loaded.language).parse(content).root_node]
    while waiting:
        node = waiting.pop()
        if node.is_error or node.is_missing:
            found.append((node.start_byte, node.end_byte, node.type if node.is_missing else ""))
        waiting += (child for child in node.children if child.has_error or child.is_missing)
    if text.isascii():
        return sorted(found)
    return sorted((_characters(content, start), _characters(content, end), what) for start, end, what in found)


def _characters(content: bytes, n_bytes: int) -> int:
    return len(content[:n_bytes].decode("utf-8", "surrogatepass"))


@cache
def fingerprint() -> str:
    """A short text that changes when the same file would be read differently: queries, grammars, this module."""
    digest = blake2b(digest_size=8)
    for language_id, grammar in sorted(_GRAMMARS.items()):
        digest.update(f"{language_id} {_version_of(grammar)}".encode())
        digest.update(_query_text(grammar).encode())
    for module in (__file__, nesting.__file__):
        digest.update(Path(module).read_bytes())
    return digest.hexdigest()


def _version_of(grammar: _Grammar) -> str:
    try:
        return version(grammar.package.replace("_", "-"))
    except PackageNotFoundError:
        return "none"


def _query_text(grammar: _Grammar) -> str:
    return resources.files("devstral_ls.context").joinpath("queries", f"{grammar.query}.scm").read_text("utf-8")


@cache
def _load(language_id: str) -> _Loaded | None:
    grammar = _GRAMMARS.get(language_id)
    if grammar is None:
        return None
    try:
        package = import_module(grammar.package)
    except ModuleNotFoundError:
        return None
    language = Language(getattr(package, grammar.function)())
    return _Loaded(language, Query(language, _query_text(grammar)), Parser(language))


def _matches(query: Query, root: Node, content: bytes, region: Region | None = None) -> list[Found]:
    """What the query finds in the tree, or of it what starts within the region, in the order of the text."""
    cursor = QueryCursor(query)
    if region is not None:
        cursor.set_byte_range(region.start, region.end)
    seen: set[tuple[int, int]] = set()
    found: list[Found] = []
    for _, parts in sorted(cursor.matches(root), key=lambda match: match[0]):
        capture = next(each for each in _CAPTURES if each in parts)
        node = parts[capture][0]
        if region is not None and not region.start <= node.start_byte < region.end:
            continue
        if capture in _SYMBOL_KINDS:
            # Several patterns may fit one definition: the first one in the query says what it is.
            name = parts.get("name", parts[capture])[0]
            if (name.start_byte, name.end_byte) in seen:
                continue
            seen.add((name.start_byte, name.end_byte))
        found.append(_found(capture, node, parts, content))
    found.sort(key=lambda each: (each.start, -each.end))
    return found


def _found(capture: str, node: Node, parts: Mapping[str, list[Node]], content: bytes) -> Found:
    start, end = node.byte_range
    body = parts.get("body")
    is_symbol = capture in _SYMBOL_KINDS
    found = Found(
        capture,
        start,
        end,
        node.start_point.row,
        node.end_point.row,
        body_start=body[0].start_byte if body else end,
        scope_end=node.parent.end_byte if capture == "decorator" and node.parent is not None else end,
        name=_text_of(parts, "name", content) if "name" in parts else "",
    )
    if is_symbol:
        found.is_attribute = "receiver" in parts
        found.bases = tuple(_bases(_text_of(parts, "bases", content))) if "bases" in parts else ()
        found.text = _signature(found, parts, content)
    elif capture == "import":
        found.module = _text_of(parts, "module", content).strip("\"'`<>") if "module" in parts else ""
        found.alias = _text_of(parts, "alias", content) if "alias" in parts else ""
    else:
        text = content[start:end].decode("utf-8", "replace")
        found.text = _first_doc_line(text) if capture == "doc" else _one_line(text)
    return found


def _text_of(parts: Mapping[str, list[Node]], name: str, content: bytes) -> str:
    start, end = parts[name][0].byte_range
    return content[start:end].decode("utf-8", "replace")


def _signature(found: Found, parts: Mapping[str, list[Node]], content: bytes) -> str:
    if found.body_start < found.end:
        head = _WHOLE_COMMENT.sub("", content[found.start : found.body_start].decode("utf-8", "replace"))
        return _one_line(head).rstrip(":{ ").removesuffix("=>").rstrip()[:MAX_SIGNATURE_CHARACTERS]
    whole = content[found.start : found.end].decode("utf-8", "replace").rstrip("; ")
    if found.is_attribute:
        whole = whole.removeprefix(_text_of(parts, "receiver", content)).removeprefix(".")
    if found.capture not in {Kind.VARIABLE, Kind.FIELD}:
        return _one_line(whole)[:MAX_SIGNATURE_CHARACTERS]
    if len(whole) <= MAX_VALUE_CHARACTERS and "\n" not in whole:
        return whole
    return _shortened(whole)


def _shortened(assignment: str) -> str:
    """An assignment whose value is too long to show, with the target and type that it has."""
    target, equals, _ = assignment.partition("=")
    return f"{_one_line(target)} = ..." if equals else _one_line(target)[:MAX_SIGNATURE_CHARACTERS]


def _bases(argument_list: str) -> list[str]:
    """The names of the classes that a class is made from, without what they are parametrised by."""
    plain = re.sub(r"\[[^\]]*\]|<[^>]*>", "", argument_list)
    names = re.split(r"[,\s():+&]+|\bextends\b|\bimplements\b", plain)
    return [name.rsplit(".", 1)[-1] for name in names if name and "=" not in name and re.match(r"[\w.$]+$", name)]


def _first_doc_line(literal: str) -> str:
    lines = literal.strip("rRuUbB").strip("\"'").strip().splitlines()
    return lines[0].strip()[:MAX_DOC_CHARACTERS] if lines else ""


def _one_line(text: str) -> str:
    if "\n" not in text:
        return text.strip()
    joined = " ".join(_COMMENT.sub("", text).split())
    return re.sub(r"([(\[]) | ?,? (?=[)\]])", r"\1", joined)
