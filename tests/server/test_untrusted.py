"""A cloned folder may hold anything; nothing of it is run, whatever an editor asks for."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from editor import Editor

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]

TEXT = (
    "import json\nimport trap\n\n\ndef load(text):\n    return jsn.loads(text)\n\n\nprint(json, trap)\n\n\n"
    'def half(n: int):\n    """\n    >>> half(4)\n    2\n    """\n    return n // 2\n'
)
CAPABILITIES = {
    "workspace": {"workspaceEdit": {"documentChanges": True, "resourceOperations": ["create"]}},
    "textDocument": {
        "hover": {"contentFormat": ["markdown"]},
        "codeAction": {"resolveSupport": {"properties": ["edit"]}},
    },
}
PROGRAMS = (
    "bin/python", "bin/python3", "venv/bin/python", ".venv/bin/python", ".venv/bin/ruff", ".venv/bin/ty", "ruff", "ty",
    "node_modules/.bin/ruff", "git",
)  # fmt: skip
CONFIGURATION = {
    "ruff.toml": 'lint.ignore = ["F821"]\n',
    "ty.toml": '[environment]\npython = "./venv"\n[rules]\nunresolved-reference = "ignore"\n',
    "pyproject.toml": '[tool.mypy]\nplugins = ["trap"]\n[tool.pylint.main]\nload-plugins = ["trap"]\n',
    "setup.cfg": "[mypy]\nplugins = trap\n[flake8:local-plugins]\nextension = T=trap:run\n",
    "pyrightconfig.json": '{"venvPath": ".", "venv": "venv"}',
    ".jedi/project.json": json.dumps([1, {"_environment_path": "bin/python", "_path": "."}]),
    ".git/config": "[core]\n\tfsmonitor = ./git\n[alias]\n\tls-files = !./git\n",
}
_EXECUTED = re.compile(r'execve\("([^"]*)"')


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder full of traps: each leaves a mark when it is run or imported."""
    root = tmp_path / "project"
    mark = tmp_path / "mark"
    for name in PROGRAMS:
        write(root / name, f"#!/bin/sh\ntouch {mark}\n").chmod(0o755)
    for name in ("sitecustomize.py", "usercustomize.py", "trap.py", "conftest.py", "setup.py", "json.py", "ast.py"):
        write(root / name, f"open({str(mark)!r}, 'w').close()\nloads = print\n")
    for name in ("venv", ".venv"):
        write(root / name / "pyvenv.cfg", f"home = {root / 'bin'}\n")
        write(root / name / "lib/python3.11/site-packages/trap.pth", f"import os; open({str(mark)!r}, 'w')\n")
    for name, content in CONFIGURATION.items():
        write(root / name, content)
    write(root / "app.py", TEXT)
    return root


def test_nothing_of_an_untrusted_folder_is_run(project: Path, tmp_path: Path) -> None:
    """Every program that the server and its children start, as the kernel saw it, lies outside of the folder."""
    log = tmp_path / "executed"
    tracer = ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=execve", "-o", str(log)]
    server = [sys.executable, "-P", "-m", "devstral_ls", "serve"]
    with subprocess.Popen(
        [*tracer, *server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=project
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        editor = Editor(process.stdin, process.stdout)
        ask_everything(editor, project / "app.py")
        editor.shut_down()
    executed = _EXECUTED.findall(log.read_text())
    assert executed, "strace saw nothing"
    assert [] == [path for path in executed if Path(project, path).resolve().is_relative_to(project)]
    assert not (tmp_path / "mark").exists()


def ask_everything(editor: Editor, path: Path) -> None:
    """Each kind of question once; the answers show that the checkers took part."""
    editor.initialize(CAPABILITIES, rootUri=path.parent.as_uri())
    uri = path.as_uri()
    editor.open(TEXT, uri=uri)
    editor.inline(5, 11, uri=uri)
    place = {"start": spot(5, 12), "end": spot(5, 12)}
    for only in (["quickfix"], ["source.fixAll.devstral"], ["refactor"]):
        found = actions(editor, uri, place, only)
        if only == ["quickfix"]:
            assert ["verified by" in action["title"] for action in found] == [True]
    head = {"start": spot(11, 0), "end": spot(11, 0)}
    (test,) = actions(editor, uri, head, ["refactor.rewrite.test"])
    assert "not run" in editor.ask("codeAction/resolve", test)["title"]
    assert editor.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": spot(5, 12)})


def actions(editor: Editor, uri: str, place: dict[str, Any], only: list[str]) -> list[dict[str, Any]]:
    asked = {"textDocument": {"uri": uri}, "range": place, "context": {"diagnostics": [], "only": only}}
    return list(editor.ask("textDocument/codeAction", asked))


def spot(line: int, character: int) -> dict[str, Any]:
    return {"line": line, "character": character}


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")
    return path
