"""Broken and hostile files: each is answered by the checks and by a dry run, with findings, in bounded time and memory."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import measured
import pytest
from hostile_files import INTERCHANGE, hostile_files

from engine.dry_run.trial import Options
from engine.dry_run.trying import dry_run
from engine.linting import lint_files

SECONDS, MEGABYTES = 10, 500
"""What a command may take for any file."""
WHOLE_FILE: Final = {
    "not_bpmn",
    "not_dmn",
    "form_json",
    "form_too_large",
    "decision_missing",
    "no_process",
    "no_picture",
}
"""Findings about no element; so are those of the reader, which begin with `xml_` and `diagram_`."""
NAMELESS: Final = {"missing_id", "flow_without_id"}
SAMPLE: Final = (
    "endless_loop.bpmn",
    "endless_instances_1000000.bpmn",
    "circular_call_two.bpmn",
    "declared_laughs.bpmn",
    "large_row.bpmn",
    "large_tables_texts.dmn",
    "large_tables_variables.dmn",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answered, and what it took."""

    code: int
    output: str
    error: str
    seconds: float
    """On the clock, which a busy machine draws out."""
    worked: float
    """Seconds of work of the processor."""
    megabytes: float


def everything() -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in INTERCHANGE} | hostile_files()


def answered(arguments: list[str], folder: Path) -> Answer:
    """Run a command; its memory is that of the largest of its processes, as the system counts it."""
    out, err, took = folder / "out", folder / "err", folder / "took"
    began = time.monotonic()
    with out.open("wb") as output, err.open("wb") as error:
        command = [sys.executable, measured.__file__, str(took), sys.executable, "-m", "web.cli", *arguments]
        code = subprocess.run(command, stdout=output, stderr=error, check=False).returncode
    seconds = time.monotonic() - began
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in (out, err))
    return Answer(code, *texts, seconds, **json.loads(took.read_text(encoding="utf-8")))


def check_lint(name: str, answer: Answer) -> None:
    """A list of findings, each with its element where there is one."""
    assert answer.code in {0, 1}, (name, answer.error[-500:])
    assert answer.output.startswith("["), (name, answer.error[-500:])
    findings: list[dict[str, Any]] = json.loads(answer.output)
    assert any(one["severity"] == "error" for one in findings) == (answer.code == 1), name
    check_elements(name, findings)


def check_elements(name: str, findings: list[dict[str, Any]]) -> None:
    for one in findings:
        whole = one["code"] in WHOLE_FILE or one["code"].startswith(("xml_", "diagram_", "decision_", "form_"))
        assert whole or one["element"] or one["code"] in NAMELESS or "nameless" in name, (name, one)


def check_dry_run(name: str, answer: Answer) -> None:
    assert answer.code in {0, 1}, (name, answer.error[-500:])
    assert answer.output, (name, answer.error[-500:])
    assert json.loads(answer.output.splitlines()[-1])["event"] == "end", name


def check_limits(name: str, answers: Mapping[str, Answer]) -> None:
    for command, answer in answers.items():
        assert answer.worked < SECONDS, (name, command, answer.worked)
        assert answer.megabytes < MEGABYTES, (name, command, answer.megabytes)


def ask(name: str, data: bytes, folder: Path) -> dict[str, Answer]:
    """Ask both commands about a file."""
    path = folder / name
    path.write_bytes(data)
    lint = answered(["lint", "--json", str(path)], folder)
    run = answered(["dry-run", "--json", str(path)], folder)
    path.unlink()
    return {"lint": lint, "dry-run": run}


def test_there_are_more_than_a_hundred_of_them_and_always_the_same() -> None:
    files = hostile_files()

    assert len(files) > 100
    assert files == hostile_files()


def test_each_is_answered_by_findings_that_name_elements() -> None:
    silent = []
    for name, data in everything().items():
        findings = lint_files([(name, data)])
        silent += [] if findings else [name]
        check_elements(name, [{"code": one.code, "element": one.element} for one in findings])

    assert len(silent) < len(hostile_files()) / 5


@pytest.mark.parametrize("name", SAMPLE)
def test_the_worst_are_answered_by_both_commands_within_their_limits(name: str, tmp_path: Path) -> None:
    answers = ask(name, hostile_files()[name], tmp_path)

    check_lint(name, answers["lint"])
    check_dry_run(name, answers["dry-run"])
    assert max(answer.megabytes for answer in answers.values()) < MEGABYTES


@pytest.mark.parametrize("name", ["mutated_3", "mutated_7", "doubled_ids_0", "tables_ring", "forms_deep", "cut_4"])
def test_a_dry_run_of_a_broken_file_has_an_end(name: str) -> None:
    found, data = next((key, data) for key, data in hostile_files().items() if key.startswith(name))

    assert [event for event in dry_run({found: data}, Options()) if event["event"] == "end"]


@pytest.mark.long
@pytest.mark.timeout(0)
def test_every_file_is_answered_by_both_commands_within_their_limits(tmp_path: Path) -> None:
    taken: list[tuple[float, float, str, str]] = []
    for name, data in everything().items():
        answers = ask(name, data, tmp_path)
        check_lint(name, answers["lint"])
        check_dry_run(name, answers["dry-run"])
        check_limits(name, answers)
        taken += [(one.seconds, one.megabytes, command, name) for command, one in answers.items()]

    told(taken)


def told(taken: list[tuple[float, float, str, str]]) -> None:
    """Print what the slowest and the largest answer took; long runs are watched."""
    for what, one in (("slowest", max(taken)), ("largest", max(taken, key=lambda answer: answer[1]))):
        seconds, megabytes, command, name = one
        sys.stdout.write(f"{what} of {len(taken)}: {command} {name}, {seconds:.1f} s, {megabytes:.0f} MB\n")
