"""What every test may use."""

import os
import tempfile

import pytest
from hypothesis import settings

# A busy machine is no reason to fail. CI judges a change by the same examples each time; at home they are new ones.
settings.register_profile("patient", deadline=None)
settings.register_profile("ci", parent=settings.get_profile("patient"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "patient")

# What servers count in tests is not what their user did.
os.environ.setdefault("DEVSTRAL_LS_DATA", tempfile.mkdtemp(prefix="devstral-ls-tests-"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest --update` writes the expected output of case files anew."""
    parser.addoption("--update", action="store_true", help="write what is shown now into the case files")
