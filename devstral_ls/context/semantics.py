"""The semantics process: jedi answers what an expression is. Only this module imports jedi; it is run, never imported.

One JSON object a line: a question {"text", "path", "line", "column", "roots", "libraries"} comes in on stdin,
the definitions it leads to go out on stdout. jedi is not thread-safe and may take seconds, hence a process
of its own that its owner kills when it is late. No project interpreter and no `.jedi` folder is used.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jedi
from jedi.api.environment import InterpreterEnvironment

MAX_DEFINITIONS = 16


def main() -> None:
    """Answer questions until stdin closes."""
    # Only answers may go out on stdout, whatever a library prints.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _be_safe_and_quick()
    for line in sys.stdin:
        answers.write(json.dumps(_answer(json.loads(line))) + "\n")
        answers.flush()


def _be_safe_and_quick() -> None:
    """Without these, completing one keystroke in a large project takes seconds and reads every file of it."""
    jedi.settings.dynamic_params = False
    jedi.settings.dynamic_params_for_other_modules = False
    jedi.settings.dynamic_array_additions = False
    jedi.settings.auto_import_modules = []
    jedi.settings.allow_unsafe_interpreter_executions = False


def _answer(question: dict[str, Any]) -> list[list[str]]:
    try:
        return list(_definitions(question))
    except Exception:  # noqa: BLE001  jedi fails on some texts in many ways, and the next question is another text
        return []


def _definitions(question: dict[str, Any]) -> Iterator[list[str]]:
    project = jedi.Project(
        question["roots"][0] if question["roots"] else "/",
        sys_path=[*question["roots"], *question["libraries"]],
        smart_sys_path=False,
        load_unsafe_extensions=False,
    )
    script = jedi.Script(
        question["text"], path=Path(question["path"]), project=project, environment=InterpreterEnvironment()
    )
    found = script.infer(question["line"], question["column"])
    for name in found[:MAX_DEFINITIONS]:
        if name.module_path is not None and name.full_name is not None:
            qualified = name.full_name.removeprefix(f"{name.module_name}.")
            yield [str(name.module_path), qualified]


if __name__ == "__main__":
    main()
