"""Draws the README's pictures from real runs in a real terminal: `python benchmarks/pictures.py demo doctor …`.

Each program runs in tmux; what its screen shows is drawn as an SVG that moves when the screen did.
"""

import argparse
import html
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.ansi import AnsiDecoder
from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import TerminalTheme

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs" / "images"
POLL_S = 0.08
LIMIT_S = 180
LAST_FRAME_S = 6.0
CHARACTER_PX, LINE_PX, MARGIN_PX = 8.4, 19, 16
GREY, PAPER, INK = "#8b949e", "#0d1117", "#e6edf3"
THEME = TerminalTheme(
    (13, 17, 23),
    (230, 237, 243),
    [
        *((72, 79, 88), (255, 123, 114), (63, 185, 80), (210, 153, 34)),
        *((88, 166, 255), (188, 140, 255), (57, 197, 207), (177, 186, 196)),
    ],
)


@dataclass(frozen=True, slots=True)
class Picture:
    """What to run, and how large a terminal it needs."""

    command: str
    n_columns: int
    n_rows: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A screen and how long it stood."""

    screen: str
    seconds: float


BLANK_LINE = re.compile(r"\n *\n")
PICTURES = {
    "demo": Picture("devstral-ls demo", 100, 34),
    "doctor": Picture("devstral-ls doctor", 96, 18),
    "context": Picture(
        "FORCE_COLOR=1 COLUMNS=118 devstral-ls context devstral_ls/text/edits.py:20:9 --budget 240 | head -31", 118, 32
    ),
    "offline": Picture("devstral-ls doctor --prove-offline", 96, 14),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*PICTURES, []], default=[])
    for name in parser.parse_args().names or PICTURES:
        frames = without_start(list(watch(PICTURES[name])))
        path = IMAGES / f"{name}.svg"
        path.write_text(drawn(frames, PICTURES[name]), encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {len(frames)} frames, {path.stat().st_size >> 10} KiB")


def watch(picture: Picture) -> Iterator[Frame]:
    """The different screens of one run, in order."""
    with tempfile.TemporaryDirectory() as folder:
        tmux = ["tmux", "-S", f"{folder}/socket", "-f", "/dev/null"]
        done = Path(folder) / "done"
        program = f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH TERM=xterm-256color"
        shell = f"{program} {picture.command}; touch {shlex.quote(str(done))}; read _"
        size = ["-x", str(picture.n_columns), "-y", str(picture.n_rows)]
        subprocess.run([*tmux, "new-session", "-d", *size, shell], cwd=ROOT, check=True)
        try:
            yield from screens(tmux, done)
        finally:
            subprocess.run([*tmux, "kill-server"], check=False)


def screens(tmux: list[str], done: Path) -> Iterator[Frame]:
    begin_s = shown_s = time.monotonic()
    screen = ""
    while time.monotonic() < begin_s + LIMIT_S:
        is_done = done.exists()
        newer = subprocess.run(
            [*tmux, "capture-pane", "-e", "-p", "-N"], capture_output=True, text=True, check=True
        ).stdout
        now_s = time.monotonic()
        if newer != screen:
            if screen.strip():
                yield Frame(screen, now_s - shown_s)
            screen, shown_s = newer, now_s
        if is_done:
            break
        time.sleep(POLL_S)
    yield Frame(screen, LAST_FRAME_S)


def without_start(frames: list[Frame]) -> list[Frame]:
    """The frames from the first that shows more than a line: nobody wants to watch a model load."""
    full = [number for number, frame in enumerate(frames) if len(BLANK_LINE.split(frame.screen)[0].split("\n")) > 1]
    return frames[full[0] :] if full else frames


def drawn(frames: list[Frame], picture: Picture) -> str:
    """One SVG; several frames follow each other for ever, each for as long as it stood."""
    total_s = sum(frame.seconds for frame in frames)
    n_rows = max(len(frame.screen.rstrip().split("\n")) for frame in frames)
    width = round(picture.n_columns * CHARACTER_PX + 2 * MARGIN_PX)
    height = n_rows * LINE_PX + 2 * MARGIN_PX
    groups, styles, at_s = [], [], 0.0
    for number, frame in enumerate(frames):
        is_last = number == len(frames) - 1
        lines = "".join(lines_of(frame.screen))
        groups.append(f'<g class="f{number}" opacity="{int(is_last)}">{lines}</g>')
        if 1 < len(frames):
            styles.append(keyframes(number, at_s / total_s, (at_s + frame.seconds) / total_s, total_s))
        at_s += frame.seconds
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<style>text{{font:14px ui-monospace,Menlo,Consolas,monospace;white-space:pre;fill:{INK}}}{''.join(styles)}"
        f'</style><rect width="100%" height="100%" rx="8" fill="{PAPER}"/>{"".join(groups)}</svg>\n'
    )


def keyframes(number: int, start: float, end: float, total_s: float) -> str:
    """Visible from `start` to `end`, as shares of the whole."""
    before = f"0%{{opacity:0}}{100 * start:.3f}%{{opacity:1}}" if start else "0%{opacity:1}"
    after = f"{100 * end:.3f}%{{opacity:0}}100%{{opacity:0}}" if end < 0.999999 else "100%{opacity:1}"
    name = f"k{number}"
    return f"@keyframes {name}{{{before}{after}}}.f{number}{{animation:{name} {total_s:.2f}s step-end infinite}}"


def lines_of(screen: str) -> Iterator[str]:
    console = Console(width=500, color_system="truecolor", legacy_windows=False)
    decoder = AnsiDecoder()  # a style goes on from line to line until another one is set
    for row, line in enumerate(screen.rstrip("\n").split("\n")):
        segments = list(decoder.decode_line(line).render(console))
        yield from backgrounds_of(segments, MARGIN_PX + row * LINE_PX)
        if "".join(segment.text for segment in segments).strip():
            y = MARGIN_PX + (row + 1) * LINE_PX - 5
            yield f'<text x="{MARGIN_PX}" y="{y}">{"".join(pieces_of(segments))}</text>'


def backgrounds_of(segments: list[Segment], y: int) -> Iterator[str]:
    """What is behind the characters, where a program says so, as for menus and selections."""
    column = 0
    for segment in segments:
        if (fill := background(segment.style or Style())) is not None and segment.text != "\n":
            x, width = MARGIN_PX + column * CHARACTER_PX, len(segment.text) * CHARACTER_PX
            yield f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{LINE_PX}" fill="{fill}"/>'
        column += len(segment.text)


def background(style: Style) -> str | None:
    if style.reverse:
        return INK if style.color is None else hexadecimal(style.color)
    if style.bgcolor is None or style.bgcolor.is_default:
        return None
    return hexadecimal(style.bgcolor)


def pieces_of(segments: list[Segment]) -> Iterator[str]:
    """Each piece starts at its own column, so that a font of another width moves nothing."""
    column = 0
    for segment in segments:
        if segment.text.strip():
            x = f"{MARGIN_PX + column * CHARACTER_PX:.1f}"
            length = f"{len(segment.text) * CHARACTER_PX:.1f}"
            style = attributes(segment.style or Style())
            text = html.escape(segment.text.rstrip("\n"))
            yield f'<tspan x="{x}" textLength="{length}" lengthAdjust="spacingAndGlyphs"{style}>{text}</tspan>'
        column += len(segment.text)


def attributes(style: Style) -> str:
    found = ""
    if style.reverse:
        found += f' fill="{PAPER if style.bgcolor is None else hexadecimal(style.bgcolor)}"'
    elif style.color is not None:
        found += f' fill="{hexadecimal(style.color)}"'
    elif style.dim:
        found += f' fill="{GREY}"'
    if style.color is not None and style.dim and not style.reverse:
        found += ' opacity="0.65"'
    if style.bold:
        found += ' font-weight="bold"'
    if style.italic:
        found += ' font-style="italic"'
    return found


def hexadecimal(color: Color) -> str:
    red, green, blue = color.get_truecolor(THEME)
    return f"#{red:02x}{green:02x}{blue:02x}"


if __name__ == "__main__":
    main()
