"""How long a shared engine stays, waits and remembers, and how that is told to a new one."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from devstral_ls.sharing.rendezvous import Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds, and numbers of requests."""

    idle_s: float = 30 * 60.0  # without a request it leaves, though editors are open, and gives its memory back
    left_s: float = 60.0  # without a client it leaves
    answer_s: float = 0.5  # so long all may wait for one client that was asked what a text costs
    rest_s: float = 20.0  # a client that has not asked for so long rests while another one is typed in
    n_requests: int = 32  # of one client at a time


@dataclass(frozen=True, slots=True)
class Start:
    """What a new engine is told."""

    wanted: Wanted
    limits: Limits
    path: Path  # of the socket


def start_argument(wanted: Wanted, limits: Limits, path: Path) -> str:
    return json.dumps({"wanted": asdict(wanted), "limits": asdict(limits), "path": str(path)})


def read_start(argument: str) -> Start:
    """What `start_argument` wrote."""
    given = json.loads(argument)
    return Start(Wanted(**given["wanted"]), Limits(**given["limits"]), Path(given["path"]))
