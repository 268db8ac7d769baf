"""The pinned repositories of the context benchmarks, as source distributions from the package registry.

    python benchmarks/context/repositories.py      # fetch and unpack what is missing

They land in the ignored folder `.bench/`; nothing of them is committed. All are permissively licensed.
Weights were tuned on TUNED only; HELD_OUT was run for the report and for nothing else.
"""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

BENCH = Path(".bench")
TUNED = (
    "celery==5.5.3",
    "httpx==0.28.1",
    "jedi==0.19.2",
    "kombu==5.5.4",
    "pytest==8.4.2",
    "rich==14.1.0",
    "scrapy==2.13.3",
    "sphinx==8.2.3",
    "trio==0.31.0",
    "werkzeug==3.1.3",
)
HELD_OUT = (
    "dask==2025.9.1",
    "mypy==1.18.2",
    "networkx==3.5",
    "pydantic==2.11.9",
    "tornado==6.5.2",
)
# Real lines for what an index costs, in this order; nothing else is asked of them.
LINES = (
    "django==5.2.8",
    "jedi==0.19.2",
    "sqlalchemy==2.0.44",
    "scrapy==2.13.3",
    "celery==5.5.3",
    "httpx==0.28.1",
    "rich==14.1.0",
    "sphinx==8.2.3",
    "twisted==25.5.0",
    "networkx==3.5",
    "dask==2025.9.1",
    "tornado==6.5.2",
    "mypy==1.18.2",
    "xarray==2025.9.0",
    "pydantic==2.11.9",
    "sympy==1.14.0",
)


def folder_of(requirement: str) -> Path:
    """Where a repository lies once it is fetched."""
    return BENCH / "repos" / requirement.replace("==", "-")


def fetch(requirement: str) -> Path:
    """The unpacked repository, fetched when it is not there yet."""
    folder = folder_of(requirement)
    if not folder.exists():
        archives = BENCH / "sdists"
        name = requirement.split("==", maxsplit=1)[0]
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", name, "-d", str(archives)]
        subprocess.run([*command, requirement], check=True)
        with tarfile.open(next(archives.glob(f"{name}-*.tar.gz"))) as archive:
            archive.extractall(folder.parent, filter="data")
    return folder


def main() -> None:
    if shutil.which("pip") is None:
        print("pip is not on the PATH; using the one of this interpreter")
    for requirement in sorted({*TUNED, *HELD_OUT, *LINES}):
        print(fetch(requirement))


if __name__ == "__main__":
    main()
