"""Settings from the environment, typed; each part's own settings inside, names like PARCELFLOW_SMTP__HOST."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from engine.errors import ExpressionError
from engine.retries import parse_pauses

_MEBI = 1 << 20
_SHORTEST_KEY = 32


def _listed(value: object) -> object:
    """Read several words: separated by commas, as JSON, or for languages as Tesseract joins them."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return tuple(part.strip() for part in value.replace("+", ",").split(",") if part.strip())


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WebSettings(_Part):
    """How people reach the system, and what one request may cost."""

    host: str = "127.0.0.1"
    port: int = Field(default=8400, ge=0, le=65535)
    public_url: str | None = Field(
        default=None, description="The address people type; made of host and port when not set."
    )
    trusted_hosts: Words = Field(default=("127.0.0.1", "localhost"), description="Host names that are answered.")
    threads: int = Field(default=8, ge=1, le=320)
    proxies: int = Field(default=0, ge=0, le=4, description="Reverse proxies in front whose headers are believed.")
    largest_form: int = Field(default=2 * _MEBI, description="Bytes of a request without files.")
    largest_json: int = Field(default=_MEBI, description="Bytes of a request with JSON.")
    largest_upload: int = Field(default=200 * _MEBI, description="Bytes of a request with files.")
    most_files: int = Field(default=200, description="Files in one upload.")
    session_hours: int = Field(default=12, ge=1, description="Hours after which one signs in again.")
    session_idle_minutes: int = Field(
        default=120, ge=5, description="Minutes without a request after which one signs in again."
    )
    most_sign_ins: int = Field(
        default=120,
        ge=1,
        description="Requests to the sign-in page, and tokens tried in vain, of one address in a minute.",
    )
    most_api_requests: int = Field(
        default=1200, ge=1, description="Requests to the REST interface with one token in a minute."
    )

    @property
    def address(self) -> str:
        """Give the address people type."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def is_secure(self) -> bool:
        """Tell whether people come by HTTPS, so that cookies may say so."""
        return self.address.startswith("https://")


class SmtpSettings(_Part):
    """Where mail to customers goes: a server, or a folder of .eml files when no host is given."""

    host: str | None = None
    port: int = 587
    user: str | None = None
    password: SecretStr | None = None
    starttls: bool = True
    sender: str = "orders@parcelflow.example"
    folder: Path = Path("outbox")


class MailServerSettings(_Part):
    """Our own mail server, for orders that arrive by mail."""

    is_on: bool = True
    host: str = "127.0.0.1"
    port: int = Field(default=2525, ge=0, le=65535)
    recipients: Words = ("orders@parcelflow.example",)
    most_connections: int = Field(default=50, ge=1, description="Connections at the same time.")
    most_of_one_address: int = Field(default=10, ge=1, description="Connections of one address at the same time.")
    most_recipients: int = Field(default=100, ge=1, description="Recipients of one mail.")
    most_commands: int = Field(default=500, ge=10, description="Commands of one kind in one connection.")
    idle_seconds: int = Field(default=60, ge=1, description="A connection that says nothing for so long is ended.")


class MailboxSettings(_Part):
    """One folder of one mailbox, read by IMAP."""

    host: str | None = None
    port: int = 993
    user: str | None = None
    password: SecretStr | None = None
    folder: str = "INBOX"
    tls: bool = True
    every_seconds: int = Field(default=60, ge=1)


class DropFolderSettings(_Part):
    """The folder that scanners and programs write into; each subfolder is a source."""

    is_on: bool = True
    folder: Path = Path("drop")
    quiet_seconds: float = Field(default=2.0, gt=0, description="A file is taken when it has not changed for so long.")


class Settings(BaseSettings):
    """Everything an installation can choose; read once, at the start, by the composition root."""

    model_config = SettingsConfigDict(
        env_prefix="PARCELFLOW_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        nested_model_default_partial_update=True,
    )

    data_folder: Path = Field(default=Path("var"), description="Where everything lies that has no place of its own.")
    database_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL; without it SQLite in the data folder."
    )
    document_folder: Path | None = Field(
        default=None, description="The document store; without it a folder in the data folder."
    )
    secret_key: SecretStr | None = Field(default=None, description="Signs sessions; one is made and kept when not set.")
    time_zone: str = Field(default="Europe/Berlin", description="The zone in which the business lives.")
    calendar_file: Path | None = Field(
        default=None, description="A calendar.csv that counts for processes which bring none; made like theirs."
    )
    retries: dict[str, str] = Field(
        default={},
        description="Pauses before a failed operation is tried again, by operation; * stands for all others.",
    )
    workers: int = Field(default=2, ge=1, le=64, description="Jobs that run at the same time in one process.")
    languages: Words = Field(default=("eng", "deu"), description="Languages of the documents.")
    web: WebSettings = WebSettings()
    smtp: SmtpSettings = SmtpSettings()
    mail_server: MailServerSettings = MailServerSettings()
    mailbox: MailboxSettings = MailboxSettings()
    drop_folder: DropFolderSettings = DropFolderSettings()

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, OSError) as error:
            raise ValueError(f"there is no time zone {value}; write for example Europe/Berlin") from error
        return value

    @field_validator("retries")
    @classmethod
    def _pauses_can_be_read(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            try:
                parse_pauses(text)
            except ExpressionError as error:
                raise ValueError(f"the retries of {name}: {error.message}") from error
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < _SHORTEST_KEY:
            raise ValueError(
                f"The secret key needs at least {_SHORTEST_KEY} characters; make one with: openssl rand -hex 32"
            )
        return value

    @property
    def zone(self) -> ZoneInfo:
        """Give the zone in which the business lives."""
        return ZoneInfo(self.time_zone)

    @property
    def database_address(self) -> str:
        """Give the URL of the database."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data_folder / 'parcelflow.db').absolute()}"

    @property
    def documents(self) -> Path:
        """Give the folder of the document store."""
        return self.document_folder or self.data_folder / "documents"

    def place(self, path: Path) -> Path:
        """Give a folder's full path: relative ones lie in the data folder."""
        return path if path.is_absolute() else self.data_folder / path

    def describe(self) -> Iterator[tuple[str, str]]:
        """Give name and value of each setting for people to read, secrets hidden."""
        yield from _describe(self, "PARCELFLOW_")


def _describe(part: BaseModel, prefix: str) -> Iterator[tuple[str, str]]:
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield from _describe(value, f"{prefix}{name.upper()}__")
        else:
            yield prefix + name.upper(), _shown(name, value)


def _shown(name: str, value: object) -> str:
    if value is None:
        return "(not set)"
    if isinstance(value, SecretStr):
        return _without_password(value.get_secret_value()) if name.endswith("_url") else "(hidden)"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":(hidden)@"), query=""))
