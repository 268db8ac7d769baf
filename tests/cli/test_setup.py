"""`setup` and `doctor --editor` on a user's configuration folder, with the programs that this machine has."""

import io
import json
from pathlib import Path

import pytest

from devstral_ls.cli.app import run

FAKE_EDITOR = "#!/bin/sh\necho 'NVIM v{version}'\n"
# Where each editor looks, below the user's home.
FILES = {
    "vscode": ".config/Code/User/settings.json",
    "nvim": ".config/nvim/plugin/devstral.lua",
    "helix": ".config/helix/languages.toml",
    "emacs": ".emacs.d/init.el",
}
EXIT_DECLINED = 1


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and a PATH without editors."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()
    return tmp_path


def examined(editor: str, capfd: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    """What `doctor --editor` found, by topic."""
    capfd.readouterr()
    run(["doctor", "--editor", editor, "--json"])
    return {each["topic"]: each for each in json.loads(capfd.readouterr().out)["findings"]}


def test_what_is_set_up_is_found_to_be_so(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Before, the doctor names the command that helps; after it, the file is right and the server has answered."""
    assert "devstral-ls setup emacs" == examined("emacs", capfd)["configured"]["advice"]
    assert run(["setup", "emacs", "--yes"]) == 0
    assert ["good", "good"] == [examined("emacs", capfd)[topic]["level"] for topic in ("configured", "server")]


@pytest.mark.parametrize("editor", FILES)
def test_an_editor_reads_its_own_file(
    editor: str, home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be written is named by its path, and is not written unless the user agrees."""
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert EXIT_DECLINED == run(["setup", editor])
    assert str(home / FILES[editor]) in capfd.readouterr().out
    assert not (home / FILES[editor]).exists()


def test_what_was_there_is_kept_in_a_backup(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The first init file that Emacs finds is extended, and a copy of the old one stays beside it."""
    (home / ".emacs").write_text("(setq a 1)\n")
    run(["setup", "emacs", "--yes"])
    assert (home / ".emacs").read_text().startswith("(setq a 1)\n")
    assert (home / ".emacs.bak").read_text() == "(setq a 1)\n"


def test_print_writes_nothing(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With --print the new text is shown and nothing is on the disk."""
    assert run(["setup", "emacs", "--print"]) == 0
    assert "eglot-server-programs" in capfd.readouterr().out
    assert not (home / ".emacs.d").exists()


@pytest.mark.parametrize(("version", "level"), [("0.10.4", "broken"), ("0.11.2", "warning")])
def test_versions_are_told_apart(version: str, level: str, home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """An editor that is too old is broken, and one that lacks something says what."""
    program = home / "bin/nvim"
    program.write_text(FAKE_EDITOR.format(version=version))
    program.chmod(0o755)
    assert level == examined("nvim", capfd)["editor"]["level"]


def test_another_server_is_told(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A configuration that starts another installation is not taken for ours."""
    file = home / FILES["helix"]
    file.parent.mkdir(parents=True)
    file.write_text(
        '[language-server.devstral-ls]\ncommand = "/x/devstral-ls"\nargs = ["serve"]\n\n'
        '[[language]]\nname = "python"\nlanguage-servers = ["devstral-ls"]\n'
    )
    assert "another" in examined("helix", capfd)["configured"]["words"]
