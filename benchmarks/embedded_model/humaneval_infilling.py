"""HumanEval-Infilling, single line, pass@1: `python benchmarks/embedded_model/humaneval_infilling.py BUNDLE PROBLEMS`.

PROBLEMS is `HumanEval-SingleLineInfilling.jsonl.gz` of openai/human-eval-infilling (MIT), no part of this project.
Greedy, one line, through the product's engine; what the model writes is run in `sandbox.py` and nowhere else.
"""

import argparse
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import sandbox
from scoring import line_end
from writers import MAX_LINE_TOKENS, open_engine

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.engine import Engine
from devstral_ls.engine.request import GenerationRequest, InfillPrompt

sys.path.insert(0, str(Path(__file__).parents[1]))
from record import record

Problem = dict[str, str]


def main() -> None:
    arguments = parse_arguments()
    sandbox.require()
    with gzip.open(arguments.problems, "rt") as lines:
        problems = [json.loads(line) for line in lines][:: arguments.every]
    authors = [problem["canonical_solution"] for problem in problems]
    figures: dict[str, Any] = {"problems": len(problems), "authors' own lines": judged(problems, authors)}
    for name, with_matches in (("network alone", False), ("with matches", True)):
        with open_engine(arguments.bundle, with_matches=with_matches) as engine:
            figures[name] = judged(problems, [write(engine, problem) for problem in problems])
        print(name, figures[name], flush=True)
    print(f"wrote {record('embedded_model_humaneval_infilling', figures)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("problems", type=Path)
    parser.add_argument("--every", type=int, default=1, help="take each n-th problem only")
    return parser.parse_args()


def write(engine: Engine, problem: Problem) -> str:
    """The model's line, its line break put back: it is told where the line starts, not where it ends."""
    before, after = problem["prompt"], problem["suffix"]
    prompt = InfillPrompt(stable=(), title="solution.py", suffix=after, volatile="", prefix=before)
    request = GenerationRequest(prompt=prompt, key=problem["task_id"], max_tokens=MAX_LINE_TOKENS, stop=line_end)
    text = engine.generate_blocking(request, CancelToken()).completions[0].text
    return text.rstrip("\n") + "\n"


def judged(problems: list[Problem], lines: list[str]) -> dict[str, float]:
    """How many pass their tests, and how many are what the author wrote."""
    pairs = list(zip(problems, lines, strict=True))
    passed = sum(sandbox.succeeds(program(problem, line)) for problem, line in pairs)
    same = sum(problem["canonical_solution"].strip() == line.strip() for problem, line in pairs)
    return {"pass@1": round(passed / len(pairs), 4), "exact": round(same / len(pairs), 4)}


def program(problem: Problem, line: str) -> str:
    """The completed function, its tests, and the call that runs them."""
    function = problem["prompt"] + line + problem["suffix"]
    return f"{function}\n{problem['test']}\ncheck({problem['entry_point']})\n"


if __name__ == "__main__":
    main()
