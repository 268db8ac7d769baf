"""An editor's configuration gains the server, and loses nothing."""

import json
import tomllib

import pytest

from devstral_ls.cli import recipes
from devstral_ls.errors import UsageError

PROGRAM = "/opt/a b/devstral-ls"
OTHERS = """\
# mine
[language-server.ruff]
command = "ruff"

[[language]]
name = "rust"
language-servers = ["rust-analyzer"]

[[language]]
name = "python"  # keep
auto-format = true
{servers}
[[language]]
name = "toml"
"""


@pytest.mark.parametrize(
    "servers", ["", 'language-servers = ["ruff"]', 'language-servers = [\n  { name = "ruff" },\n]\n']
)
def test_helix_keeps_what_was_there(servers: str) -> None:
    """The server comes first in Python's list; every other line stays."""
    old = OTHERS.replace("{servers}", servers)
    new = recipes.helix(old, PROGRAM)
    assert set(old.split()) - {"[", "]"} <= set(new.replace('["devstral-ls", ', "[").replace("[ ", "[").split())
    languages = {each["name"]: each for each in tomllib.loads(new)["language"]}
    assert languages["python"]["language-servers"][0] == "devstral-ls"
    assert languages["rust"]["language-servers"] == ["rust-analyzer"]


@pytest.mark.parametrize("old", ["", OTHERS.replace("{servers}", "")])
def test_helix_is_set_up_once(old: str) -> None:
    """Doing it again changes nothing."""
    once = recipes.helix(old, PROGRAM)
    assert once == recipes.helix(once, PROGRAM)


def test_helix_starts_this_program() -> None:
    """The server is named with its whole path."""
    server = tomllib.loads(recipes.helix("", PROGRAM))["language-server"]["devstral-ls"]
    assert {"command": PROGRAM, "args": ["serve"]} == server


def test_helix_with_broken_configuration_is_refused() -> None:
    """A file that is no TOML is left to its owner."""
    with pytest.raises(UsageError, match="not valid TOML"):
        recipes.helix("[[language", PROGRAM)


@pytest.mark.parametrize(
    ("old", "kept"),
    [
        ("", {}),
        ("{}", {}),
        ('{\n    "a": 1\n}\n', {"a": 1}),
        ('// { mine\n{\n    "a": "// no comment", /* { */\n}\n', {"a": "// no comment"}),
    ],
    ids=["none", "empty", "plain", "comments"],
)
def test_vscode_keeps_what_was_there(old: str, kept: dict[str, object]) -> None:
    """The path of the server is added, and comments stay."""
    new = recipes.vscode(old, PROGRAM)
    lines = [line for line in new.splitlines() if not line.strip().startswith("//")]
    plain = "\n".join(lines).replace("/* { */", "").replace('comment", \n}', 'comment"\n}')
    assert kept | {"devstral.server.path": PROGRAM} == json.loads(plain)
    assert set(old.split()) - {"{}"} <= set(new.split())


def test_vscode_is_set_up_once() -> None:
    """Doing it again changes nothing."""
    once = recipes.vscode('{"a": 1}', PROGRAM)
    assert once == recipes.vscode(once, PROGRAM)


def test_vscode_with_another_server_is_refused() -> None:
    """A path that the user chose is not overwritten."""
    with pytest.raises(UsageError, match="already sets"):
        recipes.vscode('{"devstral.server.path": "/x"}', PROGRAM)


def test_neovim_quotes_paths() -> None:
    """A quote or a backslash in a path stays one in Lua."""
    assert r"'C:\\it\'s\\devstral-ls'" in recipes.neovim("C:\\it's\\devstral-ls", "/plugin")


def test_emacs_keeps_what_was_there() -> None:
    """The paragraph stands behind what the user wrote, and only once."""
    old = "(setq a 1)\n"
    once = recipes.emacs(old, PROGRAM)
    assert once.startswith(f"{old}\n;; ")
    assert f'"{PROGRAM}" "serve"' in once
    assert once == recipes.emacs(once, PROGRAM)


def test_emacs_ignores_a_comment() -> None:
    """A server that is mentioned in a comment is not set up."""
    old = ';; \'(python-mode "devstral-ls" "serve")\n'
    assert recipes.emacs(old, PROGRAM) != old
