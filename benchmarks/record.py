"""Writes figures to `benchmarks/results/` with the machine, the versions and the commit they belong to."""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import quantiles
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("onnxruntime", "numpy", "tokenizers", "pygls", "tree-sitter", "jedi")


def record(name: str, figures: dict[str, Any]) -> Path:
    """Write `results/NAME.json`: the command that ran, where it ran, and what it found."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {"command": command(), "machine": machine(), "figures": figures}
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def command() -> str:
    """The command line of this run; of a path outside the repository only its name, which is the same elsewhere."""
    script = Path(sys.argv[0]).resolve().relative_to(RESULTS.parent.parent)
    words = (Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:])
    return " ".join(["python", script.as_posix(), *words])


def machine() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": git("rev-parse", "--short", "HEAD"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "load_1_min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {package: found for package in PACKAGES if (found := installed(package)) is not None},
    }


def processor() -> str:
    """The processor's name and the vector extensions that matter to quantised kernels."""
    facts = Path("/proc/cpuinfo")
    if not facts.exists():
        return platform.processor()
    lines = dict(line.split(":", 1) for line in facts.read_text().split("\n\n")[0].splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in lines.items()}
    flags = set(fields.get("flags", "").split()) & {"avx2", "avx512f", "avx512_vnni", "avx_vnni"}
    return f"{fields.get('model name', 'unknown')} ({' '.join(sorted(flags)) or 'no AVX2'})"


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=RESULTS.parent, capture_output=True, text=True, check=False)
    return run.stdout.strip()


def percentile(values: list[float], percent: int) -> float:
    """The value below which `percent` of `values` lie, interpolated."""
    assert values
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]
