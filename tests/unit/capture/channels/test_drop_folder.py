import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from capture.channels.drop_folder import DropFolder
from capture.delivery import Delivery, Receipt

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


class PlugPulled(BaseException):
    """What nothing catches, as a power cut."""


class Taken(list[Delivery]):
    def receive(self, delivery: Delivery) -> Receipt:
        self.append(delivery)
        return Receipt(len(self), f"P{len(self)}", is_repeat=False, quarantined=0)


@pytest.fixture
def folder(tmp_path: Path) -> DropFolder:
    (tmp_path / "fax").mkdir()
    return DropFolder(tmp_path, lambda: NOW, profiles={"fax": "fax_order"})


def test_a_file_that_stands_still_becomes_a_delivery_and_is_removed(folder: DropFolder) -> None:
    taken = Taken()
    (folder.folder / "order.xyz").write_bytes(b"any type")

    folder.scan(taken.receive)
    assert taken == []
    folder.scan(taken.receive)

    assert [(d.enclosures[0].file_name, d.enclosures[0].content) for d in taken] == [("order.xyz", b"any type")]
    assert [p for p in folder.folder.rglob("*") if p.is_file()] == []


def test_a_file_that_still_grows_is_left_alone(folder: DropFolder) -> None:
    taken = Taken()
    path = folder.folder / "scan.tif"
    for size in range(1, 4):
        path.write_bytes(b"x" * size)
        folder.scan(taken.receive)

    assert taken == []


def test_the_subfolder_names_the_source_and_its_profile(folder: DropFolder) -> None:
    taken = Taken()
    (folder.folder / "fax" / "in.tif").write_bytes(b"fax")

    folder.scan(taken.receive)
    folder.scan(taken.receive)

    assert (taken[0].sender, taken[0].profile) == ("fax", "fax_order")


def test_a_file_deeper_in_a_subfolder_comes_from_the_same_source(folder: DropFolder) -> None:
    taken = Taken()
    deep = folder.folder / "fax" / "2026-11-22" / "tray 2"
    deep.mkdir(parents=True)
    (deep / "in.tif").write_bytes(b"fax")

    folder.scan(taken.receive)
    folder.scan(taken.receive)

    assert [(d.sender, d.profile, d.enclosures[0].content) for d in taken] == [("fax", "fax_order", b"fax")]
    assert [p for p in deep.rglob("*") if p.is_file()] == []


def test_a_folder_that_is_gone_is_told_in_the_log(folder: DropFolder, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(folder.folder)

    folder.scan(Taken().receive)

    assert "could not be read" in caplog.text


def test_a_crash_after_the_claim_delivers_the_same_identity_again(folder: DropFolder) -> None:
    keys: list[str] = []
    (folder.folder / "order.pdf").write_bytes(b"%PDF")

    def crash(delivery: Delivery) -> Receipt:
        keys.append(delivery.source_key)
        raise PlugPulled

    folder.scan(crash)
    with pytest.raises(PlugPulled):
        folder.scan(crash)
    taken = Taken()
    folder.scan(taken.receive)

    assert [d.source_key for d in taken] == keys


def test_two_watchers_of_one_folder_take_each_file_once(folder: DropFolder) -> None:
    taken = Taken()
    other = DropFolder(folder.folder, lambda: NOW)
    for number in range(20):
        (folder.folder / f"{number}.pdf").write_bytes(b"x")

    for _ in range(3):
        folder.scan(taken.receive)
        other.scan(taken.receive)

    assert len({d.source_key for d in taken}) == len(taken) == 20


def test_links_and_hidden_and_unfinished_files_are_left_alone(folder: DropFolder) -> None:
    taken = Taken()
    (folder.folder / "link.pdf").symlink_to("/etc/hostname")
    (folder.folder / ".hidden").write_bytes(b"x")
    (folder.folder / "copy.part").write_bytes(b"x")

    for _ in range(3):
        folder.scan(taken.receive)

    assert taken == []


def test_a_file_that_is_too_large_is_set_aside_with_the_reason(folder: DropFolder) -> None:
    taken = Taken()
    folder.size_limit = 10
    (folder.folder / "huge.pdf").write_bytes(b"x" * 11)

    for _ in range(3):
        folder.scan(taken.receive)

    refused = sorted((folder.folder / ".refused").iterdir())
    assert taken == []
    assert refused[0].read_bytes() == b"x" * 11
    assert "larger than" in refused[1].read_text()


@pytest.mark.parametrize("name", [b"Auftr\xe4g.pdf", b"n" * 240 + b".pdf"])
def test_a_name_in_another_encoding_or_of_full_length_is_taken(folder: DropFolder, name: bytes) -> None:
    taken = Taken()
    (folder.folder / os.fsdecode(name)).write_bytes(b"%PDF")

    folder.scan(taken.receive)
    folder.scan(taken.receive)

    assert [delivery.enclosures[0].file_name.endswith(".pdf") for delivery in taken] == [True]
    assert taken[0].source_key.encode()


def test_a_file_that_cannot_be_stored_holds_up_no_other_and_is_tried_again(folder: DropFolder) -> None:
    taken, poisoned = Taken(), True
    for name in ("bad.pdf", "good.pdf"):
        (folder.folder / name).write_bytes(b"%PDF")

    def receive(delivery: Delivery) -> Receipt:
        if poisoned and delivery.subject == "bad.pdf":
            raise OSError
        return taken.receive(delivery)

    for _ in range(3):
        folder.scan(receive)
    assert [delivery.subject for delivery in taken] == ["good.pdf"]
    poisoned = False
    folder.scan(receive)

    assert [delivery.subject for delivery in taken] == ["good.pdf", "bad.pdf"]
