"""`parcelflow run`, `serve` and `work`: the processes of a running installation."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click
import waitress

from storage.errors import Unavailable
from storage.job_engine import JobEngine
from web.app import create_app
from web.assembly import System
from web.background import Background, make_background, take_node_name
from web.commands.opening import opened_system

log = logging.getLogger("parcelflow")


@click.command()
@click.option(
    "--samples", is_flag=True, help="Make the sample people and feed the sample parcels, if nothing is there yet."
)
def run(samples: bool) -> None:
    """Serve, work and take in deliveries, all in one process."""
    with opened_system(is_any_schema=True) as system, _working(system):
        if samples:
            from web.demo.samples import feed  # noqa: PLC0415 - a real installation never needs it

            feed(system)
        _serve(system)


@click.command()
def serve() -> None:
    """Serve the pages and the REST interface; jobs are left to `parcelflow work`."""
    with opened_system(is_any_schema=True) as system, _enqueueing(system):
        _serve(system)


@click.command()
def work() -> None:
    """Do jobs and take in deliveries; pages are left to `parcelflow serve`."""
    with opened_system(is_any_schema=True) as system, _working(system):
        click.echo("Parcelflow works. End it with Ctrl-C.")
        stopping = threading.Event()
        _on_end(stopping.set)
        stopping.wait()


@contextmanager
def _working(system: System) -> Iterator[Background]:
    """Let worker and channels run; stop them in the end, which lets running jobs finish."""
    system.database.migrate()
    background = make_background(system)
    background.start()
    try:
        yield background
    finally:
        background.stop()
        if background.worker.is_at_work:
            _leave()


def _leave() -> None:
    """End the process at once: a job that takes too long was left to others, and its thread must not hold us up."""
    log.warning("A job takes too long to be waited for; it is done anew by another process, or after the next start.")
    logging.shutdown()
    os._exit(0)


@contextmanager
def _enqueueing(system: System) -> Iterator[None]:
    """Let transactions wake the workers of other processes."""
    system.database.migrate()
    node = take_node_name(system.settings.data_folder)
    job_engine = JobEngine(system.settings.database_address, node=node.name)
    job_engine.prepare()
    system.database.wake = job_engine.wake
    try:
        yield
    finally:
        job_engine.close()
        node.give_back()


def _serve(system: System) -> None:
    """Answer requests until the process is told to end."""
    web = system.settings.web
    try:
        server = waitress.create_server(
            create_app(system),
            host=web.host,
            port=web.port,
            threads=web.threads,
            ident=None,
            max_request_body_size=web.largest_upload,
            clear_untrusted_proxy_headers=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Unavailable(
            f"Port {web.port} of {web.host} cannot be used ({reason}); set PARCELFLOW_WEB__HOST and PARCELFLOW_WEB__PORT."
        ) from error
    click.echo(f"Parcelflow serves {web.address}. End it with Ctrl-C.")

    def end() -> None:
        raise SystemExit(0)

    _on_end(end)
    try:
        server.run()
    finally:
        server.close()


def _on_end(act: object) -> None:
    def told(_signal: int, _frame: FrameType | None) -> None:
        if callable(act):
            act()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
