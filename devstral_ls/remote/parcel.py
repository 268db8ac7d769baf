"""What leaves and what comes back, as values that also travel between our own processes."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from devstral_ls.cancel import CancelToken

MAX_PARCEL_CHARACTERS = 48_000


@dataclass(frozen=True, slots=True)
class Chat:
    """A question in words."""

    system: str
    user: str


@dataclass(frozen=True, slots=True)
class Infill:
    """A hole in a text: what stands before it and behind it."""

    prefix: str
    suffix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One question, why it is asked, and of whose text: the last three are for the log and stay here."""

    content: Chat | Infill
    max_tokens: int
    deadline_ms: int
    why: str
    workspace: str  # the root that its text comes from; consent is asked for this folder
    document: str = ""  # relative to the root
    stops: tuple[str, ...] = ()

    @property
    def n_characters(self) -> int:
        match self.content:
            case Chat(system, user):
                return len(system) + len(user)
            case Infill(prefix, suffix):
                return len(prefix) + len(suffix)

    @property
    def shown(self) -> str:
        """The text that would leave, for whoever is asked about it."""
        match self.content:
            case Chat(system, user):
                return f"{system}\n\n{user}"
            case Infill(prefix, suffix):
                return f"{prefix}⟨…⟩{suffix}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What the remote model wrote; `is_whole` says whether it had finished."""

    text: str
    is_whole: bool


# Takes a parcel where it belongs, and waits for the reply.
Send = Callable[[Parcel, CancelToken], Reply]


def as_json(parcel: Parcel) -> dict[str, Any]:
    return asdict(parcel)


def from_json(given: dict[str, Any]) -> Parcel:
    """The reverse of `as_json`; only our own processes call it."""
    content = given["content"]
    told: Chat | Infill = Chat(**content) if "user" in content else Infill(**content)
    return Parcel(**{**given, "content": told, "stops": tuple(given["stops"])})
