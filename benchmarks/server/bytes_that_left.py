"""Which addresses the test suite tried to reach, by the kernel's word: every process of it runs under strace.

The tests of the remote backend and of the endpoint speak to servers of their own on the loopback; all others have
no remote server, and are counted apart. A look-up of a name shows too: it is a datagram to some address.

    python benchmarks/server/bytes_that_left.py [--remote-too] [TEST…]
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))
from record import record

ROOT = Path(__file__).parent.parent.parent
REMOTE_ON = ("tests/remote", "tests/endpoint", "tests/server/test_outside.py", "tests/cli/test_remote.py")
REMOTE_OFF = ("tests/server", "tests/cli", "tests/features", "tests/context", "tests/checkers", "tests/test_offline.py")
LEFT_OUT = (*REMOTE_ON[2:], "tests/server/test_fuzz.py")
_CALL = re.compile(r"^\d+ +(?:\d+\.\d+ )?(connect|sendto|sendmsg|sendmmsg)\(")
_ADDRESS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tests", nargs="*", help="instead of the rooms that open sockets or start programs")
    parser.add_argument("--remote-too", action="store_true", help="also the tests with servers on the loopback")
    given = parser.parse_args()
    figures = {"remote_off": _figures(given.tests or REMOTE_OFF, LEFT_OUT)}
    if given.remote_too:
        figures["remote_on_loopback"] = _figures(REMOTE_ON)
    print(record("bytes_that_left", figures), figures)


def _figures(tests: Iterable[str], left_out: Iterable[str] = ()) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "calls"
        tracer = ["strace", "-f", "--seccomp-bpf", "-qqq", "-e", "trace=connect,sendto,sendmsg,sendmmsg"]
        tracer += ["-e", "signal=none", "-o", str(log)]
        suite = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rN", *tests]
        suite += [f"--ignore={each}" for each in left_out]
        ran = subprocess.run([*tracer, *suite], cwd=ROOT, capture_output=True, text=True, check=False)
        outside, loopback = addresses(log.read_text("utf-8", errors="replace").splitlines())
    summary = ran.stdout.strip().splitlines()[-1] if ran.stdout.strip() else ran.stderr
    n_dots = sum(line.split(" ")[0].count(".") for line in ran.stdout.splitlines() if re.match(r"^[.sFEx]+( |$)", line))
    return {
        "tests": [*tests],
        "n_passed": n_dots,
        "exit_code": ran.returncode,
        "summary": summary if ran.returncode else "",
        "n_calls_to_other_machines": sum(outside.values()),
        "other_machines": dict(outside),
        "n_calls_to_the_loopback": sum(loopback.values()),
    }


def addresses(lines: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """How often each address outside of this machine was named, and each inside; refused attempts count."""
    outside: Counter[str] = Counter()
    loopback: Counter[str] = Counter()
    for line in lines:
        found = _ADDRESS.search(line) if _CALL.match(line) else None
        if found is not None:
            address = found[1] or found[2]
            (loopback if ip_address(address).is_loopback else outside)[address] += 1
    return outside, loopback


if __name__ == "__main__":
    main()
