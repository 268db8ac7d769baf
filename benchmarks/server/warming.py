"""The first suggestion after a document opens and after a jump: read ahead, or not.

    python benchmarks/server/warming.py --project FOLDER [--places 40]

The same places of the same project in three servers: one does not read ahead, one knows only which document was
opened, one is also told where the cursor stops, as by an editor that asks there for code actions. Nobody types for
a second after the document opens and for a second after the jump; then one character is typed and a suggestion asked.
"""

import argparse
import random
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from first_suggestion import Typed, place_in  # noqa: E402 - in benchmarks
from record import percentile, record  # noqa: E402

from devstral_ls.cli.demo_buffer import Buffer  # noqa: E402
from devstral_ls.cli.language_client import LanguageClient  # noqa: E402

SEED = 20261126
LOOK_S = 1.0
INDEX_S = 20.0
SERVE = (sys.executable, "-m", "devstral_ls", "serve")
WAYS = ("not ahead", "document", "cursor")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, required=True)
    parser.add_argument("--places", type=int, default=40)
    given = parser.parse_args()
    places = sample(given.project.resolve(), given.places)
    clients = {way: start(given.project.resolve(), way, places[0].path) for way in WAYS}
    rows = [row for number, place in enumerate(places) for row in ask_all(clients, place, number)]
    for client in clients.values():
        client.close()
    figures = {"n_places": len(places), "look_s": LOOK_S, "ways": {way: summary(rows, way) for way in WAYS}}
    for way in WAYS:
        print(way, figures["ways"][way])
    print(record("server_warming", {**figures, "rows": rows}))


def sample(project: Path, n_places: int) -> list[Typed]:
    """Places in different files, at random."""
    chance = random.Random(SEED)
    paths = sorted(path for path in project.rglob("*.py") if 3_000 <= path.stat().st_size <= 60_000)
    chance.shuffle(paths)
    found = (place for path in paths if (place := place_in(path, chance)) is not None)
    return [place for _, place in zip(range(n_places), found, strict=False)]


def start(project: Path, way: str, other: Path) -> LanguageClient:
    """A server that has read the project and answered once."""
    client = LanguageClient(SERVE)
    client.initialize(project, {"read_ahead": way != "not ahead"})
    Buffer(client, other.with_name("warm_up_of_a_benchmark.py"), "import os\n", 10).ask()
    time.sleep(INDEX_S)
    return client


def ask_all(clients: dict[str, LanguageClient], place: Typed, number: int) -> list[dict[str, Any]]:
    """One row for each server; who goes first changes from place to place."""
    ways = [*WAYS[number % 3 :], *WAYS[: number % 3]]
    buffers = {way: Buffer(clients[way], place.path, place.text, place.offset) for way in ways}
    time.sleep(LOOK_S)
    stop_cursor(clients["cursor"], buffers["cursor"])
    time.sleep(LOOK_S)
    rows = []
    for way in ways:
        buffers[way].type(place.rest[0])
        reply = buffers[way].ask()
        rows.append(
            {
                "file": place.path.name,
                "way": way,
                "latency_ms": round(reply.latency_ms, 1),
                "n_prefilled_tokens": reply.n_read_tokens,
                "n_reused_tokens": reply.n_remembered_tokens,
            }
        )
    return rows


def stop_cursor(client: LanguageClient, buffer: Buffer) -> None:
    """What an editor asks where the cursor stops."""
    place = buffer.place(buffer.offset)
    span = {"start": place["position"], "end": place["position"]}
    asked = {"textDocument": place["textDocument"], "range": span, "context": {"diagnostics": []}}
    client.request("textDocument/codeAction", asked)


def summary(rows: list[dict[str, Any]], way: str) -> dict[str, Any]:
    own = [row for row in rows if row["way"] == way]
    latencies = [row["latency_ms"] for row in own]
    return {
        "latency_ms_p50": round(percentile(latencies, 50), 1),
        "latency_ms_p95": round(percentile(latencies, 95), 1),
        "n_prefilled_tokens_median": median(row["n_prefilled_tokens"] for row in own),
        "n_reused_tokens_median": median(row["n_reused_tokens"] for row in own),
    }


if __name__ == "__main__":
    main()
