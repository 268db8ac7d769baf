"""Whether packs keep their promises: within the budget, nothing twice, the same bytes in another process.

    python benchmarks/context/packs.py --write       # the repositories of the recall table

The packs are those of `recall.py`. Each is counted whole, as it would stand in a prompt, and not by the
sums that the packer used. Its digest is taken again in a process whose sets and dictionaries have another order.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from gold import gold_of
from recall import BUDGETS, N_LINES, Case, Repository, case_of, open_repository, other_rows, our_packs, tokens_of
from record import record
from repositories import HELD_OUT, TUNED

from devstral_ls.context.pack import MARKER_TOKENS, Candidate, pieces_of

RESULT = "context_packs"
OTHER_HASH_SEED = "4"


def promises(requirement: str, n_lines: int) -> dict[str, Any]:
    """What the packs of a repository keep."""
    budgets = []
    packs = list(_packs(requirement, n_lines))
    for budget_tokens in BUDGETS:
        of_budget = [pack for budget, pack in packs if budget == budget_tokens]
        sizes = [_tokens(pack) for pack in of_budget]
        budgets.append({
            "budget_tokens": budget_tokens,
            "n_packs": len(of_budget),
            "n_over_budget": sum(budget_tokens < size for size in sizes),
            "largest_tokens": max(sizes),
            "n_symbols": sum(map(len, of_budget)),
            "n_duplicates": sum(len(pack) - len({each.key for each in pack}) for pack in of_budget),
        })  # fmt: skip
    return {"repository": requirement, "budgets": budgets, "digest": _digest(pack for _, pack in packs)}


def _packs(requirement: str, n_lines: int) -> Iterator[tuple[int, list[Candidate]]]:
    repository = open_repository(requirement)
    for case in _cases(requirement, repository, n_lines):
        packed = our_packs(case, repository)
        for budget_tokens in BUDGETS:
            yield budget_tokens, packed(budget_tokens)


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
        print(_digest(pack for _, pack in _packs(arguments.digest, arguments.n_lines)))
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
