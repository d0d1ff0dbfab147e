"""`parcelflow demo`: orders made anew from a seed go from arrival to archive without a person."""

import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from web.assembly import System, assemble
from web.background import make_background
from web.demo.samples import add_sample_people, deploy_shipped
from web.demo.story import Outcome, play
from web.settings import DropFolderSettings, MailServerSettings, Settings

ENOUGH = 0.9


@click.command()
@click.option("--seed", type=int, help="Seed of the orders; a new one if not given.")
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Rounds to play, each with the next seed.",
)
@click.option("--folder", type=click.Path(file_okay=False, path_type=Path), help="Keep everything in this new folder.")
def demo(seed: int | None, rounds: int, folder: Path | None) -> None:
    """Carry generated orders from arrival to archive and check the end; exit 1 if it is wrong."""
    if folder is not None and folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"The folder {folder} is not empty; name another one.")
    first = secrets.randbelow(1_000_000) if seed is None else seed
    click.echo(f"Seed {first}")
    total = Outcome()
    with _installation(folder) as system:
        for number in range(first, first + rounds):
            outcome = play(system, number, click.echo)
            total.right += outcome.right
            total.printed += outcome.printed
            total.faults += [f"seed {number}: {fault}" for fault in outcome.faults]
            click.echo(f"Seed {number}: {outcome.right} of {outcome.printed} printed values read right without help")
    share = total.right / total.printed if total.printed else 0.0
    click.echo(f"Read right without help: {share:.1%}")
    if rounds > 1 and share < ENOUGH:
        total.faults.append(f"less than {ENOUGH:.0%} of the printed values were read right")
    for fault in total.faults:
        click.echo(f"WRONG {fault}", err=True)
    click.echo("Every order is in the archive, every document is found and whole." if not total.faults else "")
    sys.exit(bool(total.faults))


@contextmanager
def _installation(folder: Path | None) -> Iterator[System]:
    """Give a running installation of its own, in a folder that is removed in the end unless it is to be kept."""
    with tempfile.TemporaryDirectory(prefix="parcelflow-demo-") as scratch:
        system = assemble(_settings(folder or Path(scratch)))
        system.database.migrate()
        add_sample_people(system)
        deploy_shipped(system)
        background = make_background(system)
        background.start()
        try:
            yield system
        finally:
            background.stop()
            system.close()


def _settings(folder: Path) -> Settings:
    """Give the settings of the demonstration: everything in one folder, mail on a free port of this machine."""
    chosen = Settings()
    return chosen.model_copy(
        update={
            "data_folder": folder,
            "database_url": None,
            "document_folder": None,
            "mail_server": MailServerSettings(port=_free_port()),
            "drop_folder": DropFolderSettings(quiet_seconds=0.5),
        }
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
