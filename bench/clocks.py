"""Processor time of this process and of a PostgreSQL server; percentiles and growth of what was measured."""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path


def own() -> float:
    """Give the processor time of this process, in seconds."""
    return time.process_time()


def of_family(parent: int | None) -> float:
    """Give the processor time of a process and its living children, in seconds; 0 where there is no process."""
    if parent is None:
        return 0.0
    family = [place for place in Path("/proc").iterdir() if place.name.isdigit() and _belongs(place, parent)]
    return sum(_used(place) for place in family)


def _belongs(place: Path, parent: int) -> bool:
    return int(place.name) == parent or _read(place / "stat").rpartition(")")[2].split()[1:2] == [str(parent)]


def _used(place: Path) -> float:
    threads = [_read(thread) for thread in place.glob("task/*/schedstat")]
    return sum(int(text.split()[0]) for text in threads if text) / 1e9


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""  # it has ended meanwhile


def growth(times: Sequence[float], share: float = 0.1) -> float:
    """Give how much longer the last tenth took than the first, by medians; or another share."""
    some = max(1, int(len(times) * share))
    return statistics.median(times[-some:]) / statistics.median(times[:some])


def percentile(times: Sequence[float], share: float) -> float:
    """Give the time that this share of all stayed below."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]
