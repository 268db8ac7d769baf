"""From process start to the first suggestion, then warm, over the wire: `python benchmarks/first_suggestion.py`.

Fifty places in the standard library (fixed seed): the end of a half-typed line of a function's body.
At each place the file is opened and a suggestion asked for (cold: the whole prompt is read), then one more
character of the real line is typed and another asked for (warm: only the end of the prompt is new).
"""

import argparse
import ast
import random
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from record import percentile, record

from devstral_ls.cli.demo_buffer import Buffer, Reply
from devstral_ls.cli.language_client import LanguageClient
from devstral_ls.text import Document

SEED = 20261123
N_PLACES = 50
N_STARTS = 5
LIBRARY = Path(sysconfig.get_path("stdlib"))
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Typed:
    """A line that is being typed: the text without its rest, and what its author wrote next."""

    path: Path
    text: str
    offset: int
    rest: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="", help="name or folder of a model; empty means the default one")
    parser.add_argument("--threads", default="0")
    options = parser.parse_args()
    serve = [sys.executable, "-m", "devstral_ls", "serve", "--model", options.model, "--threads", options.threads]
    places = list(sample(N_PLACES, place_in))
    starts = [start(serve, place) for place in places[:N_STARTS]]
    rows = list(ask_everywhere(serve, places))
    figures = {"starts": starts, "summary": summary(starts, rows), "places": rows}
    show(figures["summary"])
    print(f"wrote {record('first_suggestion', figures).name}")


def sample(n_places: int, find: Callable[[Path, random.Random], Found | None]) -> Iterator[Found]:
    """What is found in files of the standard library, each file once."""
    chance = random.Random(SEED)
    paths = sorted(path for path in LIBRARY.glob("*.py") if 4_000 <= path.stat().st_size <= 60_000)
    chance.shuffle(paths)
    found = (place for path in paths if (place := find(path, chance)) is not None)
    yield from (place for _, place in zip(range(n_places), found, strict=False))


def place_in(path: Path, chance: random.Random) -> Typed | None:
    """A cursor in the middle of a line that somebody is typing, or None when the file has none."""
    text = path.read_text(encoding="utf-8")
    if not text.isascii():
        return None
    lines = Document(path.as_uri(), text).lines
    statements = [node.lineno - 1 for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Assign | ast.Return)]
    long = [line for line in statements if 20 <= len(text.split("\n")[line].strip())]
    if not long:
        return None
    line = chance.choice(long)
    content = text.split("\n")[line]
    n_typed = len(content) - len(content.lstrip()) + chance.randint(4, len(content.strip()) - 4)
    offset = lines.line_start(line) + n_typed
    return Typed(path, text[:offset] + text[offset + len(content) - n_typed :], offset, content[n_typed:])


def start(serve: list[str], place: Typed) -> dict[str, float]:
    """Milliseconds from starting the process to each of the things that a user waits for."""
    begin_s = time.perf_counter()
    with LanguageClient(serve) as client:
        client.initialize(place.path.parent)
        initialized_s = time.perf_counter()
        Buffer(client, place.path, place.text, place.offset).ask()
        answered_s = time.perf_counter()
    return {"initialized_ms": 1e3 * (initialized_s - begin_s), "first_suggestion_ms": 1e3 * (answered_s - begin_s)}


def ask_everywhere(serve: list[str], places: list[Typed]) -> Iterator[dict[str, Any]]:
    with LanguageClient(serve) as client:
        client.initialize(LIBRARY)
        Buffer(client, places[0].path.with_name("warm_up.py"), "import os\n", 10).ask()
        for place in places:
            buffer = Buffer(client, place.path, place.text, place.offset)
            cold = buffer.ask()
            buffer.type(place.rest[0])
            warm = buffer.ask()
            yield {"file": place.path.name, "cold": row(cold), "warm": row(warm)}


def row(reply: Reply) -> dict[str, Any]:
    return {
        "latency_ms": round(reply.latency_ms, 1),
        "n_prefilled_tokens": reply.n_read_tokens,
        "n_reused_tokens": reply.n_remembered_tokens,
        "is_shown": reply.edit is not None,
    }


def summary(starts: list[dict[str, float]], rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "n_places": len(rows),
        "start_to_initialized_ms_median": round(median(each["initialized_ms"] for each in starts)),
        "start_to_first_suggestion_ms_median": round(median(each["first_suggestion_ms"] for each in starts)),
        "cold": column(rows, "cold"),
        "warm": column(rows, "warm"),
    }


def column(rows: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    latencies = [each[kind]["latency_ms"] for each in rows]
    return {
        "latency_ms_p50": round(percentile(latencies, 50), 1),
        "latency_ms_p95": round(percentile(latencies, 95), 1),
        "n_prefilled_tokens_median": median(each[kind]["n_prefilled_tokens"] for each in rows),
        "n_reused_tokens_median": median(each[kind]["n_reused_tokens"] for each in rows),
        "n_shown": sum(each[kind]["is_shown"] for each in rows),
    }


def show(found: dict[str, Any]) -> None:
    for name, value in found.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
