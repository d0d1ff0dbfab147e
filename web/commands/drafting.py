"""`parcelflow lint`, `dry-run` and `deploy`: look at diagrams, try them, put them in force."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

BAD_OUTCOMES = {"refused", "incident", "failed"}
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON array of findings.")
def lint(files: tuple[Path, ...], as_json: bool) -> None:
    """Look for faults in FILES (.bpmn, .bpmn2, .dmn, .form, or .xml of these); exit 1 if there is an error."""
    from engine.linting import SUFFIXES, kind_of, lint_files  # noqa: PLC0415 - keeps other commands fast

    given = [(str(path), path.read_bytes()) for path in files]
    foreign = next((path for path, data in given if kind_of(path, data) is None), None)
    if foreign is not None:
        raise click.UsageError(f"{foreign} is none of {', '.join(sorted(SUFFIXES))}; nothing else is looked at.")
    findings = lint_files(given)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], ensure_ascii=False))
    else:
        for finding in findings:
            place = f"{finding.file}, {finding.element}" if finding.element else finding.file
            click.echo(f"{finding.severity}: {place}: {finding.message} [{finding.code}]")
        click.echo(f"{len(findings)} findings." if findings else "No findings.")
    sys.exit(any(finding.severity == "error" for finding in findings))


@click.command(name="dry-run")
@click.argument("file", type=FILE)
@click.option("--also", multiple=True, type=FILE, help="Another diagram, table or form; may be repeated.")
@click.option("--process", "processes", multiple=True, help="Process to start, by id; may be repeated.")
@click.option("--variables", default="{}", help="Variables to start with, as a JSON object.")
@click.option("--script", type=FILE, help="Steps to take in order, as a JSON list.")
@click.option("--hold", is_flag=True, help="Leave waiting what waits after the script.")
@click.option(
    "--limit", type=click.FloatRange(0, 3600), default=10.0, show_default=True, help="Seconds after which the run ends."
)
@click.option("--now", "start", default="2026-01-01T00:00Z", show_default=True, help="Time at which the clock starts.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
def dry_run(  # noqa: PLR0917 - click passes them by name
    file: Path,
    also: tuple[Path, ...],
    processes: tuple[str, ...],
    variables: str,
    script: Path | None,
    hold: bool,
    limit: float,
    start: str,
    as_json: bool,
) -> None:
    """Run a diagram on the real engine against a scratch database, with a virtual clock; no operation runs."""
    from engine.dry_run.trial import Options  # noqa: PLC0415
    from engine.dry_run.trying import dry_run as try_out  # noqa: PLC0415

    options = Options(
        processes=processes,
        variables=_json(variables, "--variables", dict),
        script=_steps(script) if script else (),
        hold=hold,
        limit=timedelta(seconds=limit if limit == limit else 0),  # noqa: PLR0124 - NaN alone differs from itself
        now=_time(start),
    )
    outcome = ""
    for event in try_out({str(path): path.read_bytes() for path in (file, *also)}, options):
        outcome = event.get("outcome", outcome)
        click.echo(json.dumps(event, ensure_ascii=False, default=str) if as_json else _in_words(event))
    sys.exit(outcome in BAD_OUTCOMES)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--note", default="", help="Why; kept with the deployment.")
def deploy(folder: Path, note: str) -> None:
    """Put the diagrams, tables, forms and letters in FOLDER in force; running instances keep their version."""
    from engine.deployment import deploy as put_in_force  # noqa: PLC0415
    from engine.deployment import read_folder  # noqa: PLC0415
    from engine.errors import DefinitionError  # noqa: PLC0415
    from storage.errors import Refused  # noqa: PLC0415
    from web.commands.opening import opened_system  # noqa: PLC0415

    files = read_folder(folder)
    if not any(path.endswith(".bpmn") for path in files):
        raise click.UsageError(f"The folder {folder} holds no diagram; add a .bpmn file.")
    with opened_system() as system:
        try:
            deployed = put_in_force(
                system.database,
                system.surroundings(),
                files,
                login="command line",
                note=note,
                name=folder.resolve().name,
            )
        except DefinitionError as error:
            for finding in error.findings:
                place = ", ".join(part for part in (finding.file, finding.element) if part)
                click.echo(f"{finding.severity}: {place}: {finding.message}", err=True)
            raise Refused("Nothing was put in force; correct the errors above and deploy again.") from error
    for key, version in deployed.versions.items():
        click.echo(f"{key} is in force as version {version}.")


def _json(text: str, option: str, kind: type[Any]) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{option} is no JSON: {error}.") from error
    if not isinstance(value, kind):
        raise click.UsageError(f"{option} must hold a JSON {'object' if kind is dict else 'list'}.")
    return value


def _steps(script: Path) -> list[dict[str, Any]]:
    steps = _json(script.read_bytes().decode("utf-8-sig", errors="replace"), "--script", list)
    if not all(isinstance(step, dict) for step in steps):
        raise click.UsageError('--script must hold a list of steps such as {"complete": "review"}.')
    return list(steps)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"--now must be a time such as 2026-01-01T00:00Z, not {text}.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_words(event: Mapping[str, Any]) -> str:
    if event["event"] != "end":
        return f"{event.get('at', '')}  {event['event']:<10} {event.get('node', '')}"
    lines = [f"Ended: {event['outcome']}" + (f" ({event['code']} at {event['element']})" if event["code"] else "")]
    lines += [
        f"  {key}: {json.dumps(values, ensure_ascii=False, default=str)}" for key, values in event["variables"].items()
    ]
    lines += [f"  {finding['severity']}: {finding['element']}: {finding['message']}" for finding in event["findings"]]
    return "\n".join(lines)
