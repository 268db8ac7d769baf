"""Whether packs keep their promises: within the budget, nothing twice, the same bytes in another process.

    python benchmarks/context/packs.py --write       # the repositories of the recall table

The packs are those of `recall.py`, of signatures as a typist gets them and of all tiers as a reader does. Each is
counted whole, as it would stand in a prompt, and not by the sums that the packer used. Its digest is taken again in a
process whose sets and dictionaries have another order.
"""

import argparse
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from gold import gold_of
from recall import BUDGETS, N_LINES, Case, Repository, case_of, open_repository, other_rows, our_packs, tokens_of
from record import record
from repositories import HELD_OUT, TUNED

from devstral_ls.context.pack import MARKER_TOKENS, Candidate, pieces_of
from devstral_ls.context.reading import MIN_READING_TOKENS
from devstral_ls.context.tiers import READING, Tier

RESULT = "context_packs"
WORTH = {"typing": None, "reading": READING}
OTHER_HASH_SEED = "4"


def promises(requirement: str, n_lines: int) -> dict[str, Any]:
    """What the packs of a repository keep."""
    packs = list(_packs(requirement, n_lines))
    budgets = [
        {"for": purpose, "budget_tokens": budget_tokens, **_kept(budget_tokens, of_budget)}
        for purpose in WORTH
        for budget_tokens in BUDGETS
        if (of_budget := [pack for *given, pack in packs if given == [purpose, budget_tokens]])
    ]
    return {"repository": requirement, "budgets": budgets, "digest": _digest(pack for *_, pack in packs)}


def _kept(budget_tokens: int, packs: Sequence[Sequence[Candidate]]) -> dict[str, Any]:
    sizes = [_tokens(pack) for pack in packs]
    shown = Counter(tier for pack in packs for each in pack for tier in each.detail.tiers)
    return {
        "n_packs": len(packs),
        "n_over_budget": sum(budget_tokens < size for size in sizes),
        "median_tokens": int(median(sizes)),
        "largest_tokens": max(sizes),
        "n_symbols": sum(map(len, packs)),
        "n_by_tier": {str(tier): shown[tier] for tier in Tier if shown[tier]},
        "n_duplicates": sum(len(pack) - len({each.key for each in pack}) for pack in packs),
    }


def _packs(requirement: str, n_lines: int) -> Iterator[tuple[str, int, list[Candidate]]]:
    repository = open_repository(requirement)
    for case in _cases(requirement, repository, n_lines):
        for purpose, worth in WORTH.items():
            packed = our_packs(case, repository, worth)
            for budget_tokens in BUDGETS:
                if worth is None or MIN_READING_TOKENS <= budget_tokens:
                    yield purpose, budget_tokens, packed(budget_tokens)


def _cases(requirement: str, repository: Repository, n_lines: int) -> Iterator[Case]:
    for held_out in gold_of(requirement, n_lines):
        yield case_of(held_out, repository, strict=True)


def _tokens(pack: Sequence[Candidate]) -> int:
    """The tokens of a pack as one text."""
    pieces = pieces_of(pack)
    return len(pieces) * MARKER_TOKENS + tokens_of("".join(f"{each.path}\n{each.text}\n" for each in pieces))


def _digest(packs: Iterator[Sequence[Candidate]]) -> str:
    digest = blake2b(digest_size=16)
    for pack in packs:
        for piece in pieces_of(pack):
            digest.update(f"{piece.path}\n{piece.text}\0".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def digest_elsewhere(requirement: str, n_lines: int) -> str:
    """The digest of the same packs, made by another process."""
    command = [sys.executable, __file__, "--digest", requirement, "--n-lines", str(n_lines)]
    environment = os.environ | {"PYTHONHASHSEED": OTHER_HASH_SEED}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", nargs="*", default=[*TUNED, *HELD_OUT])
    parser.add_argument("--n-lines", type=int, default=N_LINES)
    parser.add_argument("--digest", metavar="REPOSITORY", help="Print only the digest of its packs")
    parser.add_argument("--write", action="store_true", help="Keep the rows as results/context_packs.json")
    arguments = parser.parse_args()
    if arguments.digest:
        print(_digest(pack for *_, pack in _packs(arguments.digest, arguments.n_lines)))
        return
    rows = other_rows(RESULT, lambda row: row["repository"] in arguments.repositories) if arguments.write else []
    for requirement in arguments.repositories:
        row = promises(requirement, arguments.n_lines)
        row["is_the_same_elsewhere"] = row["digest"] == digest_elsewhere(requirement, arguments.n_lines)
        rows.append(row)
        print(row, flush=True)
        if arguments.write:
            record(RESULT, {"rows": rows})


if __name__ == "__main__":
    main()
