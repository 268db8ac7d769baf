"""Which release this is."""

from importlib import metadata


def version() -> str:
    """The version of the installed package; "0" for a checkout that is not installed."""
    try:
        return metadata.version("devstral-ls")
    except metadata.PackageNotFoundError:
        return "0"
