"""Settings: refused values never stop anything, and the manual is in step with the code."""

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from devstral_ls.config import Settings, settings_page

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KNOWN = sorted(field.name for field in fields(Settings))
NAMES = st.sampled_from(KNOWN) | st.text()


def test_the_manual_is_in_step() -> None:
    """docs/settings.md is what the settings in the code say."""
    page = Path(__file__).parent.parent / "docs/settings.md"
    assert settings_page() == page.read_text(encoding="utf-8")


@given(st.dictionaries(NAMES, JSON))
def test_any_json_gives_settings_and_a_line_for_each_refusal(given_values: dict[str, object]) -> None:
    """What is accepted is taken, what is refused is named, nothing is raised."""
    settings, problems = Settings.parse(given_values)
    taken = [name for name in given_values if name in KNOWN and _is_taken(settings, name, given_values)]
    assert len(given_values) <= len(taken) + len(problems)
    assert all("\n" not in problem for problem in problems)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("max_lines", 0, "setting 'max_lines' is 0, but must be at least 1"),
        ("max_lines", True, "setting 'max_lines' is True, but must be a whole number"),
        ("provider", "tpu", "setting 'provider' is 'tpu', but must be one of cpu, cuda, coreml"),
        ("disabled_files", [1], "setting 'disabled_files' is [1], but must be a list of texts"),
    ],
)
def test_a_refused_value_is_named(name: str, value: object, problem: str) -> None:
    """The line says which setting, which value, and what it must be."""
    assert (Settings(), [problem]) == Settings.parse({name: value})


def test_a_refused_value_leaves_the_setting_as_it_was() -> None:
    """A bad value in the editor's settings does not undo a good one from the command line."""
    settings, _ = Settings(max_lines=3).changed_by({"max_lines": -1, "deadline_ms": 100})
    assert Settings(max_lines=3, deadline_ms=100) == settings


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (Settings(), None),
        (Settings(disabled_files=("*",)), "suggestions are switched off for *"),
        (Settings(disabled_languages=("python",)), "suggestions are switched off for python"),
        (Settings(disabled_files=("*.md", "vendor/*")), "suggestions are switched off for vendor/*"),
        (Settings(disabled_files=("vendor",)), None),
    ],
)
def test_the_reason_for_silence_names_the_setting(settings: Settings, reason: str | None) -> None:
    """By language and by path, folders included."""
    assert reason == settings.reason_off("python", "vendor/deep/main.py")


def _is_taken(settings: Settings, name: str, given_values: dict[str, object]) -> bool:
    value = given_values[name]
    return getattr(settings, name) == (tuple(value) if isinstance(value, list) else value)
