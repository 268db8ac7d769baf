"""What ships is whole, small and says what it is."""

from pathlib import Path

import devstral_ls
from devstral_ls.engine.manifest import verify_bundle

MAX_BUNDLE_BYTES = 48_000_000
FOLDER = Path(devstral_ls.__file__).parent / "embedded"


def test_bundle_is_whole() -> None:
    """Every file is the one that the manifest promises."""
    assert verify_bundle(FOLDER).capabilities == ("infill",)


def test_bundle_is_small() -> None:
    """It comes with the package, so it must not weigh on the installation."""
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= MAX_BUNDLE_BYTES


def test_bundle_says_what_it_is() -> None:
    """A model card, the sources it learnt from, and its licence are in the folder."""
    assert {"README.md", "DATA.md", "LICENSE"} <= {path.name for path in FOLDER.iterdir()}


def test_held_out_packages_are_no_sources() -> None:
    """The figures on the card are about code that the model has never seen."""
    told = verify_bundle(FOLDER).provenance
    assert not set(told["held_out"]) & set(told["sources"])
