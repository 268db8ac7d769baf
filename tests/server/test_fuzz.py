"""Random conversations: those that found bugs once, and a few new ones; `benchmarks/server/fuzz.py` runs many."""

import asyncio
import json
from pathlib import Path

import pytest
from fuzzing import converse, converse_broken
from server_fixtures import SAID

from devstral_ls.engine import scripted_engine

SEEDS = json.loads((Path(__file__).parent / "fuzz_seeds.json").read_text(encoding="utf-8"))
N_NEW = 60


@pytest.mark.parametrize("start", [converse, converse_broken], ids=["conversations", "streams"])
def test_nothing_random_breaks_a_rule(start: object) -> None:
    """One reply each, none crashes, refusals as LSP says; a seed that fails is added to fuzz_seeds.json."""
    kind = "conversations" if start is converse else "streams"
    seeds = [*map(int, SEEDS[kind]), *range(1_000_000, 1_000_000 + N_NEW)]
    assert {} == asyncio.run(wrong_by_seed(start, seeds))


async def wrong_by_seed(start: object, seeds: list[int]) -> dict[int, list[str]]:
    assert callable(start)
    engine = scripted_engine(SAID)
    found = {seed: await start(seed, engine) for seed in seeds}
    engine.close()
    return {seed: wrong for seed, wrong in found.items() if wrong}
