"""From a parcel to a reply: consent, the key, attempts, and what the server said in each of them."""

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

from devstral_ls.cancel import CancelToken
from devstral_ls.errors import NoConsent, RemoteBusy, RemoteError
from devstral_ls.remote import choice, consent
from devstral_ls.remote.choice import Remote
from devstral_ls.remote.messages import MAX_CHARACTERS_PER_TOKEN, Piece, body_of, is_finished, path_of, pieces
from devstral_ls.remote.parcel import MAX_PARCEL_CHARACTERS, Parcel, Reply
from devstral_ls.remote.sent import SentLog

MAX_ATTEMPTS = 3
FIRST_PAUSE_S = 0.5  # doubled before each further attempt
MAX_PAUSE_S = 20.0  # whatever a server asks for
_MAY_MEND = frozenset({408, 425, 429, 500, 502, 503, 504, 529})
_MEANINGS = {
    400: "the request was not understood; is the model's name right",
    401: "the key is not accepted",
    403: "the key may not do this",
    404: "there is no such door or model; is the URL right, up to and with /v1",
    413: "the text is too long for it",
    429: "it is overloaded",
}


def deliver(parcel: Parcel, folder: Path, cancel: CancelToken) -> Reply:
    """Send a parcel to the chosen server and wait for the reply; `folder` holds choice, consent and log.

    Choice and consent are read for each attempt: taking either back holds at once, in every process.
    """
    if MAX_PARCEL_CHARACTERS < parcel.n_characters:
        raise RemoteError(f"{parcel.n_characters} characters are too many to send; {MAX_PARCEL_CHARACTERS} may be")
    until_s = time.monotonic() + parcel.deadline_ms / 1e3
    for n_failed in range(1, MAX_ATTEMPTS + 1):
        try:
            return _attempt(parcel, allowed(parcel, folder), folder, until_s, cancel)
        except _Later as later:
            if n_failed == MAX_ATTEMPTS or until_s <= time.monotonic() + later.pause_s(n_failed):
                raise RemoteError(f"{later}, after {n_failed} attempts" if 1 < n_failed else str(later)) from None
            _pause(later.pause_s(n_failed), cancel)
    raise AssertionError("the last attempt returns or raises")


def allowed(parcel: Parcel, folder: Path) -> Remote:
    """The server that this parcel may go to; an error where there is none, or where nobody allowed it."""
    remote = choice.load(folder)
    if remote is None:
        raise RemoteError("no remote server is chosen; see `devstral-ls remote use`")
    if consent.answer_of(folder, Path(parcel.workspace), remote) is not consent.Answer.ALLOWED:
        raise NoConsent(f"nobody allowed text of this folder to go to {remote.host}; see `devstral-ls remote allow`")
    return remote


class _Later(RemoteBusy):
    """An attempt failed; another one may be made, and perhaps the server said when."""

    def __init__(self, words: str, retry_after: str = "") -> None:
        super().__init__(words)
        self._retry_after = retry_after

    def pause_s(self, n_failed: int) -> float:
        asked_s = _seconds(self._retry_after)
        wanted_s = FIRST_PAUSE_S * 2 ** (n_failed - 1) if asked_s is None else asked_s
        return min(MAX_PAUSE_S, max(0.0, wanted_s))


def _attempt(parcel: Parcel, remote: Remote, folder: Path, until_s: float, cancel: CancelToken) -> Reply:
    try:
        from devstral_ls.remote.transport import post  # noqa: PLC0415  an extra
    except ModuleNotFoundError:
        raise RemoteError("a remote model needs more packages; run `pip install devstral-ls[remote]`") from None
    path, body, key = path_of(parcel, remote), body_of(parcel, remote), choice.read_key(remote.key)
    log = SentLog(folder)
    to = remote.url.rstrip("/") + path
    sending = log.begin(to=to, why=parcel.why, workspace=parcel.workspace, document=parcel.document)

    def record(content: bytes) -> None:
        log.add(sending, content)

    try:
        with post(remote, path, body, key=key, until_s=until_s, record=record, cancel=cancel) as answered:
            _refuse_unless_good(answered.status, answered.retry_after, answered.location, remote)
            return _read(pieces(answered.content_type, answered.chunks), parcel, cancel)
    except _Later:
        raise
    except RemoteBusy as error:
        raise _Later(str(error)) from None


def _read(answer: Iterator[Piece], parcel: Parcel, cancel: CancelToken) -> Reply:
    """The text, no longer than its tokens allow."""
    limit = parcel.max_tokens * MAX_CHARACTERS_PER_TOKEN
    text, finish = "", None
    for piece in answer:
        cancel.raise_if_cancelled()
        text += piece.text
        finish = piece.finish or finish
        if limit < len(text):
            return Reply(text[:limit], is_whole=False)
    return Reply(text, is_whole=is_finished(finish))


def _refuse_unless_good(status: int, retry_after: str, location: str, remote: Remote) -> None:
    if status == 200:
        return
    if 300 <= status < 400:
        raise RemoteError(
            f"{remote.host} sends us on to {_host(location)}, which was not chosen; nothing was sent there"
        )
    meaning = _MEANINGS.get(status, "which is no answer")
    words = f"{remote.host} answers {status}: {meaning}"
    raise _Later(words, retry_after) if status in _MAY_MEND else RemoteError(words)


def _host(location: str) -> str:
    try:
        host = urlsplit(location).netloc or "another path"
    except ValueError:
        return "somewhere else"
    return host if host.isprintable() else "somewhere else"


def _seconds(retry_after: str) -> float | None:
    """A number of seconds, or a date; None for what is neither."""
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        return parsedate_to_datetime(retry_after).timestamp() - time.time()
    except ValueError:
        return None


def _pause(seconds: float, cancel: CancelToken) -> None:
    woken = Event()
    forget = cancel.on_cancel(woken.set)
    woken.wait(seconds)
    forget()
    cancel.raise_if_cancelled()
