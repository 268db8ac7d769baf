"""The table of protocol rules names tests that exist."""

import ast
import re
from pathlib import Path

from devstral_ls.features.python_tree import read

HERE = Path(__file__).parent
PAGE = HERE.parent.parent / "docs/protocol.md"


def test_every_rule_names_a_test_that_exists() -> None:
    """A test that is renamed or deleted leaves no rule behind that nothing checks."""
    named = set(re.findall(r"`([Tt]est\w+)`", PAGE.read_text(encoding="utf-8")))
    assert set() == named - names_of_tests()


def test_every_rule_has_a_test() -> None:
    """No row of a table ends without one."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert [] == [row for row in rows if "est" not in row.rsplit("|", 2)[1]]


def names_of_tests() -> set[str]:
    """The names of all tests in this folder."""
    trees = [read(path.read_text(encoding="utf-8")) for path in HERE.glob("test_*.py")]
    functions = {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    names = {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return functions | names
