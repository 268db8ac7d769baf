"""How long and how large the README's two commands are in a fresh clone: `python benchmarks/install.py`."""

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from record import record

ROOT = Path(__file__).parent.parent
MIB = 1 << 20


def main() -> None:
    figures = {name: measure(readme_command(name)) for name in ("demo", "test")}
    path = record("install", figures)
    for name, found in figures.items():
        print(f"{name}: install {found['install_s']} s, run {found['run_s']} s, {found['environment_mib']} MiB")
    print(f"wrote {path.relative_to(ROOT)}")


def readme_command(name: str) -> str:
    """The command that README.md shows under the marker `name`."""
    found = re.search(rf"<!-- command: {name} -->\s*```sh\n(.*?)\n```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found is not None, f"README.md shows no command {name!r}"
    return found[1]


def measure(command: str) -> dict[str, Any]:
    """Run the steps of `a && b && c` in a fresh clone; the last one is the run, the others install."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "devstral-ls"
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
        *install, run = command.split(" && ")
        install_s = sum(seconds(step, clone) for step in install)
        run_s = seconds(run, clone)
        return {
            "command": command,
            "install_s": round(install_s, 1),
            "run_s": round(run_s, 1),
            "environment_mib": round(size_bytes(clone / ".venv") / MIB),
            "clone_mib": round((size_bytes(clone) - size_bytes(clone / ".venv")) / MIB, 1),
            "onnxruntime_mib": round(sum(map(size_bytes, clone.glob(".venv/lib/*/site-packages/onnxruntime"))) / MIB),
        }


def seconds(step: str, folder: Path) -> float:
    start_s = time.perf_counter()
    shell = shutil.which("bash") or "sh"
    subprocess.run([shell, "-c", step], cwd=folder, check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - start_s


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


if __name__ == "__main__":
    main()
