"""What the engine is taught of the files around a document, so that what it writes may repeat them."""

from typing import TYPE_CHECKING

from devstral_ls.context import Neighbours, Sources
from devstral_ls.text import Document

if TYPE_CHECKING:  # the engine comes with numpy and a tokenizer; a caller that has one has loaded them
    from devstral_ls.engine.face import Engine


def taught(document: Document, engine: "Engine", sources: Sources) -> Neighbours | None:
    """The files around a document, if they have been read; the engine may still be learning them."""
    neighbours = sources.workspace.neighbourhood.known(document)
    if neighbours is None or not neighbours.texts:
        return None
    engine.learn(neighbours.key, neighbours.texts)
    return neighbours


def teach(document: Document, engine: "Engine", sources: Sources) -> None:
    """Have the engine learn the files around a document now; an editor has it done in the background."""
    neighbours = sources.workspace.neighbourhood.collect(document)
    if neighbours.texts:
        engine.learn(neighbours.key, neighbours.texts).result()
