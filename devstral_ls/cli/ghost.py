"""Code with a suggestion in it, drawn as an editor would: the suggestion dimmed where the cursor stands."""

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from devstral_ls.text import Document, Edit, LineIndex, apply_edits

THEME = "ansi_dark"  # the terminal's own colours, so that it fits light and dark ones
GHOST = "italic bright_black"
CURSOR = "reverse"
N_LINES_AROUND = 6


def ghost_text(document: Document, edit: Edit, *, n_lines_around: int = N_LINES_AROUND) -> Text:
    """The lines around `edit` with line numbers, the proposed text dimmed."""
    code, start, end = with_ghost(document, edit)
    lines = LineIndex.of(code.plain)
    return numbered(code, lines.line_of(start) - n_lines_around, lines.line_of(end) + n_lines_around)


def with_ghost(document: Document, edit: Edit) -> tuple[Text, int, int]:
    """The coloured text with `edit` in it, dimmed, and where the dimmed part starts and ends."""
    code = highlighted(apply_edits(document.text, [edit]), document.language_id)
    start = len(_plain(document.text[: edit.span.start]))
    end = start + len(_plain(edit.new_text))
    code.stylize(GHOST, start, end)
    return code, start, end


def highlighted(code: str, language_id: str) -> Text:
    """`code` in colours, its tabs as spaces."""
    plain = _plain(code)
    text = Syntax("", language_id, theme=THEME, background_color="default").highlight(plain)
    return text[: len(plain)] if text.plain.startswith(plain) else Text(plain)


def numbered(code: Text, first_line: int, last_line: int) -> Text:
    """The lines of `code` from one to another, as far as it has them, each behind its number."""
    lines = LineIndex.of(code.plain)
    width = len(str(lines.n_lines))
    drawn = Text(no_wrap=True, overflow="ellipsis")
    for line in range(max(0, first_line), min(lines.n_lines - 1, last_line) + 1):
        drawn.append(f" {line + 1:>{width}} │ ", style="dim")
        drawn.append_text(code[lines.line_start(line) : lines.line_end(line, code.plain)])
        drawn.append("\n")
    return drawn[:-1]


def _plain(code: str) -> str:
    """`code` without what moves the cursor of a terminal."""
    return code.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")


def terminal() -> Console:
    """Where results go."""
    return Console(highlight=False, soft_wrap=False)
