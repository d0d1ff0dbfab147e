"""The disk is full: nothing is half there, what could not be written is said so, and with room again it goes on by itself."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from busy_day import DECK, MORNING, SHIFT, Day, Kit, Place, prepare, read_lines
from fakes import FakeClock
from reckoning import breaches, settle

_PIECE = 1 << 14


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "none", folder], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Fill a disk to the last piece."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(os.urandom(_PIECE)):
                pass
        except OSError:
            return path
    raise AssertionError("the disk has no end")


def test_a_full_disk_loses_nothing_and_with_room_again_it_goes_on(
    sqlite_template: Path, small_disk: Path, tmp_path: Path
) -> None:
    url, kit = f"sqlite:///{shutil.copyfile(sqlite_template, small_disk / 'day.sqlite')}", Kit()
    place = Place(url, tmp_path)
    prepare(place)
    day = Day(place, "n1.1", 1, kit)
    day.work(1, *DECK)
    day = Day(place, "n1.2", 2, kit)

    filler = fill(small_disk)
    day.work(2, *DECK)
    filler.unlink()

    assert "unknown" in {said for said, *_ in read_lines(place.ledger)}
    database = place.open(FakeClock(MORNING + 2.95 * SHIFT))
    found = breaches(place, database, kit)
    database.close()
    assert found == []
    Day(place, "n1.3", 3, kit).work(1, *DECK)
    assert settle(place, 4, kit) == []
