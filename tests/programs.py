"""Programs that reach a house by its REST interface, with a token."""

from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from house import House
from werkzeug.test import TestResponse

from web.tokens import Scope, issue


@dataclass(frozen=True, slots=True)
class Program:
    """A client that sends a token and nothing else."""

    client: FlaskClient
    token: str

    def get(self, path: str, **headers: str) -> TestResponse:
        """Ask for something."""
        return self.client.get(f"/api/v1{path}", headers=self.headers(**headers), buffered=True)

    def post(self, path: str, value: Any = None, key: str | None = None, **more: Any) -> TestResponse:
        """Send JSON, or a form by `data`."""
        headers = self.headers(**({"Idempotency-Key": key} if key else {}))
        sent = {} if value is None else {"json": value}
        return self.client.post(f"/api/v1{path}", headers=headers, buffered=True, **sent, **more)

    def send(self, path: str, data: bytes, content_type: str = "application/json") -> TestResponse:
        """Send bytes as they are."""
        return self.client.post(
            f"/api/v1{path}", headers=self.headers(), data=data, content_type=content_type, buffered=True
        )

    def headers(self, **more: str) -> dict[str, str]:
        """Give the headers of a request."""
        return {"Authorization": f"Bearer {self.token}", **more}


def program(house: House, login: str, *scopes: Scope) -> Program:
    """Give a program of a person, with these scopes or all."""
    return Program(house.app.test_client(use_cookies=False), token(house, login, *scopes))


def token(house: House, login: str, *scopes: Scope, days: int = 30) -> str:
    """Make a token and give its text."""
    with house.database.transaction() as tx:
        user = tx.people.with_login(login)
        assert user is not None
        text, _ = issue(tx, user.id, name="test", scopes=scopes or list(Scope), days=days, actor="test")
        return text
