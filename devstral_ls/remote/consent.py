"""Which folders may be sent from, and where to; the answers lie in the user's own folder and can be taken back."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from devstral_ls.remote.choice import Remote
from devstral_ls.remote.private_files import read_object, write_object

FILE_NAME = "remote-consent.json"
MAX_ANSWERS = 1_000


class Answer(StrEnum):
    """What was said about a folder and a server."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    UNASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Given:
    """One answer, as it is kept."""

    workspace: Path
    url: str
    answer: Answer
    at_s: float


def answer_of(folder: Path, workspace: Path, remote: Remote) -> Answer:
    """What was said about sending from `workspace` to this server; another server is another question."""
    wanted = str(workspace.resolve())
    found = (each for each in answers(folder) if str(each.workspace) == wanted and each.url == remote.url)
    return next((each.answer for each in found), Answer.UNASKED)


def answers(folder: Path) -> Iterator[Given]:
    """All that was said, the newest last; what is not as we write it counts as never said."""
    told = read_object(folder / FILE_NAME) or {}
    for workspace, each in told.items():
        match each:
            case {"url": str(url), "answer": "allowed" | "refused" as answer, "at_s": float(at_s)}:
                yield Given(Path(workspace), url, Answer(answer), at_s)


def give(folder: Path, workspace: Path, remote: Remote, answer: Answer) -> None:
    """Keep an answer in the place of the last one about this folder."""
    assert answer is not Answer.UNASKED
    kept = {str(each.workspace): _told(each) for each in answers(folder)}
    given = Given(workspace.resolve(), remote.url, answer, time.time())
    kept.pop(str(given.workspace), None)
    newest = [*kept.items(), (str(given.workspace), _told(given))][-MAX_ANSWERS:]
    write_object(folder / FILE_NAME, dict(newest))


def _told(given: Given) -> dict[str, object]:
    return {"url": given.url, "answer": given.answer.value, "at_s": given.at_s}
