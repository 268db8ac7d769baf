"""Tokens a second with and without drafts, on edits that copy and on fresh code.

The text is prescribed, so that the figures are about the machinery and not about what a model likes to say:
a copying edit is a function written again with one name changed; fresh code is a function that the prompt
does not contain. The graph runs in full and the sampler looks at every row, only the choice is made for it.
Each text is written both ways in turn, and the sums of the medians over the rounds are compared.

python benchmarks/engine/speculation.py
"""

import re
import time
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import Any

from workload import arguments, record, sources

from devstral_ls.cancel import CancelToken
from devstral_ls.engine import resolve_bundle
from devstral_ls.engine.backends.ort import OrtBackend, open_backend
from devstral_ls.engine.engine import choose_threads
from devstral_ls.engine.manifest import TOKENIZER_NAME, read_manifest
from devstral_ls.engine.match_model import MatchIndex
from devstral_ls.engine.prefix_cache import PrefixCache
from devstral_ls.engine.request import Sampling
from devstral_ls.engine.sampling import Sampler
from devstral_ls.engine.speculation import Speculation
from devstral_ls.engine.stream import Pace, Stream
from devstral_ls.engine.tokenizer import Tokenizer, Tokens

ROUNDS = 9
N_FUNCTIONS = 5
MIN_CHARS, MAX_CHARS = 600, 1400


@dataclass(frozen=True, slots=True)
class Task:
    """A prompt and what is to be written behind it."""

    prompt: Tokens
    said: Tokens


@dataclass(frozen=True, slots=True)
class Written:
    """How long writing took, and how much of it was foretold."""

    seconds: float
    n_drafted: int
    n_accepted: int


def main() -> None:
    given = arguments(__doc__).parse_args()
    folder, n_threads = resolve_bundle(given.model), choose_threads(given.threads)
    tokenizer = Tokenizer.open(folder / TOKENIZER_NAME)
    manifest = read_manifest(folder)
    backend = open_backend(folder, manifest, provider="cpu", n_threads=n_threads)
    total = 0.0 if manifest.log_probabilities else None
    head = texts_before()
    copying = [task(tokenizer, f"{head}{text}\n    # again\n", text.replace("self", "this")) for text in functions()]
    fresh = [task(tokenizer, head + text.partition("\n")[0], text.partition("\n")[2]) for text in functions()]
    figures: dict[str, Any] = {
        "model": manifest.name,
        "threads": n_threads,
        "rounds": ROUNDS,
        "copying_edit": compare(backend, copying, total),
        "fresh_code": compare(backend, fresh, total),
    }
    print(record("engine_speculation", figures).read_text())


def compare(backend: OrtBackend, tasks: list[Task], total: float | None) -> dict[str, Any]:
    """Both ways in turn; what was learned in the first round, which is not counted, stays."""
    ways: dict[str, Speculation | None] = {"plain": None, "speculating": Speculation()}
    rounds = [
        [{name: write(backend, task, way, total) for name, way in ways.items()} for task in tasks]
        for _ in range(1 + ROUNDS)
    ]
    n_tokens = sum(len(task.said) for task in tasks)
    seconds = {
        name: sum(median(written[name].seconds for written in of_task) for of_task in zip(*rounds[1:], strict=True))
        for name in ways
    }
    last = [written["speculating"] for written in rounds[-1]]
    return {
        "tokens_per_s": {name: round(n_tokens / each, 1) for name, each in seconds.items()},
        "speed_up": round(seconds["plain"] / seconds["speculating"], 3),
        "tokens": n_tokens,
        "drafted_tokens": sum(each.n_drafted for each in last),
        "accepted_tokens": sum(each.n_accepted for each in last),
    }


def write(backend: OrtBackend, task: Task, speculation: Speculation | None, total: float | None) -> Written:
    caches = PrefixCache(backend, limit_bytes=1 << 30, bytes_per_token=1)
    slot = caches.lease(task.prompt)
    drafter = speculation and speculation.drafter([MatchIndex(task.prompt)])
    stream = Stream(backend, slot, CancelToken(), pace=Pace(), drafter=drafter)
    deque(stream.prefill(task.prompt), maxlen=0)
    sampler = Sampler(Sampling())
    start_s = time.perf_counter()
    for token in task.said.tolist():
        sampler.choose(stream.advance(token), total=total)
    return Written(time.perf_counter() - start_s, stream.n_drafted, stream.n_accepted)


def task(tokenizer: Tokenizer, prompt: str, said: str) -> Task:
    return Task(tokenizer.encode(prompt), tokenizer.encode(said))


def texts_before() -> str:
    """Code in front, as a file has it."""
    return next(iter(sources().values()))[:2400]


def functions() -> list[str]:
    """One method of each file and then the next, until there are enough."""
    found = [re.findall(r"(?m)^    def \w+\(.*\n(?:(?:        .*)?\n)+", text) for text in sources().values()]
    fitting = [[each for each in methods if MIN_CHARS < len(each) < MAX_CHARS] for methods in found]
    return [methods[n] for n in range(N_FUNCTIONS) for methods in fitting if n < len(methods)][:N_FUNCTIONS]


if __name__ == "__main__":
    main()
