"""Real editors, installed on first use into the user's cache; where that fails, tests are skipped with the reason."""

import importlib.util
import json
import shlex
import sys
from pathlib import Path

import pytest
from editor_fixtures import LOADING, ROOT, SAYS, SHAPES, SHIM, installed

# Collected only where the programs that drive the editors are installed: `pip install -e '.[editors]'`.
NEEDS = {"test_neovim.py": "pynvim", "test_vscode.py": "playwright"}
collect_ignore = [name for name, module in NEEDS.items() if importlib.util.find_spec(module) is None]


@pytest.fixture(scope="session")
def terminal_editors() -> Path:
    """The folder with `nvim` and `hx`."""
    return installed("terminal.sh", "terminal", "bin/nvim") / "bin"


@pytest.fixture(scope="session")
def emacs() -> Path:
    """The program."""
    return installed("emacs.sh", "emacs", "bin/emacs") / "bin/emacs"


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the PATH with the `devstral-ls` of this checkout; its server has a model that says what it is told.

    So what these tests judge is the editor and all of our code but the model, and a better model breaks none of them.
    """
    folder = tmp_path_factory.mktemp("server")
    program = folder / "devstral-ls"
    program.write_text(
        SHIM.format(root=ROOT, data=folder / "data", python=sys.executable, says=shlex.quote(json.dumps(SAYS)))
    )
    program.chmod(0o755)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project on disk, in which something is half written and something is wrong."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "shapes"\nversion = "1"\n')
    (folder / "shapes.py").write_text(SHAPES, encoding="utf-8")
    (folder / "loading.py").write_text(LOADING)
    return folder
