"""Text in Markdown: what a real reader of Markdown makes of it, and how few backslashes that takes."""

import html
import re

import pytest
from hypothesis import given, strategies as st
from markdown_it import MarkdownIt

from devstral_ls.features.markdown import escape, label, visible

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
READER.validateLink = lambda _url: True  # type: ignore[method-assign]  # editors let more pass than it does
FOREIGN = ("link_open", "image", "html_inline", "html_block", "table_open", "em_open", "strong_open", "s_open")
UNSEEN = re.compile("[\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
PIECES = ["](", "\n\n", "```", "&#8238;", "<a", "</a>", "<!--", "https://a.b", "---", "~~", "[x]: y", "\u202e", "\r"]
MARKUP = st.lists(st.sampled_from([*"ab1 .\n\t\\`*_{}[]<>()!|#~-+=:&;/\"'$^", *PIECES])).map("".join)
CASES = {
    "plain words": "Return the area. It costs 3 * 4 < 13, a & b!",
    "types": "A dict[str, list[int]] | None, or Callable[..., T].",
    "names": "See snake_case, other_name and _private, {braces}, #tag, C#.",
    "arguments": "Pass *args, then size.",
    "code": "Call `f(x)` or ``__init__`` with `a_b * c_d`.",
    "regular expression": r"Matches \d+\w and C:\path.",
    "question": "Why? Because! ~3 of 4.",
}


def tokens_of(markdown: str) -> list[str]:
    return [each.type for token in READER.parse(markdown) for each in (token, *(token.children or ()))]


@pytest.mark.parametrize("text", CASES.values(), ids=CASES)
def test_what_is_no_markup_gets_no_backslash(text: str) -> None:
    """Editors that show backslashes show none."""
    assert text == escape(text)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("[run](command:x)", r"[run\](command:x)"),
        ("![x](https://a.b)", r"![x\](https://a.b)"),
        ("[x]: https://a.b", r"[x\]: https://a.b"),
        ("<img src=x> and <https://a.b>", r"\<img src=x> and \<https://a.b>"),
        ("&#8238; &lt;", r"\&#8238; \&lt;"),
        ("__init__ and *this*", r"\_\_init__ and \*this*"),
        ("Returns\n-------\nx", "Returns\n\\-------\nx"),
        (">>> f(1)\n# 2", "\\>>> f(1)\n\\# 2"),
        ("a | b\n--|--\n1 | 2", "a | b\n\\--|--\n1 | 2"),
        ("```sh\nrm\n```", "\\`\\`\\`sh\nrm\n\\`\\`\\`"),
        ("a\u202eb\u200b\u061c", "a⟨U+202E⟩b⟨U+200B⟩⟨U+061C⟩"),
    ],
)
def test_what_would_be_markup_gets_one(text: str, escaped: str) -> None:
    """The one character on which it depends."""
    assert escaped == escape(text)
    assert [] == [each for each in tokens_of(escaped) if each in FOREIGN]


@given(MARKUP)
def test_no_text_is_markup(text: str) -> None:
    """Whatever a docstring holds: no link, image, HTML or table, and nothing unseen, also not by an entity."""
    markdown = escape(text)
    assert [] == [each for each in tokens_of(markdown) if each in FOREIGN]
    assert not UNSEEN.search(html.unescape(READER.render(markdown)))


@given(MARKUP)
def test_a_label_stays_a_label(text: str) -> None:
    """A link of ours leads where we say, whatever its words are."""
    markdown = f"[x {label(text)} x](file:///a.py#L1)"
    links = re.findall(r'href="([^"]*)"', READER.render(markdown))
    assert ["file:///a.py#L1"] == links


@given(st.text())
def test_every_other_text_is_shown_as_it_is(text: str) -> None:
    """Words come out as they went in, but for white space at the ends of lines."""
    shown = html.unescape(re.sub(r"<[^>]+>", "", READER.render(escape(text))))
    assert re.sub(r"\W", "", visible(text)) == re.sub(r"\W", "", shown) or "\0" in text or "`" in text
