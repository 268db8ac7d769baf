"""What each setting of `eagerness` shows and keeps, from the scores of evaluations of the eager one.

devstral-ls eval FOLDER -n 60 --seed 1 --eagerness eager --json > NAME.json
python benchmarks/eagerness.py NAME.json…
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from record import record

from devstral_ls.features.confidence import THRESHOLDS, Threshold

Rows = list[dict[str, Any]]


def figures(rows: Rows, threshold: Threshold) -> dict[str, float]:
    """Shares of all positions, and characters a position."""
    shown = [
        row
        for row in rows
        if row["is_shown"]
        and threshold.mean_logprob <= row["mean_logprob"]
        and threshold.min_logprob <= row["min_logprob"]
    ]
    return {
        "mean_logprob": threshold.mean_logprob,
        "min_logprob": threshold.min_logprob,
        "shown": round(len(shown) / len(rows), 3),
        "first_line_exact": round(sum(row["is_exact"] for row in shown) / len(rows), 3),
        "characters_kept": round(sum(row["n_kept"] for row in shown) / len(rows), 2),
        "characters_not_kept": round(sum(row["n_shown"] - row["n_kept"] for row in shown) / len(rows), 2),
    }


def main() -> None:
    rows = [row for file in sys.argv[1:] for each in json.loads(Path(file).read_text("utf-8")) for row in each]
    settings = {name: figures(rows, threshold) for name, threshold in THRESHOLDS.items()}
    record("eagerness", {"packages": [Path(file).stem for file in sys.argv[1:]], "positions": len(rows), "settings": settings})


if __name__ == "__main__":
    main()
