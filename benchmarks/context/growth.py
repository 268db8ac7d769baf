"""How the costs of the index grow with the size of a workspace, as a picture of `results/context_costs.json`.

python benchmarks/context/growth.py        # draws results/context_growth.png; needs matplotlib
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt

RESULTS = Path(__file__).parent.parent / "results"
CURVES = {  # what is drawn, and how its figure is found in a row
    "cold index, CPU s": lambda row: row["index"]["cold"]["cpu_s"],
    "one file changed, CPU s": lambda row: row["index"]["one_file_changed"]["cpu_s"],
    "nothing changed, CPU s": lambda row: row["index"]["nothing_changed"]["cpu_s"],
    "first context, nothing indexed, ms": lambda row: row["first_context_ms"],
    "rank, median ms": lambda row: row["rank_ms_median"],
    "pack of 131,072 tokens, ms": lambda row: row["pack_ms"]["131072"],
    "pack of 4,096 tokens, ms": lambda row: row["pack_ms"]["4096"],
    "open the arrays, ms": lambda row: row["open_ms_median"],
    "peak memory of the index process, MiB": lambda row: row["index"]["cold"]["peak_mib"],
    "peak memory of who looks at it, MiB": lambda row: row["looking_peak_mib"],
}


def main() -> None:
    measured = json.loads((RESULTS / "context_costs.json").read_text("utf-8"))
    rows = measured["figures"]["sizes"]
    figure, axes = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
    for name, value in CURVES.items():
        axes.plot([row["n_lines"] for row in rows], [value(row) for row in rows], marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="lines in the workspace")
    machine = measured["machine"]
    axes.set_title(f"{machine['processor']}, {machine['date']}", fontsize=9)
    axes.grid(visible=True, which="major", color="0.9")
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    figure.savefig(RESULTS / "context_growth.png", dpi=110)


if __name__ == "__main__":
    main()
