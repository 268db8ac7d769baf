"""What a corpus file imports from other files of its own source, as context blocks."""

import ast
import re
from collections.abc import Iterator

from onnx_export.pretrain.corpus import SourceFile
from onnx_export.pretrain.documents import Block
from onnx_export.pretrain.skeleton import signatures_by_name

MAX_BLOCKS = 6

_FROM_IMPORT = re.compile(r"^from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE)


class ImportedBlocks:
    """Resolves `from … import …` within a source; a file is parsed once, when first imported."""

    def __init__(self, files: list[SourceFile]) -> None:
        self._by_path = {(file.source, file.path): file for file in files}
        self._signatures: dict[tuple[str, str], dict[str, str]] = {}

    def of(self, file: SourceFile) -> list[Block]:
        """One block for each file whose top-level names this file imports."""
        blocks = []
        for module, names in _imported(file.path, file.text):
            target = self._module(file.source, module)
            if target is None:
                continue
            offered = self._offered(target)
            text = "\n".join(offered[name] for name in offered if name in names)
            if text:
                blocks.append(Block(target.path, text))
        return blocks[:MAX_BLOCKS]

    def _module(self, source: str, module: str) -> SourceFile | None:
        stem = module.replace(".", "/")
        paths = (f"{stem}.py", f"{stem}/__init__.py")
        return next((f for path in paths if (f := self._by_path.get((source, path)))), None)

    def _offered(self, file: SourceFile) -> dict[str, str]:
        key = (file.source, file.path)
        if key not in self._signatures:
            self._signatures[key] = signatures_by_name(ast.parse(file.text))
        return self._signatures[key]


def _imported(path: str, text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Absolute module names with what is imported from each, in order."""
    package = path.split("/")[:-1]
    for dots, module, names in _FROM_IMPORT.findall(text):
        base = package[: len(package) - len(dots) + 1] if dots else []
        absolute = ".".join([*base, *([module] if module else [])])
        yield absolute, frozenset(re.findall(r"\w+", names))
