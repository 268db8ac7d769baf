"""What the engine's benchmarks share: a model, real texts, and somebody who types in them."""

import argparse
import os
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from devstral_ls.engine import open_engine, resolve_bundle
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.request import GenerationRequest, InfillPrompt

sys.path.insert(0, str(Path(__file__).parent.parent))
from record import percentile, record

__all__ = ["Place", "arguments", "line_end", "opened", "percentile", "record", "rss_mib", "sources", "typing"]

# Of a package that the tests need anyway and that the embedded model was not trained on.
MODULES = (
    "hypothesis.core",
    "hypothesis.stateful",
    "hypothesis.database",
    "hypothesis.extra.numpy",
    "hypothesis.strategies._internal.core",
    "hypothesis.internal.conjecture.engine",
)
LINES_PER_JUMP = 4
JUMPS_PER_FILE = 3
MAX_TOKENS = 24
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor in a text that is being typed."""

    name: str
    prefix: str
    suffix: str
    is_jump: bool  # the first request after the cursor went elsewhere

    def request(self, max_tokens: int = MAX_TOKENS) -> GenerationRequest:
        prompt = InfillPrompt((), self.name, self.suffix, "", self.prefix)
        return GenerationRequest(prompt=prompt, key=self.name, max_tokens=max_tokens, stop=line_end)


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options that all of these benchmarks take."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="name or folder; by default the embedded one")
    parser.add_argument("--threads", type=int, default=0, help="0: as the engine chooses")
    return parser


def opened(given: argparse.Namespace, *, speculates: bool = True) -> Engine:
    """The engine that the options ask for."""
    return open_engine(resolve_bundle(given.model), n_threads=given.threads, speculates=speculates)


def sources() -> dict[str, str]:
    """Real files; their package's version is that of the machine."""
    found = {name: find_spec(name) for name in MODULES}
    return {
        f"{name.replace('.', '/')}.py": Path(spec.origin).read_text("utf-8")
        for name, spec in found.items()
        if spec and spec.origin
    }


def typing(name: str, text: str, seed: int) -> Iterator[Place]:
    """Lines of this text typed again, character by character, at places that are jumped to."""
    rng = random.Random(seed)
    lines = text.splitlines(keepends=True)
    for _ in range(JUMPS_PER_FILE):
        first = rng.randrange(10, len(lines) - LINES_PER_JUMP)
        before, after = "".join(lines[:first]), "".join(lines[first + LINES_PER_JUMP :])
        typed = "".join(lines[first : first + LINES_PER_JUMP]).rstrip("\n")
        for end in range(len(typed) + 1):
            yield Place(name, before + typed[:end], "\n" + after, is_jump=end == 0)


def line_end(text: str) -> int | None:
    """Stop rule: one line, and the line break in front of it if it begins with one."""
    end = text.find("\n", 1 if text.startswith("\n") else 0)
    return None if end < 0 else end


def rss_mib() -> float:
    """Resident memory of this process; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / MIB, 1)
