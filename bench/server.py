"""Serves a prepared database over HTTP until it is ended: `python -m bench.server URL FOLDER`; prints its port."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import waitress
from pydantic import SecretStr

from storage.database import Database
from storage.documents import DocumentStore
from web.app import create_app
from web.assembly import join
from web.settings import Settings, WebSettings


def main(url: str, folder: str) -> None:
    """Serve with the settings of an installation, but as many requests as one can send."""
    database = Database(url, clock=lambda: datetime.now(UTC), documents=DocumentStore(Path(folder) / "documents"))
    settings = Settings(
        data_folder=Path(folder), secret_key=SecretStr("k" * 32), web=WebSettings(most_api_requests=10_000_000)
    )
    system = join(settings, database.clock, database.documents, database)
    server = waitress.create_server(create_app(system), host="127.0.0.1", port=0, threads=4, ident=None)
    print(server.effective_port, flush=True)
    server.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
