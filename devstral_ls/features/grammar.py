"""The syntax checker on the grammars that `context` owns: the two rooms do not know each other."""

from devstral_ls.checkers import Broken, Syntax


def grammar() -> Syntax:
    """The checker of every language whose grammar is installed."""
    return Syntax(_read)


def _read(text: str, language_id: str) -> list[Broken] | None:
    from devstral_ls.context.syntax import broken_places  # noqa: PLC0415  tree-sitter loads after start-up

    places = broken_places(text, language_id)
    return None if places is None else [Broken(*place) for place in places]
