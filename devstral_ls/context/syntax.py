"""Tree-sitter: outlines of texts, read by the queries beside this file. Only this module imports tree_sitter."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import import_module, resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tree_sitter import Language, Node, Parser, Query, QueryCursor

from devstral_ls.context.outline import TOP_LEVEL, WHOLE_MODULE, Import, Kind, Outline, Symbol

MAX_TEXT_BYTES = 2_000_000
MAX_VALUE_CHARACTERS = 60
MAX_DOC_CHARACTERS = 100
MAX_SIGNATURE_CHARACTERS = 600

# A decorator that changes how the name is used; the others say nothing to a caller.
_TELLING_DECORATOR = re.compile(
    r"@(property|\w*cached_property|staticmethod|classmethod|(?:\w+\.)?dataclass|overload)\b"
)
_REPEATING_DECORATOR = re.compile(r"@\w+\.(setter|deleter|getter)\b")
_COMMENT = re.compile(r"(?m)\s#[^\"'\n]*$|(?<=[\s,;{(])//[^\"'\n]*$")
_SYMBOL_KINDS = tuple(Kind)


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


@dataclass(slots=True)
class _Found:
    """One match of a query, before it is known what encloses it."""

    capture: str
    node: Node
    parts: Mapping[str, list[Node]]

    def part(self, name: str) -> str:
        nodes = self.parts.get(name)
        return _text_of(nodes[0]) if nodes else ""


def is_supported(language_id: str) -> bool:
    """Whether a grammar for the language is installed."""
    return _load(language_id) is not None


def read_outline(text: str, language_id: str) -> Outline:
    """What `text` defines and imports; nothing for a language that is not installed or a text that is too large."""
    loaded = _load(language_id)
    content = text.encode("utf-8", "surrogatepass")
    if loaded is None or MAX_TEXT_BYTES < len(content):
        return Outline(language_id, (), ())
    root = Parser(loaded.language).parse(content).root_node
    found = sorted(_matches(loaded.query, root), key=lambda each: (each.node.start_byte, -each.node.end_byte))
    imports = tuple(_import(each) for each in found if each.capture == "import")
    return Outline(language_id, tuple(_symbols(found)), imports)


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
    digest.update(Path(__file__).read_bytes())
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
    return _Loaded(language, Query(language, _query_text(grammar)))


def _matches(query: Query, root: Node) -> Iterator[_Found]:
    seen: set[tuple[int, int]] = set()
    for _, parts in sorted(QueryCursor(query).matches(root), key=lambda match: match[0]):
        for capture in ("import", "doc", "decorator", *_SYMBOL_KINDS):
            if capture in parts:
                # Several patterns may fit one definition: the first one in the query says what it is.
                name = parts.get("name", parts[capture])[0]
                if capture not in _SYMBOL_KINDS or (name.start_byte, name.end_byte) not in seen:
                    seen.add((name.start_byte, name.end_byte))
                    yield _Found(capture, parts[capture][0], parts)


def _symbols(found: list[_Found]) -> list[Symbol]:
    """Nest the matches by their spans; what is local to a function is no symbol, its `self.x` are its class's."""
    symbols: list[Symbol] = []
    open_symbols: list[tuple[int, int]] = []  # (end byte, index), the innermost last; -1 is one that is left out
    decorators: list[str] = []
    fields: set[tuple[int | None, str]] = set()
    for each in found:
        while open_symbols and open_symbols[-1][0] <= each.node.start_byte:
            open_symbols.pop()
        enclosing = [index for _, index in open_symbols]
        if each.capture == "decorator":
            decorators.append(_text_of(each.node))
        elif each.capture == "doc":
            _document(symbols, enclosing, _first_doc_line(_text_of(each.node)))
        elif each.capture in _SYMBOL_KINDS:
            parent = _parent(each, symbols, enclosing)
            is_repeated = each.capture == Kind.FIELD and (parent, each.part("name")) in fields
            symbol = None if is_repeated else _symbol(each, parent, decorators)
            fields.add((parent, each.part("name")))
            open_symbols.append((each.node.end_byte, len(symbols) if symbol else -1))
            decorators = []
            if symbol:
                symbols.append(symbol)
    return symbols


def _parent(each: _Found, symbols: list[Symbol], enclosing: list[int]) -> int | None:
    """The class that `each` is a member of, TOP_LEVEL, or None for a local of a function."""
    owners = [index for index in enclosing if index < 0 or symbols[index].kind != Kind.FUNCTION]
    if len(owners) == len(enclosing):
        return owners[-1] if owners else TOP_LEVEL
    is_attribute = each.capture == Kind.FIELD and "receiver" in each.parts
    return owners[-1] if is_attribute and owners and 0 <= owners[-1] else None


def _symbol(each: _Found, parent: int | None, decorators: list[str]) -> Symbol | None:
    if parent is None or any(_REPEATING_DECORATOR.match(line) for line in decorators):
        return None
    told = [line for line in decorators if _TELLING_DECORATOR.match(line)]
    return Symbol(
        name=each.part("name"),
        kind=Kind(each.capture),
        parent=parent,
        signature="\n".join([*(_one_line(line) for line in told), _signature(each)]),
        doc="",
        bases=tuple(_bases(each.part("bases"))),
        first_line=each.node.start_point.row,
        last_line=each.node.end_point.row,
    )


def _document(symbols: list[Symbol], enclosing: list[int], doc: str) -> None:
    """Give the innermost enclosing symbol its documentation."""
    if not enclosing or enclosing[-1] < 0 or symbols[enclosing[-1]].doc:
        return
    old = symbols[enclosing[-1]]
    symbols[enclosing[-1]] = Symbol(
        old.name, old.kind, old.parent, old.signature, doc, old.bases, old.first_line, old.last_line
    )


def _signature(each: _Found) -> str:
    body = each.parts.get("body")
    if body:
        head = _bytes_of(each.node)[: body[0].start_byte - each.node.start_byte].decode("utf-8", "replace")
        return _one_line(head).rstrip(":{ ").removesuffix("=>").rstrip()[:MAX_SIGNATURE_CHARACTERS]
    whole = _text_of(each.node).rstrip("; ")
    if "receiver" in each.parts:
        whole = whole.removeprefix(each.part("receiver")).removeprefix(".")
    if each.capture not in {Kind.VARIABLE, Kind.FIELD}:
        return _one_line(whole)[:MAX_SIGNATURE_CHARACTERS]
    if len(whole) <= MAX_VALUE_CHARACTERS and "\n" not in whole:
        return whole
    return _shortened(whole)


def _shortened(assignment: str) -> str:
    """An assignment whose value is too long to show, with the target and type that it has."""
    target, equals, _ = assignment.partition("=")
    return f"{_one_line(target)} = ..." if equals else _one_line(target)[:MAX_SIGNATURE_CHARACTERS]


def _import(each: _Found) -> Import:
    name = each.part("name") or WHOLE_MODULE
    return Import(each.part("module").strip("\"'`<>"), name, each.part("alias"), each.node.start_point.row)


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


def _text_of(node: Node) -> str:
    return _bytes_of(node).decode("utf-8", "replace")


def _bytes_of(node: Node) -> bytes:
    return node.text or b""
