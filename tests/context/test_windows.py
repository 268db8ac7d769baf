"""Where the text around the cursor is cut."""

from context_fixtures import count_tokens, place_at
from hypothesis import given, strategies as st

from devstral_ls.context.tokens import TokenCounts
from devstral_ls.context.windows import prefix_window, suffix_window
from devstral_ls.text import Document, Place

LINES = st.lists(st.text(alphabet="ab (=.\t", max_size=30), max_size=80).map("\n".join)


@given(LINES, LINES, st.integers(0, 120))
def test_windows_touch_the_cursor_and_stay_in_budget(before: str, after: str, budget_tokens: int) -> None:
    """Whatever the text, the prefix ends and the suffix starts at the cursor, neither is over budget."""
    place = place_at(before + "$0" + after)
    counts = TokenCounts().use(count_tokens)
    prefix = prefix_window(place, budget_tokens, counts)
    suffix = suffix_window(place, budget_tokens, counts)
    assert before.endswith(prefix)
    assert after.startswith(suffix)
    assert count_tokens(prefix) <= budget_tokens
    assert count_tokens(suffix) <= budget_tokens


def test_a_small_text_is_seen_whole() -> None:
    """What fits is not cut."""
    place = place_at("a = 1\nb = $0\nc = 2\n")
    counts = TokenCounts().use(count_tokens)
    assert ("a = 1\nb = ", "\nc = 2\n") == (prefix_window(place, 99, counts), suffix_window(place, 99, counts))


def test_typing_keeps_the_start_of_the_prefix() -> None:
    """While a line is typed the window starts at the same character."""
    text = "".join(f"name_{n} = {n}\n" for n in range(500))
    counts = TokenCounts().use(count_tokens)
    typed = "result = compute(first, second)"
    starts = {
        n - len(prefix_window(Place(Document("x", text + typed[:n]), len(text) + n), 200, counts))
        for n in range(len(typed))
    }
    assert 1 == len(starts)


def test_new_lines_seldom_move_the_start_of_the_prefix() -> None:
    """Over a hundred new lines the cut moves a few times, not a hundred times."""
    text = "".join(f"name_{n} = {n}\n" for n in range(1000))
    counts = TokenCounts().use(count_tokens)
    lengths = [text.index(f"name_{n} =") for n in range(800, 900)]
    starts = {end - len(prefix_window(Place(Document("x", text[:end]), end), 400, counts)) for end in lengths}
    assert len(starts) <= 10


def test_new_lines_do_not_move_the_end_of_the_suffix() -> None:
    """Behind the cursor the cut is counted from the end of the file."""
    after = "".join(f"\nname_{n} = {n}" for n in range(1000))
    counts = TokenCounts().use(count_tokens)
    texts = ["a = 1\n" * n for n in range(20)]
    suffixes = {suffix_window(Place(Document("x", text + after), len(text)), 120, counts) for text in texts}
    assert 1 == len(suffixes)


def test_the_suffix_ends_with_a_line() -> None:
    """A suffix that is cut is cut after a line ending."""
    place = place_at("f($0)\n" + "x = 1\n" * 500)
    suffix = suffix_window(place, 50, TokenCounts().use(count_tokens))
    assert suffix.endswith("x = 1\n")
    assert len(suffix) < len(place.after)


def test_of_a_line_that_is_too_long_its_end_is_seen() -> None:
    """A minified line does not empty the window."""
    place = place_at("a " * 5000 + "$0")
    assert prefix_window(place, 50, TokenCounts().use(count_tokens)).endswith("a a ")
