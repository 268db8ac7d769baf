"""Where this user's files lie, whatever the system; cheap to import, for the first milliseconds."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where models, answers and logs are kept: DEVSTRAL_LS_DATA, or what this system calls the user's data folder."""
    chosen = environment.get("DEVSTRAL_LS_DATA")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local", "devstral-ls")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "devstral-ls"
    return Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share", "devstral-ls")
