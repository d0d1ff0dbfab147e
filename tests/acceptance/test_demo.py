"""The demonstration carries generated orders from arrival to archive, and says so only when it is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from figures import Count
from installation import ROOT, Installation
from sqlalchemy import create_engine, text

ENOUGH = 0.9


def _demo(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "web.cli", "demo", *options],
        env=Installation(folder).environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def _share(printed: str, count: Count) -> float:
    found = re.findall(r"^Seed \d+: (\d+) of (\d+) printed values", printed, re.MULTILINE)
    right, of = (sum(map(int, column)) for column in zip(*found, strict=True))
    count("printed values in the demonstration", of)
    count("printed values in the demonstration: read right", right)
    return right / of


@pytest.mark.timeout(900)
def test_a_round_goes_from_arrival_to_archive_with_a_rejection_of_each_kind(tmp_path: Path, count: Count) -> None:
    kept = tmp_path / "kept"

    done = _demo(tmp_path, "--seed", "119", "--folder", str(kept))

    assert done.returncode == 0, done.stdout + done.stderr
    assert _share(done.stdout, count) >= ENOUGH
    for objection in ("price_decision reject", "quality_decision reject"):
        assert done.stdout.count(objection) == 1
    with create_engine(f"sqlite:///{kept / 'parcelflow.db'}").connect() as connection:
        states = connection.execute(text("SELECT state, count(*) FROM parcel GROUP BY state")).all()
    assert ("archived", 5) in [tuple(row) for row in states]


@pytest.mark.long
@pytest.mark.timeout(0)
def test_twenty_rounds_read_nine_of_ten_values_without_help(tmp_path: Path, count: Count) -> None:
    done = _demo(tmp_path, "--seed", "100", "--rounds", "20")

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert _share(done.stdout, count) >= ENOUGH
