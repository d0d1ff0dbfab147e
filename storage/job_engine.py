"""The one door to the job engine (DBOS): wake-ups that are put down in the caller's transaction and reach one worker.

The job engine keeps its tables in our database (schema `dbos` on PostgreSQL, `main` on SQLite), on connections of its own.
A wake-up holds nothing but the number of a job; what is to be done, how often it was tried and what came of it stands in
our `job` rows. It comes at least once: a node that dies leaves its wake-ups to `take_over`.
`wake` may be called anywhere; `run` and what follows it belong to the one worker of a process.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from dbos import DBOS, DBOSClient
from dbos._serialization import DBOSPortableJSON
from sqlalchemy import Connection, Engine, create_engine, event, make_url

MOST_SWEPT = 1_000
"""Wake-ups forgotten in one go."""

_APPLICATION = "parcelflow"
_VERSION = "1"  # of what a wake-up holds; wake-ups of another version are left alone
_QUEUE = "jobs"
_WORKFLOW = "run_job"
_SECONDS_FOR_EVER = 365 * 24 * 3600.0


class JobEngine:
    """Carries wake-ups for jobs from a transaction to a worker."""

    def __init__(self, url: str, *, node: str, threads: int = 4, polling: timedelta = timedelta(seconds=0.2)) -> None:
        self.node = node
        self._threads = threads
        self._polling = polling
        self._engine = _open(url)
        self._client = DBOSClient(
            system_database_engine=self._engine,
            serializer=DBOSPortableJSON,
            application_name=_APPLICATION,
            lazy=True,
        )

    def prepare(self) -> None:
        """Make or update the job engine's own tables; safe to repeat."""
        self._client._sys_db.run_migrations()  # noqa: SLF001 - the library offers this only for engines of its own making

    def wake(self, connection: Connection, job_id: int, rank: int, delay: timedelta) -> None:
        """Let a worker take up the job after the delay, lower ranks first, if the transaction of the connection commits."""
        options: dict[str, Any] = {
            "workflow_name": _WORKFLOW,
            "queue_name": _QUEUE,
            "workflow_id": f"{_beginning(job_id)}{uuid4().hex}",
            "app_version": _VERSION,
            "priority": rank,
        }
        if delay > timedelta(0):
            options["delay_seconds"] = delay.total_seconds()
        self._client.enqueue_in_transaction(connection, options, job_id)  # type: ignore[arg-type]  # a plain dict on purpose

    def run(self, handler: Callable[[int], None]) -> None:
        """Begin to hand jobs to the handler, from threads of the job engine; returns at once."""
        DBOS(
            config={
                "name": _APPLICATION,
                "system_database_engine": self._engine,
                "serializer": DBOSPortableJSON,
                "application_version": _VERSION,
                "executor_id": self.node,
                "log_level": "ERROR",
                "use_listen_notify": False,
                "max_executor_threads": self._threads + 4,
                "scheduler_polling_interval_sec": _SECONDS_FOR_EVER,
                "notification_listener_polling_interval_sec": 1.0,
            }
        )
        logging.getLogger("dbos").setLevel(logging.ERROR)

        def run_job(job_id: int) -> None:
            handler(job_id)

        DBOS.workflow(name=_WORKFLOW)(run_job)
        DBOS.launch()
        DBOS.register_queue(
            _QUEUE,
            worker_concurrency=self._threads,
            polling_interval_sec=self._polling.total_seconds(),
            on_conflict="always_update",
        )

    def take_over(self, nodes: Sequence[str]) -> None:
        """Let the wake-ups that these dead nodes had taken come again; doing so twice does no harm."""
        DBOS._recover_pending_workflows(list(nodes))  # noqa: SLF001 - the library's only way to recover for another node

    def on_their_way(self, job_ids: Sequence[int]) -> set[int]:
        """Tell which of the jobs have a wake-up that waits for its turn."""
        beginnings = {_beginning(job_id): job_id for job_id in job_ids}
        waiting = self._client.list_workflows(
            status="ENQUEUED", workflow_id_prefix=list(beginnings), load_input=False, load_output=False
        )
        return {beginnings[wake_up.workflow_id.rpartition("-")[0] + "-"] for wake_up in waiting}

    def sweep(self, before: datetime) -> int:
        """Forget wake-ups that ended before this time; gives how many, at most `MOST_SWEPT` at a time."""
        ended = self._client.list_workflows(
            status=["SUCCESS", "ERROR"],
            end_time=before.isoformat(),
            limit=MOST_SWEPT,
            load_input=False,
            load_output=False,
        )
        self._client.delete_workflows([wake_up.workflow_id for wake_up in ended])
        return len(ended)

    def stop(self, patience: timedelta) -> None:
        """Take no more jobs, and wait so long for those that run."""
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=int(patience.total_seconds()))

    def close(self) -> None:
        """Close all connections."""
        self._client.destroy()
        self._engine.dispose()


def _beginning(job_id: int) -> str:
    return f"job-{job_id}-"


def _open(url: str) -> Engine:
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_size=5, max_overflow=10, connect_args={"options": "-c timezone=UTC"})
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
