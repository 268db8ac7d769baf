"""One warm type checker for all tests of fixes, and how a fix is checked."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstral_ls.cancel import CancelToken
from devstral_ls.checkers import Ruff, Ty
from devstral_ls.features.fixes import Fix, Tools, find_fix
from devstral_ls.features.verification import examine
from devstral_ls.text import Document, apply_edits

CheckFix = Callable[..., Fix]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="session")
def types(project: Path) -> Iterator[Ty]:
    if not Ty.is_installed():
        pytest.skip("the types extra is not installed")
    checker = Ty(project)
    yield checker
    checker.close()


@pytest.fixture
def fix_at(types: Ty, project: Path) -> Callable[..., Fix | None]:
    """The fix for the problem nearest to `$0`, with `neighbours` as the rest of the project."""

    def fix(before: str, **neighbours: str) -> Fix | None:
        text = before.replace("$0", "")
        document = Document((project / "text.py").as_uri(), text, path="text.py")
        others = [Document(f"file:///{name}.py", other, path=f"{name}.py") for name, other in neighbours.items()]
        checkers = (Ruff(), types)
        problems = examine(document, checkers).problems
        assert problems, "no checker sees a problem"
        at = before.index("$0")
        tools = Tools(checkers=checkers, neighbours=others, types=types, deadline_ms=20_000)
        problem = min(problems, key=lambda each: (not each.span.contains(at), abs(each.span.start - at)))
        return find_fix(document, problem, tools, CancelToken())

    return fix


@pytest.fixture
def check_fix(fix_at: Callable[..., Fix | None]) -> CheckFix:
    """Check that the problem at `$0` is fixed so that the text is `after`."""

    def check(before: str, after: str, **neighbours: str) -> Fix:
        fix = fix_at(before, **neighbours)
        assert fix is not None, "nothing was proven"
        assert after == apply_edits(before.replace("$0", ""), fix.edits)
        return fix

    return check
