"""What sharing one engine costs and saves: memory, start-up, the socket, and one editor beside another's long fix.

python benchmarks/server/shared_engine.py [memory] [start] [socket] [beside] [--rounds 5]
"""

import argparse
import ctypes
import json
import os
import select
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
os.environ["DEVSTRAL_LS_RUNTIME"] = tempfile.mkdtemp(prefix="dls-")  # before anything starts an engine
os.environ["DEVSTRAL_LS_DATA"] = tempfile.mkdtemp(prefix="dls-")
os.environ["PYTHONPATH"] = str(ROOT)

from record import percentile, record  # noqa: E402 - in benchmarks

from devstral_ls import sharing  # noqa: E402
from devstral_ls.cancel import CancelToken  # noqa: E402
from devstral_ls.cli.demo_buffer import Buffer  # noqa: E402
from devstral_ls.cli.language_client import LanguageClient  # noqa: E402
from devstral_ls.config import Settings  # noqa: E402
from devstral_ls.context import Sources, Workspace  # noqa: E402
from devstral_ls.engine import embedded_bundle, face, open_engine  # noqa: E402
from devstral_ls.engine.request import GenerationRequest, InfillPrompt, Priority  # noqa: E402
from devstral_ls.features.inline_completion import Plan, plan  # noqa: E402
from devstral_ls.text import Document, Place  # noqa: E402

FILE = ROOT / "devstral_ls" / "context" / "rank.py"
THREADS = 1
FIX_TOKENS = 512
N_KEYS = 120
MODES = {"in process": "--in-process", "shared": "--shared"}


def main() -> None:
    keep_engines_below_us()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    path = ROOT / "benchmarks/results/server_shared_engine.json"
    figures = json.loads(path.read_text())["figures"] if path.exists() else {}
    parts: dict[str, Callable[[int], dict[str, Any]]] = {
        "memory": memory,
        "start": start,
        "socket": socket_cost,
        "beside": beside_a_fix,
    }
    for name in given.parts or parts:
        figures[name] = {**parts[name](given.rounds), "load_1_min": round(os.getloadavg()[0], 2)}
        print(name, json.dumps(figures[name], indent=2))
        end_engine()
        print(record("server_shared_engine", figures))


def keep_engines_below_us() -> None:
    """An engine leaves the tree of its server; here it stays in ours, so that what stops other work leaves it alone."""
    set_child_subreaper, zero = 36, ctypes.c_ulong(0)
    ctypes.CDLL(None).prctl(set_child_subreaper, ctypes.c_ulong(1), zero, zero, zero)


def memory(_rounds: int) -> dict[str, Any]:
    """Proportional set sizes of every process of so many editors, each of which has had suggestions."""
    figures = {}
    for mode in MODES:
        for n_editors in (1, 2, 3):
            clients = [client(mode) for _ in range(n_editors)]
            for each in clients:
                use(each)
            figures[f"{mode}, {n_editors}"] = sizes([each.process_id for each in clients])
            for each in clients:
                each.close()
            end_engine()
    alone = figures["in process, 1"]["all_mib"]
    ratios = {name: round(sizes["all_mib"] / alone, 2) for name, sizes in figures.items()}
    return {"proportional_set_size": figures, "over_one_editor_in_process": ratios}


def start(rounds: int) -> dict[str, Any]:
    """From the start of a server to its answer to initialize, and on to its first suggestion."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in (*MODES, "shared, engine runs")}
    for _ in range(rounds):
        found["in process"].append(first_steps("in process"))
        found["shared"].append(first_steps("shared"))
        found["shared, engine runs"].append(first_steps("shared"))
        end_engine()
    names = ("initialized_ms", "first_suggestion_ms", "server_mib_when_initialized")
    return {
        mode: {name: round(median(each[n] for each in steps), 1) for n, name in enumerate(names)}
        for mode, steps in found.items()
    }


def first_steps(mode: str) -> tuple[float, float, float]:
    start_s = time.perf_counter()
    server = client(mode)
    initialized_s = time.perf_counter()
    resident_mib = pss_mib(server.process_id)
    buffer = opened(server)
    buffer.ask()
    suggested_s = time.perf_counter()
    server.close()
    return 1e3 * (initialized_s - start_s), 1e3 * (suggested_s - start_s), resident_mib


def socket_cost(rounds: int) -> dict[str, Any]:
    """The same requests of somebody who types, in process and shared by turns: milliseconds at the caller."""
    own = open_engine(embedded_bundle(), n_threads=THREADS)
    shared = sharing.open_shared_engine(embedded_bundle(), n_threads=THREADS)
    engines: dict[str, face.Engine] = {"in process": own, "shared": shared}
    plans = list(typed_plans(own))
    times: dict[str, list[list[float]]] = {name: [] for name in engines}
    outside: list[float] = []
    texts = {}
    for _ in range(rounds):
        for name, engine in engines.items():
            times[name].append([])
            said = []
            for each in plans:
                start_s = time.perf_counter()
                generation = engine.generate_blocking(each.request, CancelToken())
                times[name][-1].append(1e3 * (time.perf_counter() - start_s))
                said.append([completion.text for completion in generation.completions])
                if name == "shared":
                    outside.append(times[name][-1][-1] - generation.metrics.total_ms)
            texts.setdefault(name, said)
    shared.close()
    own.close()
    every = {name: [each for round_ in rounds_ for each in round_] for name, rounds_ in times.items()}
    pairs = zip(times["in process"], times["shared"], strict=True)
    return {
        "requests": len(plans),
        "same_texts": texts["in process"] == texts["shared"],
        **{name: spread(values) for name, values in every.items()},
        "outside_the_engine_ms": spread(outside),
        "mean_difference_ms": round(median(mean(other) - mean(one) for one, other in pairs), 2),
    }


def beside_a_fix(rounds: int) -> dict[str, Any]:
    """Keys in one editor, each with a request that is waited for, alone and while another client's fix runs."""
    server = client("shared")
    buffer = opened(server)
    type_on(buffer, 20)
    alone, beside, n_fixes = [], [], 0
    for _ in range(rounds):
        alone.append(type_on(buffer, N_KEYS))
        with fixing() as done:
            beside.append(type_on(buffer, N_KEYS))
        n_fixes += len(done)
    server.close()
    ratios = [
        percentile(with_fix, 95) / percentile(without, 95) for without, with_fix in zip(alone, beside, strict=True)
    ]
    return {
        "keys": N_KEYS * rounds,
        "alone": spread([each for round_ in alone for each in round_]),
        "beside": spread([each for round_ in beside for each in round_]),
        "p95_ratio_of_rounds": [round(each, 2) for each in ratios],
        "p95_ratio_median": round(median(ratios), 2),
        "fixes_of_512_tokens_done_meanwhile": n_fixes,
    }


@contextmanager
def fixing() -> Iterator[list[float]]:
    """Another client whose long fixes follow one another."""
    engine = sharing.open_shared_engine(embedded_bundle(), n_threads=THREADS)
    is_over, cancel, done = threading.Event(), CancelToken(), []
    prompt = InfillPrompt((), "b.py", "\n", "", FILE.read_text("utf-8")[:3000])

    def fix() -> None:
        while not is_over.is_set():
            request = GenerationRequest(
                prompt=prompt, key=f"fix {len(done)}", priority=Priority.FIX, max_tokens=FIX_TOKENS
            )
            done.append(engine.generate_blocking(request, cancel).metrics.total_ms)

    thread = threading.Thread(target=fix)
    thread.start()
    yield done
    is_over.set()
    cancel.cancel()
    thread.join()
    engine.close()


def client(mode: str) -> LanguageClient:
    """An editor's server, initialized; no other than the engine's threads are what is measured."""
    server = LanguageClient((sys.executable, "-m", "devstral_ls", "serve", MODES[mode]))
    server.initialize(ROOT, {"eagerness": "eager", "n_threads": THREADS})
    return server


def opened(server: LanguageClient) -> Buffer:
    """The file without a piece in its middle, and the cursor on an empty line there."""
    before, _, after = pieces()
    return Buffer(server, FILE.with_name(f"typed_{server.process_id}.py"), before + after, len(before))


def pieces() -> tuple[str, str, str]:
    """What stands before the piece that is typed, the piece, and what stands behind it."""
    text = FILE.read_text("utf-8")
    start, end = text.index("\n", 4000) + 1, text.index("\n", 9000)
    return text[:start], text[start:end], text[end:]


def use(server: LanguageClient) -> None:
    type_on(opened(server), 60)
    recent = server.request("devstral/metrics", {})["recent"]
    assert any(each["n_generated_tokens"] for each in recent), "the model was not asked"


def type_on(buffer: Buffer, n_keys: int) -> list[float]:
    """Milliseconds of each key's request."""
    text, at = "".join(pieces()), buffer.offset
    times = []
    for character in text[at : at + n_keys]:
        buffer.type(character)
        times.append(buffer.ask().latency_ms)
    return times


def typed_plans(engine: face.Engine) -> Iterator[Plan]:
    """What the server would ask for when a piece of the file is typed."""
    before, typed, after = pieces()
    sources = Sources((), Workspace((ROOT,)))
    for n_keys in range(N_KEYS):
        written = before + typed[:n_keys]
        place = Place(Document("file:///rank.py", written + after, n_keys, path="rank.py"), len(written))
        planned = plan(place, engine=engine, sources=sources, settings=Settings(), key="rank", priority=Priority.TYPING)
        if isinstance(planned, Plan):
            yield planned


def sizes(servers: list[int]) -> dict[str, float]:
    """Of the servers, what they started for themselves, and the shared engine."""
    engines = processes_of(b"devstral_ls.sharing")
    helpers = [child for server in servers for child in descendants(server) if child not in engines]
    found = {
        "servers_mib": sum(map(pss_mib, servers)),
        "helpers_mib": sum(map(pss_mib, helpers)),
        "engine_mib": sum(map(pss_mib, engines)),
    }
    return {name: round(size, 1) for name, size in {**found, "all_mib": sum(found.values())}.items()}


def pss_mib(process: int) -> float:
    """The memory of a process; what it shares with others is divided among them."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0.0
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def descendants(process: int) -> list[int]:
    try:
        words = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    threads = Path(f"/proc/{process}/task").glob("*/children")
    children = {int(word) for thread in threads for word in thread.read_text().split()} | set(map(int, words))
    return [each for child in children for each in (child, *descendants(child))]


def processes_of(word: bytes) -> list[int]:
    """Engines in our runtime folder."""
    ours = os.environ["DEVSTRAL_LS_RUNTIME"].encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        if word in words and ours in words:
            found.append(int(path.parent.name))
    return found


def end_engine() -> None:
    for process in processes_of(b"devstral_ls.sharing"):
        descriptor = os.pidfd_open(process)
        os.kill(process, signal.SIGTERM)
        select.select([descriptor], [], [], 5.0)
        os.close(descriptor)


def spread(values: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(median(values), 2),
        "p95_ms": round(percentile(values, 95), 2),
        "mean_ms": round(mean(values), 2),
    }


if __name__ == "__main__":
    main()
