"""What is read again while whole lines are typed: `python benchmarks/server/typed_lines.py [--model FOLDER]`.

At places in the standard library (fixed seed) three lines of a function's body are taken out and typed again,
a word at a time, each with a request that is waited for. Told are the tokens that each request had to read and how
long it took, for the first in a file, those that begin a line, and the others.
"""

import argparse
import ast
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from first_suggestion import LIBRARY, sample  # noqa: E402 - in benchmarks
from record import percentile, record  # noqa: E402 - in benchmarks

from devstral_ls.cli.demo_buffer import Buffer, Reply  # noqa: E402
from devstral_ls.cli.language_client import LanguageClient  # noqa: E402

N_PLACES = 40
N_LINES = 3
AGAIN_TOKENS = 200  # more than anybody types between two requests: something was read again
FIRST, LINE, KEY = "first in the file", "at a new line", "within a line"


@dataclass(frozen=True, slots=True)
class Missing:
    """Lines that were taken out of a file, with the text around them."""

    path: Path
    before: str
    lines: str
    after: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="name or folder of a model; empty means the default one")
    parser.add_argument("--places", type=int, default=N_PLACES)
    parser.add_argument("--name", default="server_typed_lines")
    options = parser.parse_args()
    serve = [sys.executable, "-m", "devstral_ls", "serve", "--model", options.model]
    replies: dict[str, list[Reply]] = {FIRST: [], LINE: [], KEY: []}
    with LanguageClient(serve) as client:
        client.initialize(LIBRARY)
        Buffer(client, LIBRARY / "warm_up.py", "import os\n", 10).ask()
        for missing in sample(options.places, missing_in):
            for kind, reply in typed(client, missing):
                replies[kind].append(reply)
    figures = {"n_places": options.places, **{kind: summary(of_kind) for kind, of_kind in replies.items()}}
    for kind, found in figures.items():
        print(f"{kind}: {found}")
    print(f"wrote {record(options.name, figures).name}")


def missing_in(path: Path, chance: random.Random) -> Missing | None:
    """Consecutive written lines of a function, or None when the file has none."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    starts = [
        line
        for function in functions
        for line in range(function.body[0].lineno, (function.end_lineno or 0) - N_LINES + 1)
        if all(each.strip() and not each.lstrip().startswith("#") for each in lines[line : line + N_LINES])
    ]
    if not text.isascii() or not starts:
        return None
    first = chance.choice(starts)
    parts = lines[:first], lines[first : first + N_LINES], lines[first + N_LINES :]
    return Missing(path, *("".join(part) for part in parts))


def typed(client: LanguageClient, missing: Missing) -> Iterator[tuple[str, Reply]]:
    """The reply behind each word."""
    buffer = Buffer(client, missing.path, missing.before.rstrip("\n") + "\n" + missing.after, len(missing.before) - 1)
    kind = FIRST
    for word in re.findall(r"\n[ \t]*|\w+|[^\w\n]", "\n" + missing.lines.rstrip("\n")):
        buffer.type(word)
        if kind is not FIRST:
            kind = LINE if word.startswith("\n") else KEY
        yield kind, buffer.ask()
        kind = KEY


def summary(replies: list[Reply]) -> dict[str, Any]:
    latencies = [reply.latency_ms for reply in replies]
    return {
        "n": len(replies),
        "latency_ms_p50": round(percentile(latencies, 50), 1),
        "latency_ms_p95": round(percentile(latencies, 95), 1),
        "n_read_tokens_p50": median(reply.n_read_tokens for reply in replies),
        "share_that_read_again": round(sum(AGAIN_TOKENS < reply.n_read_tokens for reply in replies) / len(replies), 4),
        "share_shown": round(sum(reply.edit is not None for reply in replies) / len(replies), 3),
    }


if __name__ == "__main__":
    main()
