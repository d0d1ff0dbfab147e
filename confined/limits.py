"""How much time and memory a confined child may use, and how the kernel is told."""

import math
import resource
from dataclasses import dataclass, replace
from pathlib import Path

_OPEN_FILES = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """What one confined call may use; of a stream, what each item may use.

    `cpu_seconds` is processor time, `wall_seconds` elapsed time, `memory_bytes` address space beyond that of an idle
    child, `file_bytes` the size of any one file it writes.
    """

    cpu_seconds: float = 60.0
    wall_seconds: float = 120.0
    memory_bytes: int = 1 << 30
    file_bytes: int = 1 << 30

    def times(self, count: int) -> "Limits":
        """Return limits with `count` times the time, for work of `count` like parts."""
        return replace(self, cpu_seconds=self.cpu_seconds * count, wall_seconds=self.wall_seconds * count)


def impose(limits: Limits) -> None:
    """Put the calling process under `limits`, for good."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_FSIZE, limits.file_bytes)
    _lower(resource.RLIMIT_AS, _address_space() + limits.memory_bytes)
    renew_cpu(limits)


def renew_cpu(limits: Limits) -> None:
    """Give the calling process `limits.cpu_seconds` from now; when they are over the kernel ends it with SIGXCPU."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = math.ceil(used.ru_utime + used.ru_stime + limits.cpu_seconds)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = until if hard == resource.RLIM_INFINITY else min(until, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def _lower(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (lowered, lowered))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()
