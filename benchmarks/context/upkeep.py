"""Whether what is kept up to date stays what a reading from nothing gives, and whether anything untrue is shown.

    python benchmarks/context/upkeep.py --write

Files: a copy of a repository is edited at random, and two contexts are gathered after each edit while the index lags
behind: a typist's, of signatures, and a reader's, which also has lines of documentation, bodies and calls. Every line
shown is looked up in what the disk says at that moment: that of a signature among the signatures of its file, any other
one in its text. From time to time the index is brought up to date and compared, byte for byte, with one made from
nothing.

Texts: real files of four languages are typed into and cut at random; after each edit what is read in part is
compared with what is read whole. Where they differ, it is also told whether the trees do: tree-sitter recovers from
an error in another way when it goes on from an older tree.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from recall import tokens_of
from record import record
from repositories import BENCH, fetch

from devstral_ls.context import Budget, Context, Purpose, Sources, Workspace, gather
from devstral_ls.context.columns import Columns, Postings
from devstral_ls.context.files import language_of, read_text
from devstral_ls.context.indexer import update_index
from devstral_ls.context.pack import piece_tokens
from devstral_ls.context.skeleton import render_skeleton, render_symbol
from devstral_ls.context.syntax import parse, parse_again, read_outline
from devstral_ls.context.tiers import Detail, Tier
from devstral_ls.context.tokens import TokenCounts
from devstral_ls.text import Document, Place

REPOSITORY = "httpx==0.28.1"
N_EDITS = 1_000
EDITS_A_REFRESH = 50
TEXT_SHARE = 4  # so many times fewer edits of a text: each is read whole too
STABLE_TOKENS = {Purpose.TYPING: 2_048, Purpose.READING: 8_192}
WAIT_S = 600  # others may stop the machine meanwhile
SEEDS = (20261125, 20261126)  # one run each; two lines were untrue in the first, before classes were compared whole
TEXTS = {  # by language: a file and where it is from
    "python": "repos/rich-14.1.0/rich/console.py",
    "typescript": "others/zod-4.1.12/package/src/v4/classic/schemas.ts",
    "rust": "others/librust-rustls-dev_0.20.8-4_all/usr/share/cargo/registry/rustls-0.20.8/src/conn.rs",
    "go": "others/golang-google-grpc-dev_1.33.3-2_all/usr/share/gocode/src/google.golang.org/grpc/clientconn.go",
}
BITS = (
    *("\n", "    ", "x", "(", ")", "{", "}", '"', "'''", "# ", "/* ", ":", "\\"),
    *("def f(a):\n", "class C:\n", "import os\n"),
)


class Editing:
    """A workspace on disk that changes at random; the same seed makes the same changes."""

    def __init__(self, root: Path, seed: int) -> None:
        self._root = root
        self._rng = random.Random(seed)
        self._first = {file: file.read_text("utf-8") for file in self.files()}
        self.n_by_kind: dict[str, int] = {}

    def files(self) -> list[Path]:
        return sorted(self._root.rglob("*.py"))

    def edit(self) -> None:
        """One change of one file."""
        kind = self._rng.choice(("insert", "insert", "delete_lines", "rename_names", "restore", "restore", "break",
                                 "move", "remove", "copy"))  # fmt: skip
        self.n_by_kind[kind] = self.n_by_kind.get(kind, 0) + 1
        file = self._rng.choice(self.files())
        getattr(self, f"_{kind}")(file)

    def place(self) -> Place:
        """The cursor at the start of a random line."""
        file = self._rng.choice(self.files())
        path = file.relative_to(self._root).as_posix()
        document = Document(uri=file.as_uri(), text=file.read_text("utf-8", "replace"), path=path)
        return Place(document, document.lines.line_start(self._rng.randrange(document.lines.n_lines)))

    def _insert(self, file: Path) -> None:
        lines, others = self._lines(file), self._lines(self._rng.choice(self.files()))
        at, start = self._rng.randrange(len(lines)), self._rng.randrange(len(others))
        self._write(file, [*lines[:at], *others[start : start + self._rng.randrange(1, 30)], *lines[at:]])

    def _delete_lines(self, file: Path) -> None:
        lines = self._lines(file)
        at = self._rng.randrange(len(lines))
        self._write(file, [*lines[:at], *lines[at + self._rng.randrange(1, 20) :]])

    def _rename_names(self, file: Path) -> None:
        file.write_text(file.read_text("utf-8", "replace").replace("self, ", f"self, n{self._rng.randrange(99)}, "))

    def _restore(self, _file: Path) -> None:
        file = self._rng.choice(list(self._first))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._first[file], "utf-8")

    def _break(self, file: Path) -> None:
        text = file.read_text("utf-8", "replace")
        at = self._rng.randrange(len(text) + 1)
        file.write_text(text[:at] + self._rng.choice(BITS) + text[at:], "utf-8")

    def _move(self, file: Path) -> None:
        file.rename(file.with_name(f"moved_{self._rng.randrange(999)}.py"))

    def _remove(self, file: Path) -> None:
        if 1 < len(self.files()):
            file.unlink()

    def _copy(self, file: Path) -> None:
        shutil.copyfile(file, self._rng.choice(self.files()).parent / f"copied_{self._rng.randrange(999)}.py")

    def _lines(self, file: Path) -> list[str]:
        return file.read_text("utf-8", "replace").split("\n")

    def _write(self, file: Path, lines: list[str]) -> None:
        file.write_text("\n".join(lines), "utf-8")


def files_kept_up(n_edits: int, seed: int) -> dict[str, Any]:
    """Random edits of files: contexts that are shown meanwhile, and the index at each refresh."""
    found = {"n_edits": n_edits, "seed": seed, "n_refreshes": 0, "n_indexes_different": 0}
    shown = {purpose: {"n_lines": 0, "n_lines_untrue": 0, "n_over_budget": 0} for purpose in Purpose}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve() / "root"
        shutil.copytree(fetch(REPOSITORY), root)
        editing = Editing(root, seed)
        store = Path(folder) / "store"
        os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "cache")
        incremental = update_index(root, store)
        with Workspace((root,), libraries=()) as workspace:
            workspace.open_index()
            assert workspace.wait_for_index(WAIT_S)
            for number in range(1, n_edits + 1):
                editing.edit()
                place = editing.place()
                for purpose in Purpose:
                    context = gather(place, budget=_budget(purpose), sources=Sources(workspace=workspace))
                    shown[purpose]["n_lines"] += sum(piece.text.count("\n") + 1 for piece in context.stable)
                    shown[purpose]["n_lines_untrue"] += sum(1 for _ in _untrue_lines(root, context))
                    shown[purpose]["n_over_budget"] += _is_over(context, STABLE_TOKENS[purpose])
                if number % EDITS_A_REFRESH == 0 or number == n_edits:
                    workspace.open_index()
                    assert workspace.wait_for_index(WAIT_S)
                    incremental = update_index(root, store)
                    found["n_refreshes"] += 1
                    found["n_indexes_different"] += _bytes_of(incremental) != _bytes_of(update_index(root, None))
    return {"repository": REPOSITORY, **found, "shown": shown, "n_by_kind": editing.n_by_kind}


def _budget(purpose: Purpose) -> Budget:
    stable_tokens = STABLE_TOKENS[purpose]
    return Budget(
        prefix_tokens=512,
        suffix_tokens=256,
        stable_tokens=stable_tokens,
        count_tokens=tokens_of,
        purpose=purpose,
    )


def _untrue_lines(root: Path, context: Context) -> Iterator[str]:
    """Shown lines that are no signature of that file as it is on disk now nor, where text is shown, a line of it."""
    for piece in context.stable:
        text = read_text(root, piece.path) or ""
        true = _signature_lines(text, language_of(piece.path))
        written = frozenset() if piece.why == Tier.SIGNATURE else _written_lines(text, language_of(piece.path))
        yield from (line for line in piece.text.split("\n") if line not in true and line.strip() not in written)


@lru_cache(maxsize=1_024)
def _written_lines(text: str, language_id: str) -> frozenset[str]:
    """The lines of a text and of its symbols with their documentation, without their indentation."""
    outline = read_outline(text, language_id)
    documented = (render_symbol(outline, row, Detail(Tier.DOC)) for row in range(len(outline.symbols)))
    return frozenset(line.strip() for each in (text, *documented) for line in each.split("\n"))


@lru_cache(maxsize=1_024)
def _signature_lines(text: str, language_id: str) -> frozenset[str]:
    outline = read_outline(text, language_id)
    rendered = (render_skeleton(outline, [index]) for index in range(len(outline.symbols)))
    return frozenset(line for each in rendered for line in each.split("\n"))


def _is_over(context: Context, budget_tokens: int) -> bool:
    counts = TokenCounts().use(tokens_of)
    return budget_tokens < sum(piece_tokens(piece, counts) for piece in context.stable)


def _bytes_of(columns: Columns) -> list[bytes]:
    values = (getattr(columns, each.name) for each in fields(Columns) if each.name != "file_stamp")
    return [
        value.bounds.tobytes() + value.values.tobytes() if isinstance(value, Postings) else value.tobytes()
        for value in values
    ]


def texts_kept_up(language_id: str, n_edits: int) -> dict[str, Any]:
    """Random edits of one text, read in part after each; how often that differs from reading it whole."""
    rng = random.Random(SEEDS[0])
    first = (BENCH / TEXTS[language_id]).read_text("utf-8")
    text, parsed = first, parse(first, language_id)
    n_different = n_trees_different = 0
    for number in range(n_edits):
        text = first if number % 100 == 0 else _edited(text, rng)
        parsed = parse_again(parsed, text)
        whole = parse(text, language_id)
        if parsed.outline != whole.outline:
            n_different += 1
            n_trees_different += str(parsed.tree.root_node) != str(whole.tree.root_node)
            parsed = whole
    return {
        "language": language_id,
        "file": TEXTS[language_id].rsplit("/", 1)[-1],
        "n_lines": first.count("\n"),
        "n_edits": n_edits,
        "n_different": n_different,
        "n_trees_different": n_trees_different,  # of these, where tree-sitter itself gives another tree
    }


def _edited(text: str, rng: random.Random) -> str:
    at = rng.randrange(len(text) + 1)
    n_cut = rng.choice((0, 0, 0, 1, 5, 80, 800))
    return text[:at] + rng.choice(("", *BITS)) + text[at + n_cut :]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n-edits", type=int, default=N_EDITS)
    parser.add_argument("--write", action="store_true", help="Keep the figures as results/context_upkeep.json")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {"texts": []}
    for language_id in TEXTS:
        figures["texts"].append(texts_kept_up(language_id, arguments.n_edits // TEXT_SHARE))
        print(figures["texts"][-1], flush=True)
    figures["files"] = []
    for seed in SEEDS:
        figures["files"].append(files_kept_up(arguments.n_edits, seed))
        print(figures["files"][-1], flush=True)
    if arguments.write:
        record("context_upkeep", figures)


if __name__ == "__main__":
    main()
