"""What the model says, and what of it the user sees: each case of the case files."""

from pathlib import Path

import pytest
from case_files import Case, cases_in, write_shown
from feature_fixtures import outcome_at, place_at, shown

CASES = Path(__file__).parent.parent / "cases" / "inline_completion"


@pytest.mark.parametrize("case", list(cases_in(CASES)), ids=lambda case: case.name)
def test_case(case: Case, request: pytest.FixtureRequest) -> None:
    """The user sees what the case file shows."""
    place = place_at(case.before, language_id=case.language_id)
    seen = shown(place, outcome_at(place, case.model))
    if request.config.getoption("--update"):
        write_shown(case, seen)
        return
    assert case.shown == seen
