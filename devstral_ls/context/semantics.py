"""The semantics process: jedi answers what an expression is. Only this module imports jedi; it is run, never imported.

One JSON object a line: a question {"text", "path", "line", "column", "roots", "libraries"} about what ends at a
dot comes in on stdin; {"definitions", "members"} of it go out on stdout, or, where the question is "is_called" and
ends at a bracket, {"keywords"}. jedi is not thread-safe and may take
seconds, hence a process of its own that its owner kills when it is late. No project interpreter and no `.jedi`
folder is used.
"""

import json
import os
import sys
from collections.abc import Iterator
from inspect import Parameter
from pathlib import Path
from typing import Any

import jedi
from jedi.api.environment import InterpreterEnvironment

from devstral_ls.context.housekeeping import cache_folder

MAX_DEFINITIONS = 16
MAX_MEMBERS = 2_000
# Who has this may have any member.
_DYNAMIC = "__getattr__"


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
    jedi.settings.cache_directory = str(cache_folder() / "jedi")


def _answer(question: dict[str, Any]) -> dict[str, Any]:
    try:
        script = _script(question)
        if question["is_called"]:
            return {"keywords": _keywords(script.get_signatures(question["line"], question["column"]))}
        found = script.infer(question["line"], max(0, question["column"] - 1))
        return {"definitions": list(_definitions(found)), "members": _members(script, found, question)}
    except Exception:  # noqa: BLE001  jedi fails on some texts in many ways, and the next question is another text
        return {"definitions": [], "members": None, "keywords": None}


def _keywords(signatures: list[Any]) -> list[str] | None:
    """The names that may stand before `=` in a call, or None where there may be others."""
    parameters = [each for signature in signatures for each in signature.params]
    if not parameters or any(each.kind is Parameter.VAR_KEYWORD for each in parameters):
        return None  # classes that are made elsewhere have a signature without parameters
    named = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
    return sorted({each.name for each in parameters if each.kind in named})


def _members(script: jedi.Script, found: list[Any], question: dict[str, Any]) -> list[str] | None:
    """The names behind the dot, or None where there may be others: unknown bases, dynamic lookup, no type at all."""
    if not found or not all(_is_closed(value) for name in found for value in name._name.infer()):  # noqa: SLF001  jedi tells nobody of unknown bases
        return None
    names = {each.name for each in script.complete(question["line"], question["column"] + 1)}
    is_known = any(not name.startswith("__") for name in names) and _DYNAMIC not in names
    return sorted(names) if is_known and len(names) <= MAX_MEMBERS else None


def _is_closed(value: Any) -> bool:
    """Whether all bases of a value's class are known."""
    owner = value.py__class__() if value.is_instance() else value
    if not owner.is_class() or not hasattr(owner, "py__mro__") or owner.is_compiled():
        return True
    return all(_knows_bases(each) for each in owner.py__mro__())


def _knows_bases(owner: Any) -> bool:
    return owner.is_compiled() or all(base.infer() for base in owner.py__bases__())


def _script(question: dict[str, Any]) -> jedi.Script:
    project = jedi.Project(
        question["roots"][0] if question["roots"] else "/",
        sys_path=[*question["roots"], *question["libraries"]],
        smart_sys_path=False,
        load_unsafe_extensions=False,
    )
    return jedi.Script(
        question["text"], path=Path(question["path"]), project=project, environment=InterpreterEnvironment()
    )


def _definitions(found: list[Any]) -> Iterator[list[str]]:
    for name in found[:MAX_DEFINITIONS]:
        if name.module_path is not None and name.full_name is not None:
            qualified = name.full_name.removeprefix(f"{name.module_name}.")
            yield [str(name.module_path), qualified]


if __name__ == "__main__":
    main()
