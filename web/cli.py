"""The command line: `parcelflow COMMAND`. Each command is a function in `web.commands`, loaded when it is called."""

import sys
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

import click

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "run": "running:run",
        "serve": "running:serve",
        "work": "running:work",
        "migrate": "keeping:migrate",
        "check": "keeping:check",
        "backup": "keeping:backup",
        "restore": "keeping:restore",
        "people": "people:people",
        "import": "importing:import_",
        "deploy": "drafting:deploy",
        "lint": "drafting:lint",
        "dry-run": "drafting:dry_run",
        "read": "reading:read",
        "doctor": "doctor:doctor",
        "demo": "demonstrating:demo",
    }
)


class LazyGroup(click.Group):
    """A group that imports a command only when it is needed, so that `parcelflow lint` starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give the names of all commands, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command by its name."""
        del ctx
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, function = place.partition(":")
        command = getattr(import_module(f"web.commands.{module}"), function)
        assert isinstance(command, click.Command)
        return command


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


if __name__ == "__main__":
    main()
