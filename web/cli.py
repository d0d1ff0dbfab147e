"""The command line: `parcelflow COMMAND`. Each command is a function in `web.commands`, loaded when it is called."""

import sys
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import click

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "run": ("running:run", "Serve, work and take in deliveries, all in one process."),
        "serve": ("running:serve", "Serve the pages and the REST interface only."),
        "work": ("running:work", "Do jobs and take in deliveries only."),
        "migrate": ("keeping:migrate", "Bring the database to this version's schema."),
        "deploy": ("drafting:deploy", "Put a folder of diagrams, tables, forms and letters in force."),
        "people": ("people:people", "Add people, set their passwords, change their groups."),
        "import": ("importing:import_", "Take in master data."),
        "check": ("keeping:check", "Check the promises of the database and the document store."),
        "backup": ("keeping:backup", "Write a backup, also while the system runs."),
        "restore": ("keeping:restore", "Put a backup into an empty place."),
        "lint": ("drafting:lint", "Look for faults in diagrams, tables and forms."),
        "dry-run": ("drafting:dry_run", "Run a diagram on the real engine with a virtual clock."),
        "read": ("reading:read", "Read pages, words, barcodes and index fields of files."),
        "doctor": ("doctor:doctor", "Look whether everything is installed, reachable and configured."),
        "demo": ("demonstrating:demo", "Carry generated orders from arrival to archive."),
    }
)


class LazyGroup(click.Group):
    """A group that imports a command only when it is called, so that `parcelflow lint` starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names of all commands, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command by its name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(f"web.commands.{module}"), function)
        if not isinstance(command, click.Command):
            raise TypeError(f"{function} of web.commands.{module} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands, without importing any."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="parcelflow")
def cli() -> None:
    """Carry orders from their arrival to the archive."""


def main() -> None:
    """Run the command line; errors are one sentence and an exit code."""
    from storage.errors import ParcelflowError  # noqa: PLC0415 - only a failing or working command needs storage

    try:
        cli(prog_name="parcelflow")
    except ParcelflowError as error:
        click.echo(f"parcelflow: {error.message}", err=True)
        sys.exit(1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"parcelflow: {place}{error.strerror or error}.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
