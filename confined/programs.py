"""Run a foreign program in a confined child: same limits, no network, killed with all it started."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from confined.child import run_confined
from confined.errors import ChildFailed
from confined.limits import Limits

_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "OMP_THREAD_LIMIT": "1"}


class ProgramMissing(ChildFailed):
    """A program that is needed is not installed; `parcelflow doctor` names its Debian package."""

    code = "program_missing"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended: its exit code and what it printed."""

    code: int
    output: bytes
    errors: bytes


def run_program(
    argv: Sequence[str],
    *,
    data: bytes = b"",
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Finished:
    """Run `argv` with `data` as its input in `folder` and return how it ended.

    Its environment is small and fixed but for `environment`. Raises ProgramMissing, and ChildFailed when the limits are
    passed; an exit code other than 0 is for the caller to judge.
    """
    return run_confined(
        _execute, tuple(argv), data, folder, _ENVIRONMENT | dict(environment or {}), limits=limits or Limits()
    )


def _execute(argv: tuple[str, ...], data: bytes, folder: Path | None, environment: Mapping[str, str]) -> Finished:
    try:
        done = subprocess.run(argv, input=data, cwd=folder, env=environment, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ProgramMissing(f"The program {argv[0]} is not installed.") from error
    return Finished(done.returncode, done.stdout, done.stderr)
