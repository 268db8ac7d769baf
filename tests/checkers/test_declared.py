"""Programs that a user declares as checkers: real compilers, and programs that hang, crash or talk nonsense."""

import re
import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devstral_ls.checkers import Declaration, Declared, Problem, compare, declarations_of
from devstral_ls.checkers.declared import Input
from devstral_ls.checkers.reports import Lines
from devstral_ls.errors import CheckerFailed
from devstral_ls.text import Document, Edit, Span

GCC = {
    "name": "gcc",
    "languages": ["c"],
    "command": ["gcc", "-fsyntax-only", "-Wall", "-I{folder}", "{file}"],
    "pattern": r"^(?P<file>[^:\n]+):(?P<line>\d+):(?P<column>\d+): (?P<severity>error|warning): (?P<message>.*?)$",
}
COMPILES = {
    "name": "my Python",
    "languages": ["python"],
    "command": [sys.executable, "-m", "py_compile", "{file}"],
    "pattern": r"File \"(?P<file>[^\"]+)\", line (?P<line>\d+)\n(?:.*\n){1,2}(?P<message>\w+Error: .*)$",
}
CARGO = {
    "name": "cargo",
    "languages": ["rust"],
    "input": "project",
    "command": ["cargo", "check", "--quiet", "--offline", "--message-format=json"],
    "deadline_ms": 120_000,
    "json": {
        "file": "message.spans.0.file_name",
        "line": "message.spans.0.line_start",
        "column": "message.spans.0.column_start",
        "end_line": "message.spans.0.line_end",
        "end_column": "message.spans.0.column_end",
        "severity": "message.level",
        "code": "message.code.code",
        "message": "message.message",
    },
}
LINE = r"^(?P<line>\d+): (?P<message>.*)$"
needs_gcc = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")


def declared(root: Path, **declaration: Any) -> Declared:
    (found,), problems = declarations_of([declaration])
    assert not problems
    return Declared(found, root)


def saying(root: Path, script: str, **changes: Any) -> Declared:
    """A checker that runs a script of ours."""
    given = {"command": [sys.executable, "-c", script], "pattern": LINE, **changes}
    given = {"name": "script", "languages": ["c"], **{key: value for key, value in given.items() if value}}
    return declared(root, **given)


def c(text: str, root: Path, path: str = "main.c") -> Document:
    return Document((root / path).as_uri(), text, language_id="c", path=path)


@needs_gcc
def test_gcc_judges_a_text_that_is_not_saved(tmp_path: Path) -> None:
    """The span is the word at the reported place; the file on the disk is not looked at."""
    (tmp_path / "main.c").write_text("this is no C")
    (problem,) = declared(tmp_path, **GCC).check(c("int f(int total) { return totl; }\n", tmp_path))
    assert ("gcc", 26, 30) == (problem.source, problem.span.start, problem.span.end)
    assert "undeclared" in problem.message


@needs_gcc
@pytest.mark.parametrize("input_", ["project", "file"])
def test_a_program_sees_the_files_beside_the_text(tmp_path: Path, input_: str) -> None:
    """A header is found in the mirrored project, and through `{folder}`; what it lacks is still said."""
    (tmp_path / "src").mkdir()
    (tmp_path / "area.h").write_text("int area(int r);\n")
    (tmp_path / "src/near.h").write_text("int near;\n")
    near = '#include "near.h"\n' if input_ == "project" else ""
    text = f'#include "area.h"\n{near}int f(void) {{ return area(2) + near; }}\n'
    found = declared(tmp_path, **GCC, input=input_).check(c(text, tmp_path, "src/main.c"))
    assert ["near"] * (input_ == "file") == [each.span.of(text) for each in found]


def test_the_users_python_says_what_it_cannot_compile(tmp_path: Path) -> None:
    """A compile check with an interpreter of the user's own."""
    document = Document("file:///a.py", "x = 1\ndef f(:\n    pass\n", path="a.py")
    (problem,) = declared(tmp_path, **COMPILES).check(document)
    assert (1, "SyntaxError: invalid syntax") == (document.lines.line_of(problem.span.start), problem.message)


def test_standard_input_is_enough(tmp_path: Path) -> None:
    """A program may read the text without a file."""
    script = "import sys; print(f'1: {len(sys.stdin.read())} characters')"
    (problem,) = saying(tmp_path, script, input="stdin").check(c("int x;\n", tmp_path))
    assert "7 characters" == problem.message


def test_json_lines_are_read_by_paths(tmp_path: Path) -> None:
    """As `cargo check --message-format=json` prints them: other objects are left out."""
    script = """
import json
print(json.dumps({"reason": "compiler-artifact"}))
place = {"line": 1, "from": 5, "to": 6, "name": "main.c"}
print(json.dumps({"message": {"text": "bad x", "code": {"id": "E0425"}, "level": "warning", "spans": [place]}}))
"""
    paths = {"line": "message.spans.0.line", "column": "message.spans.0.from", "end_column": "message.spans.0.to"}
    told = {"message": "message.text", "code": "message.code.id", "severity": "message.level"}
    checker = saying(tmp_path, script, pattern=None, json={**paths, **told, "file": "message.spans.0.name"})
    document = c("int x;\n", tmp_path)
    (problem,) = checker.check(document)
    assert ("bad x", "E0425", "warning", "x") == (
        problem.message,
        problem.code,
        problem.severity,
        problem.span.of(document.text),
    )


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cargo") is None, reason="cargo is not installed")
def test_cargo_judges_a_text_that_is_not_saved(tmp_path: Path) -> None:
    """As the manual declares it: the place, the code and the words of the compiler; nothing is written to the crate."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.rs").write_text("fn main() {}\n")
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "one"\nversion = "0.1.0"\nedition = "2021"\n')
    text = 'fn main() {\n    let total = 1;\n    println!("{}", totl);\n}\n'
    document = Document((tmp_path / "src/main.rs").as_uri(), text, language_id="rust", path="src/main.rs")
    found = declared(tmp_path, **CARGO).check(document)
    (problem,) = (each for each in found if each.severity == "error" and each.code)
    assert ("cargo", "E0425", "totl") == (problem.source, problem.code, problem.span.of(text))
    right = replace(document, text=text.replace("totl", "total"))
    assert [] == declared(tmp_path, **CARGO).check(right)
    assert {"src", "Cargo.toml"} == {each.name for each in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("script", "changes", "reason"),
    [
        ("import time; time.sleep(60)", {"deadline_ms": 200}, "did not answer within 200 ms"),
        ("raise SystemExit(3)", {}, "exit code 3 and said nothing that can be read"),
        ("print('garbage'); raise SystemExit(1)", {}, "said nothing that can be read"),
        ("import os; os.kill(os.getpid(), 9)", {}, "ended by signal 9"),
        ("while True: print('x' * 100_000)", {}, "printed more than 8 MB"),
        ("print('{')", {"pattern": None, "json": {"line": "line"}}, "not a JSON object a line"),
    ],
)
def test_a_program_that_does_not_answer_proves_nothing(
    tmp_path: Path, script: str, changes: dict[str, Any], reason: str
) -> None:
    """Hung, crashed, endless and unreadable programs are failures, never "no problems"."""
    with pytest.raises(CheckerFailed, match=re.escape(reason)):
        saying(tmp_path, script, **changes).check(c("int x;\n", tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="there are no process groups")
def test_what_a_program_has_started_ends_with_it(tmp_path: Path) -> None:
    """Wrappers leave the work to children, which hold the output open."""
    script = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    start_s = time.monotonic()
    with pytest.raises(CheckerFailed, match="did not answer"):
        saying(tmp_path, script, deadline_ms=500).check(c("int x;\n", tmp_path))
    assert time.monotonic() - start_s < 20


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The line says which program, and that it could not be run."""
    with pytest.raises(CheckerFailed, match="no-such-program cannot be run: No such file"):
        saying(tmp_path, "", command=["no-such-program"]).check(c("", tmp_path))


def test_problems_of_other_files_are_compared_wherever_the_edit_is(tmp_path: Path) -> None:
    """They stand at no place of this text, so an edit at its start neither removes nor makes them."""
    script = "print('other.c:3: it breaks')"
    checker = saying(tmp_path, script, pattern=r"^(?P<file>[\w.]+):(?P<line>\d+): (?P<message>.*)$")
    (problem,) = checker.check(c("int x;\n", tmp_path))
    assert Problem("script", "", "other.c: it breaks", Span(0, 0), is_elsewhere=True) == problem
    comparison = compare([problem], [problem], [Edit(Span(0, 0), "#include <math.h>\n")])
    assert ((), ()) == (comparison.gone, comparison.new)


def test_a_mirror_leaves_the_project_as_it_is(tmp_path: Path) -> None:
    """The program reads the new text where the old one stays."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/main.c").write_text("old")
    script = "import pathlib; print('1:', pathlib.Path('src/main.c').read_text())"
    (problem,) = saying(tmp_path, script, input="project").check(c("new", tmp_path, "src/main.c"))
    assert ("new", "old") == (problem.message, (tmp_path / "src/main.c").read_text())


@pytest.mark.parametrize("path", ["../main.c", "/main.c"])
def test_a_text_outside_of_the_project_is_not_mirrored(tmp_path: Path, path: str) -> None:
    """A name that leads out of the mirror is refused."""
    with pytest.raises(CheckerFailed, match="does not lie in the project"):
        saying(tmp_path, "pass", input="project").check(Document("file:///main.c", "", language_id="c", path=path))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": ""}, "checker 1: 'name' is missing"),
        ({"shell": True}, "checker gcc: unknown key 'shell'"),
        ({"command": "gcc {file}"}, "'command' must be a list of texts"),
        ({"input": "socket"}, "'input' must be one of stdin, file, project"),
        ({"pattern": "("}, "'pattern' is no regular expression"),
        ({"pattern": "(?P<message>.*)"}, "'pattern' has no group named 'line'"),
        ({"pattern": "(?P<line>.)(?P<place>.)"}, "'pattern' has a group 'place'"),
        ({"json": {"line": "line"}}, "one of 'pattern' and 'json'"),
        ({"deadline_ms": 0}, "'deadline_ms' must be a whole number from 50"),
    ],
)
def test_a_wrong_declaration_is_one_line(change: dict[str, Any], problem: str) -> None:
    """What, which and what instead; the others are used."""
    found, problems = declarations_of([{**GCC, **change}, COMPILES])
    assert (["my Python"], 1) == ([each.name for each in found], len(problems))
    assert problem in problems[0]


def test_a_declaration_is_a_value() -> None:
    """What JSON says becomes a declaration with the defaults."""
    (found,), _ = declarations_of([GCC])
    assert (Input.FILE, 30_000) == (found.input, found.deadline_ms)
    assert isinstance(found, Declaration)
    assert isinstance(found.reader, Lines)
