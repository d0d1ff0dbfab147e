"""The command line with wrong arguments and settings: a sentence and an exit code, never a trace."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from storage.errors import AlreadyExists, ParcelflowError
from web.cli import cli
from web.customer_files import read_customers
from web.settings import Settings

ROOT = Path(__file__).parents[3]
CLERKLY = "number;name\nK-1;Petersen, Ole\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the data folder of an installation that has no database yet."""
    monkeypatch.setenv("PARCELFLOW_DATA_FOLDER", str(tmp_path / "var"))
    return tmp_path


def _call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("TIME_ZONE", "Mars/Olympus", "there is no time zone Mars/Olympus"),
        ("TIME_ZONE", "../etc/passwd", "TIME_ZONE cannot be used"),
        ("WEB__PORT", "many", "WEB__PORT cannot be used"),
        ("WEB", "7", "WEB cannot be used"),
        ("SECRET_KEY", "short", "at least 32 characters"),
        ("WEB__TRUSTED_HOSTS", "[", "TRUSTED_HOSTS cannot be used"),
    ],
)
def test_a_wrong_setting_is_named(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"PARCELFLOW_{name}", value)

    result = _call("check")

    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("address", ["nonsense", "mysql://u:geheim@host/name", "postgresql://u:geheim@host/name"])
def test_an_address_of_no_database_is_refused_without_its_password(
    place: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("PARCELFLOW_DATABASE_URL", address)

    result = _call("check")

    assert isinstance(result.exception, ParcelflowError)
    assert "postgresql+psycopg" in result.exception.message
    assert "geheim" not in result.exception.message


@pytest.mark.parametrize("command", ["check", "people add kim", "deploy {folder}", "backup {folder}"])
def test_a_database_without_schema_says_what_to_run(place: Path, command: str) -> None:
    (place / "a.bpmn").write_text("<x/>")

    result = _call(*command.format(folder=place).split())

    assert isinstance(result.exception, ParcelflowError)
    assert "parcelflow migrate" in result.exception.message


@pytest.mark.parametrize("text", ["a.example, b.example", '["a.example", "b.example"]'])
def test_several_words_are_written_with_commas_or_as_json(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PARCELFLOW_WEB__TRUSTED_HOSTS", text)

    assert Settings().web.trusted_hosts == ("a.example", "b.example")


def test_the_address_follows_the_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCELFLOW_WEB__PORT", "8500")

    assert Settings().web.address == "http://127.0.0.1:8500"


def test_customers_come_separated_by_semicolons_too(tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text(CLERKLY, encoding="utf-8-sig")

    assert [(row["number"], row["name"]) for row in read_customers(file)] == [("K-1", "Petersen, Ole")]


@pytest.mark.parametrize(
    "command",
    [
        "import customers {file}",
        "lint {file}",
        "deploy {folder}",
        "demo --rounds 0",
        "demo --folder {folder}",
        "dry-run {file} --limit -1",
        "dry-run {file} --script {file}",
        "dry-run {file} --variables {file}",
    ],
)
def test_what_cannot_be_used_is_a_fault_of_usage(place: Path, command: str) -> None:
    file = place / "random.bin"
    file.write_bytes(bytes(range(128, 256)))

    result = _call(*command.format(file=file, folder=place).split())

    assert result.exit_code == 2, result.stderr
    assert "Traceback" not in result.stderr


def test_a_role_that_does_not_exist_is_not_made_by_a_slip(place: Path) -> None:
    assert _call("migrate").exit_code == 0

    refused = _call("people", "add", "kim", "--role", "admin")
    added = _call("people", "add", "kim", "--role", "administrator")

    assert isinstance(refused.exception, ParcelflowError)
    assert "administrator" in refused.exception.message
    assert added.output.startswith("Added kim with the password ")
    assert _call("people", "add", " kim").exit_code == 2


def test_a_limit_that_is_no_number_ends_the_trial(tmp_path: Path) -> None:
    file = tmp_path / "a.bpmn"
    file.write_text("<x/>")

    result = _call("dry-run", str(file), "--limit", "nan", "--json")

    assert json.loads(result.stdout.splitlines()[-1])["event"] == "end"


def test_a_new_installation_is_set_up_as_the_operations_guide_says(place: Path) -> None:
    guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").partition("```\n")[2].partition("```")[0]
    lines = [line.partition("#")[0].split() for line in guide.splitlines() if "parcelflow " in line]
    commands = [words[1:] for words in lines if words[1] in {"migrate", "people", "deploy"}]

    for words in commands:
        result = _call(*(str(ROOT / word) if word.startswith("workflows/") else word for word in words))
        assert result.exit_code == 0, (words, result.stderr, result.exception)

    assert len(commands) > 5
    assert "order is in force as version 1." in result.output


def test_a_group_is_made_once_and_grants_only_roles_that_exist(place: Path) -> None:
    _call("migrate")

    made = _call("people", "group", "qa", "--role", "quality")
    again = _call("people", "group", "qa")
    slip = _call("people", "group", "planning", "--role", "planer")

    assert made.output == "Made the group qa (Qa).\n"
    assert isinstance(again.exception, AlreadyExists)
    assert "planner" in str(slip.exception)
    assert _call("people", "group", "Q A").exit_code == 2


def test_a_missing_file_does_not_keep_the_others_from_being_read(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("Hello")

    result = _call(
        "read", str(tmp_path / "gone.pdf"), str(tmp_path), str(tmp_path / "note.txt"), "--only", "text", "--json"
    )

    gone, folder, note = (json.loads(line) for line in result.output.splitlines())
    assert result.exit_code == 1
    assert (gone["error"]["code"], folder["error"]["code"]) == ("missing", "missing")
    assert note["pages"][0]["words"][0]["text"] == "Hello"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("DATABSE_URL", "Did you mean PARCELFLOW_DATABASE_URL?"),
        ("WEB__PROT", "Did you mean PARCELFLOW_WEB__PORT?"),
        ("WEB__COLOUR", "`parcelflow doctor` lists them all."),
    ],
)
def test_a_setting_that_there_is_not_is_named_with_what_was_meant(
    place: Path, monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setenv(f"PARCELFLOW_{name}", "x")

    result = _call("check")

    assert result.exit_code == 2
    assert f"There is no setting PARCELFLOW_{name}" in result.stderr
    assert said in result.stderr


def test_names_of_others_that_begin_like_ours_are_let_be(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARCELFLOW_SEED", "3")

    assert "There is no setting" not in _call("check").output


def test_a_data_folder_that_cannot_be_used_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("PARCELFLOW_DATA_FOLDER", str(tmp_path / "file" / "var"))

    result = _call("check")

    assert result.exit_code == 1
    assert isinstance(result.exception, ParcelflowError)
    assert f"{tmp_path}/file/var cannot be used" in result.exception.message
    assert "set PARCELFLOW_DATA_FOLDER" in result.exception.message


def test_deploying_tells_each_finding_once(place: Path) -> None:
    (place / "drawn").mkdir()
    (place / "drawn" / "a.bpmn").write_text("<x/>")
    assert _call("migrate").exit_code == 0

    result = _call("deploy", str(place / "drawn"))

    assert isinstance(result.exception, ParcelflowError)
    [line] = result.stderr.splitlines()
    assert line.startswith("error: a.bpmn: ")
    assert line.rpartition(": ")[2] not in result.exception.message
    assert result.exception.message == "Nothing was put in force; correct the errors above and deploy again."
