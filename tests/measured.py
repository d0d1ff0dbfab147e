"""Runs a command and writes down what it took: `python measured.py REPORT COMMAND...`.

A small process of its own, because Linux counts as the largest memory of a child also what its parent had when it was started.
"""

import json
import os
import subprocess
import sys
from pathlib import Path


def main(report: str, *command: str) -> int:
    """Write `{"worked": seconds of processor time, "megabytes": largest memory of one of its processes}`; gives its exit code."""
    child = subprocess.Popen(command)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    took = {"worked": usage.ru_utime + usage.ru_stime, "megabytes": usage.ru_maxrss / 1024}
    Path(report).write_text(json.dumps(took), encoding="utf-8")
    return child.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
