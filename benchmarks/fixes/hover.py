"""How long the static part of a hover takes in a large project, warm: Django, with ruff and ty.

python benchmarks/fixes/hover.py
"""

import random
import re
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from measure import cpu_s
from packages import load_package
from record import record

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Ruff, Ty
from devstral_ls.features.fixes import Tools
from devstral_ls.features.hover import explain
from devstral_ls.features.verification import examine
from devstral_ls.text import Place

N_FILES, N_PLACES = 20, 20
_NAME = re.compile(r"[^\W\d]\w{3,}")


def main() -> None:
    """Hover over names in files that are open; the checkers have seen them once, as when they were opened."""
    package = load_package("Django", "5.1.4")
    rng = random.Random("hover")
    ty = Ty(package.root.absolute(), deadline_ms=60_000)
    tools = Tools(checkers=(Ruff(deadline_ms=60_000), ty), types=ty, deadline_ms=60_000)
    spent: list[tuple[float, float]] = []
    n_said = 0
    for document in rng.sample([each for each in package.documents if 5_000 < len(each.text)], N_FILES):
        mistakes = examine(document, tools.checkers).mistakes
        for match in rng.sample(list(_NAME.finditer(document.text)), N_PLACES):
            start_s, start_cpu_s = time.perf_counter(), cpu_s(ty)
            # As the server does it: the checkers remember what they said of this text.
            mistakes = examine(document, tools.checkers).mistakes
            n_said += explain(Place(document, match.start()), mistakes, tools, CancelToken()) is not None
            spent.append(((time.perf_counter() - start_s) * 1e3, (cpu_s(ty) - start_cpu_s) * 1e3))
    ty.close()
    figures = {
        "n_files": len(package.documents),
        "n_hovers": len(spent),
        "n_said": n_said,
        **{f"{name}_{label}": at for i, name in enumerate(("ms", "cpu_ms")) for label, at in quantiles(spent, i)},
    }
    print(record("hover", figures).read_text("utf-8"))


def quantiles(spent: list[tuple[float, float]], index: int) -> list[tuple[str, float]]:
    values = statistics.quantiles([each[index] for each in spent], n=20)
    return [("p50", round(values[9], 2)), ("p95", round(values[18], 2))]


if __name__ == "__main__":
    main()
