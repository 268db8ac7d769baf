"""Tiny checkpoints and the folders that they are exported to."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # test folders are not packages; tiny.py is shared with a benchmark
