"""Completions a second at `Engine.complete` beside the raw limit, on both databases: `python bench/engine.py`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.__main__ import main

if __name__ == "__main__":
    sys.exit(main(["--subject", "completions", *sys.argv[1:]]))
