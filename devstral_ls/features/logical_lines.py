"""Python's logical lines: statements without their blocks, over as many lines as their brackets span."""

import io
import tokenize

from devstral_ls.text import LineIndex, Span

_LAYOUT = frozenset({tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING})


def logical_lines(text: str) -> list[Span]:
    """The spans of all logical lines, from the first token to the last; up to the first place that is no Python."""
    lines = LineIndex.of(text)
    found: list[Span] = []
    start: int | None = None
    end = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline):
            if token.type == tokenize.NEWLINE and start is not None:
                found.append(Span(start, end))
                start = None
            elif token.type not in _LAYOUT and token.type != tokenize.NEWLINE:
                start = _offset(token.start, lines) if start is None else start
                end = _offset(token.end, lines)
    except (tokenize.TokenError, SyntaxError):
        return found
    return found


def _offset(position: tuple[int, int], lines: LineIndex) -> int:
    row, column = position
    return min(lines.line_start(row - 1) + column, lines.length)
