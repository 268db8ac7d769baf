"""HumanEvalFix, tests as judge: `python benchmarks/fixes/humaneval_fix.py BUNDLE PROBLEMS.jsonl…`.

PROBLEMS are `humanevalpack-python.jsonl` and `humanevalpack-js.jsonl` of bigcode-project/octopack (MIT), no part of
this project. No checker sees these mistakes, they are wrong results; so the model is asked alone. One that follows
instructions is asked to repair the function. For one that fills holes, each line of the buggy body is taken out and
written again, the line about which it is surest first. What they write runs in `embedded_model/sandbox.py` alone.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "embedded_model"))
import sandbox
from record import record

from devstral_ls.cancel import CancelToken
from devstral_ls.context import Sources
from devstral_ls.engine import open_engine, resolve_bundle
from devstral_ls.engine.engine import Engine
from devstral_ls.features.questions import block_in, to_fix, window_of
from devstral_ls.features.writer import Writer
from devstral_ls.text import Document, Span

MIN_LINE_CHARACTERS = 4  # shorter lines, such as `}`, hold no mistake
MAX_LINE_TOKENS = 64
MAX_ANSWER_TOKENS = 1024
DEADLINE_MS = 60_000
N_TRIED = 10  # candidates that the tests may judge

Problem = dict[str, str]


@dataclass(frozen=True, slots=True)
class Language:
    """How a problem of one language is shown to the model and run."""

    id: str
    name: str
    comment: str
    run: Callable[[str], bool]
    tests: Callable[[Problem], str]


def python_tests(problem: Problem) -> str:
    return f"{problem['test']}\ncheck({problem['entry_point']})\n"


def javascript_tests(problem: Problem) -> str:
    """A failed `console.assert` only prints; here it ends the program."""
    return f"console.assert = (holds) => {{ if (!holds) process.exit(1); }};\n{problem['test']}\n"


LANGUAGES = {
    "python": Language("python", "solution.py", "# {}", sandbox.succeeds, python_tests),
    "js": Language("javascript", "solution.js", "// {}", sandbox.succeeds_in_node, javascript_tests),
}


def main() -> None:
    arguments = parse_arguments()
    sandbox.require()
    engine = open_engine(resolve_bundle(arguments.bundle))
    figures: dict[str, Any] = {"bundle": Path(arguments.bundle).name, "tried": N_TRIED}
    try:
        for path in arguments.problems:
            language = LANGUAGES[path.stem.rsplit("-", 1)[-1]]
            lines = path.read_text("utf-8").splitlines()[:: arguments.every]
            problems = [json.loads(line) for line in lines]
            figures[language.id] = measured(problems, language, engine, told=arguments.told)
            print(language.id, figures[language.id], flush=True)
    finally:
        engine.close()
    print(f"wrote {record(arguments.name, figures)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", help="a model's name or folder; `embedded` for the one that comes along")
    parser.add_argument("problems", type=Path, nargs="+")
    parser.add_argument("--told", action="store_true", help="show what the function should do (HumanEvalFixDocs)")
    parser.add_argument("--every", type=int, default=1, help="take each n-th problem only")
    parser.add_argument("--name", default="fixes_humaneval", help="of the result")
    return parser.parse_args()


def measured(problems: list[Problem], language: Language, engine: Engine, *, told: bool) -> dict[str, Any]:
    """Shares of problems: the authors' solutions and the buggy ones as controls, then the model's."""
    n = len(problems)
    authors = sum(language.run(program(each, each["canonical_solution"], language)) for each in problems)
    buggy = sum(language.run(program(each, each["buggy_solution"], language)) for each in problems)
    firsts = found = 0
    for problem in problems:
        bodies = list(candidates(problem, language, engine, told=told))[:N_TRIED]
        passed = [language.run(program(problem, body, language)) for body in bodies]
        firsts += bool(passed) and passed[0]
        found += any(passed)
    return {
        "problems": n,
        "authors_pass": round(authors / n, 4),
        "buggy_pass": round(buggy / n, 4),
        "pass@1": round(firsts / n, 4),
        f"found_by_tests_among_{N_TRIED}": round(found / n, 4),
    }


def program(problem: Problem, body: str, language: Language) -> str:
    return f"{problem['declaration']}{body}\n{language.tests(problem)}"


def candidates(problem: Problem, language: Language, engine: Engine, *, told: bool) -> Iterator[str]:
    """The buggy body with one line written anew, the surest line first."""
    head = problem["declaration"]
    if told:
        words = (language.comment.format(line) for line in problem["docstring"].splitlines())
        head = "\n".join(words) + "\n" + head
    document = Document(f"file:///{language.name}", head + problem["buggy_solution"], language_id=language.id)
    writer = Writer(engine, Sources(), CancelToken())
    if writer.answers:
        yield from repaired(problem, document, head, writer)
    if not writer.fills:
        return
    found: dict[str, float] = {}
    for line in range(document.lines.line_of(len(head)), document.lines.n_lines):
        span = document.line_span(line)
        old = span.of(document.text)
        start = span.start + len(old) - len(old.lstrip())
        if span.start < len(head) or len(old.strip()) < MIN_LINE_CHARACTERS:
            continue
        hole = Span(start, span.end)
        for written in writer.fill(
            document, hole, max_tokens=MAX_LINE_TOKENS, stop=end_of_line, n_best=2, deadline_ms=DEADLINE_MS
        ):
            if written.text.strip() != old.strip():
                body = document.text[len(head) : start] + written.text.strip() + document.text[span.end :]
                found[body] = max(written.mean_logprob, found.get(body, written.mean_logprob))
    yield from sorted(found, key=lambda body: -found[body])


def repaired(problem: Problem, document: Document, head: str, writer: Writer) -> Iterator[str]:
    """The body in the answer to a question, where it is one with the same head."""
    window = window_of(document, document.text, 0, name=document.uri.rpartition("/")[2])
    last = document.lines.n_lines - 1
    message = f"{problem['entry_point']} gives wrong results"
    question = to_fix(window, document.lines.line_of(len(head)) - 1, message, (0, last))
    answer = writer.ask(question, key=problem["task_id"], max_tokens=MAX_ANSWER_TOKENS, deadline_ms=DEADLINE_MS)
    block = block_in(answer.text) if answer else None
    if block is not None and block.startswith(head.rstrip()):
        yield block[len(head.rstrip()) :]


def end_of_line(written: str) -> int | None:
    at = written.find("\n", len(written) - len(written.lstrip()))
    return None if at < 0 else at


if __name__ == "__main__":
    main()
