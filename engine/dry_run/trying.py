"""Tries a diagram: the real engine on a scratch database with a virtual clock; no operation runs, nothing leaves the machine.

`dry_run` streams what happens as plain mappings: `{"event": "completed", "node", "process", "at"}` for each flow node that
completes, also `withdrawn` and `failed`, and last and once `{"event": "end", "outcome", "code", "element", "variables",
"findings"}`; the findings also say in a sentence why a run could not go on. The work is done in a confined child process
(`rehearsal`), so it ends in time whatever the diagram does; this module stays light, because who asks need not load the engine.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

from confined.child import ChildFailed, ChildTimedOut, Limits, stream_confined
from engine.dry_run.trial import TIME_IS_OVER, End, Options, Outcome, told
from storage.errors import ParcelflowError

_MEMORY = 1 << 30
_SHARE_TO_RUN = 0.8
_SHARE_TO_END = 0.92
_CLEARINGS = 40
_CLEARING_SECONDS = 0.05


def dry_run(files: Mapping[str, bytes], options: Options) -> Iterator[dict[str, Any]]:
    """Try the diagrams, tables and forms of `files` (bytes by path) and give what happens, event by event.

    Where the options name no process, the only executable one of the first file is tried. The engine stops between two moves when
    most of the limit is over, to tell how far it came; what does not stop is killed in time for the whole command.
    """
    first = next(iter(files), "")
    begun, seconds = time.monotonic(), max(options.limit.total_seconds(), 0.001)
    limits = Limits(cpu_seconds=seconds, wall_seconds=seconds, memory_bytes=_MEMORY)
    stop_at, end_at = begun + seconds * _SHARE_TO_RUN, begun + seconds * _SHARE_TO_END
    with _scratch_folder() as folder:
        events = stream_confined(_rehearse, dict(files), options, folder, stop_at, limits=limits, until=end_at)
        with closing(events):
            try:
                yield from events
            except ChildTimedOut:
                yield End(Outcome.INCIDENT, "time_limit", None, told("time_limit", None, TIME_IS_OVER, first)).event({})
            except (ChildFailed, ParcelflowError) as failure:
                why = told(failure.code, None, str(failure) or failure.code, first)
                yield End(Outcome.INCIDENT, failure.code, None, why).event({})


@contextmanager
def _scratch_folder() -> Iterator[str]:
    """Give a folder that is gone afterwards; a child that was killed may still be writing for a moment."""
    folder = mkdtemp(prefix="parcelflow-dry-run-")
    try:
        yield folder
    finally:
        for _ in range(_CLEARINGS):
            rmtree(folder, ignore_errors=True)
            if not Path(folder).exists():
                break
            time.sleep(_CLEARING_SECONDS)


def warm_up() -> None:
    """Load what every run needs, before the first one."""
    import engine.dry_run.rehearsal  # noqa: PLC0415, F401 - only the confined child needs it
    import storage.schema  # noqa: PLC0415, F401


def _rehearse(files: Mapping[str, bytes], options: Options, folder: str, stop_at: float) -> Iterator[dict[str, Any]]:
    from engine.dry_run.rehearsal import rehearse  # noqa: PLC0415 - only the confined child needs it

    return rehearse(files, options, folder, stop_at)
