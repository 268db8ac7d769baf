"""What the server is about, in a line for the editor's status bar: why nothing is shown, or that all is well."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How the editor should look at a status; the words are those of Copilot's `didChangeStatus`."""

    NORMAL = "Normal"
    INACTIVE = "Inactive"  # nothing will be shown here, and that is meant so
    WARNING = "Warning"
    ERROR = "Error"


@dataclass(frozen=True, slots=True)
class Status:
    """A state of the server with the reason for it."""

    kind: Kind
    message: str = ""
    is_busy: bool = False


READY = Status(Kind.NORMAL)
LOADING = Status(Kind.NORMAL, "loading the model", is_busy=True)
