"""Where the tests of a module live, and how they are written there."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from devstral_ls.checkers import Project
from devstral_ls.features.import_lines import Imported, imports_of
from devstral_ls.features.python_tree import parse
from devstral_ls.text import Document

_FOLDERS = ("tests", "test")
_SOURCES = frozenset({"src", "lib"})  # folders that are no part of a module's name
_MAX_READ = 3  # other tests of a folder that show how tests are written there


@dataclass(frozen=True, slots=True)
class Home:
    """The text that a test goes into; `base` is what its classes derive from, or nothing where tests are functions."""

    document: Document
    is_new: bool
    base: str
    is_annotated: bool  # whether its functions say that they return None

    @property
    def path(self) -> str:
        return self.document.path


def home_of(document: Document, project: Project) -> Home | None:
    """The file with the module's tests, or the one that it would get; None where no file can have its name."""
    name = PurePosixPath(document.path).stem
    if name == "__init__":
        name = PurePosixPath(document.path).parent.name
    if not name.isidentifier():
        return None
    folders = list(_folders(document, project))
    names = (f"test_{name}.py", f"{name}_test.py")
    near = [f"{folder}/{each}".removeprefix("./") for folder in folders for each in names]
    deeper = sorted(project.named(names), key=lambda path: -_n_shared(path, document.path))
    for path in (*near, *deeper):
        found = project.document(path)
        if found is not None:
            return _written_like(found, [found], is_new=False)
    folder = next((each for each in folders if _tests_in(each, project)), folders[0])
    examples = [project.document(path) for path in _tests_in(folder, project)[:_MAX_READ]]
    new = project.new_document(f"{folder}/test_{name}.py".removeprefix("./"))
    return _written_like(new, [each for each in examples if each], is_new=True)


def imported_as(name: str, document: Document, home: Home, project: Project) -> tuple[str, Imported | None]:
    """How a test says the function's name, and what it still has to import for that."""
    module = PurePosixPath(document.path).stem
    for one in imports_of(home.document):
        if one.name == name and one.module.rpartition(".")[2] == module:
            return one.bound_name, None
        if one.name == module or (not one.name and one.module.rpartition(".")[2] == module):
            owner = one.bound_name if one.name or one.alias else one.module
            return f"{owner}.{name}", None
    return name, Imported(module_of(document, home, project), name)


def module_of(document: Document, home: Home, project: Project) -> str:
    """What a test imports the module as: a package's part, or alone where the test lies beside it."""
    path = PurePosixPath(document.path)
    parts = path.parts[:-1] if path.stem == "__init__" else (*path.parts[:-1], path.stem)
    if parts[0] in _SOURCES and 1 < len(parts):
        parts = parts[1:]
    is_packaged = "__init__.py" in project.names_in(str(path.parent))
    is_beside = PurePosixPath(home.path).parent == path.parent
    return parts[-1] if is_beside and not is_packaged else ".".join(parts)


def _folders(document: Document, project: Project) -> Iterator[str]:
    """Where tests may lie: in a folder for tests near the module or above it, in its counterpart there, beside it."""
    own = PurePosixPath(document.path).parent
    for above in (own, *own.parents):
        for tests in _FOLDERS:
            folder = above / tests
            if project.names_in(str(folder)):
                inner = own.relative_to(above).parts
                for skipped in range(len(inner)):
                    counterpart = folder.joinpath(*inner[skipped:])
                    if project.names_in(str(counterpart)):
                        yield str(counterpart)
                yield str(folder)
    yield str(own)


def _n_shared(test: str, module: str) -> int:
    """How many folders of a module stand in the path of a test too."""
    return len(set(test.split("/")[:-1]) & set(module.split("/")[:-1]))


def _tests_in(folder: str, project: Project) -> list[str]:
    names = [name for name in project.names_in(folder) if name.endswith(".py")]
    tests = [name for name in names if name.startswith("test_") or name.endswith("_test.py")]
    return [f"{folder}/{name}".removeprefix("./") for name in tests]


def _written_like(document: Document, examples: list[Document], *, is_new: bool) -> Home:
    """The home, in the manner of most of the tests that are there."""
    bases: list[str] = []
    functions: list[ast.FunctionDef] = []
    for example in examples:
        tree = parse(example.text)
        for node in tree.body if tree else ():
            if isinstance(node, ast.ClassDef):
                bases += [ast.unparse(each) for each in node.bases if ast.unparse(each).endswith("TestCase")]
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
                functions.append(node)
    base = bases[-1] if len(functions) < len(bases) else ""
    n_annotated = sum(each.returns is not None for each in functions)
    return Home(document, is_new, base, is_annotated=len(functions) < 2 * n_annotated)
