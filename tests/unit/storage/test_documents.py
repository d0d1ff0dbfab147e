"""The document store."""

import os
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from threading import Thread

import pytest

from storage.documents import DocumentStore
from storage.errors import Damaged, Invalid, NotFound, Unavailable

GRACE = timedelta(hours=24)


@pytest.mark.parametrize("kind", ["bytes", "stream", "path"])
def test_bytes_come_back_under_their_digest(documents: DocumentStore, tmp_path: Path, kind: str) -> None:
    content = os.urandom(3_000_000)
    path = tmp_path / "order.pdf"
    path.write_bytes(content)

    stored = documents.put({"bytes": content, "stream": BytesIO(content), "path": path}[kind])

    assert (stored.sha256, stored.size) == (sha256(content).hexdigest(), len(content))
    assert documents.read(stored.sha256) == content
    with documents.open(stored.sha256) as stream:
        assert stream.read(10) == content[:10]


def test_the_same_bytes_are_kept_once(documents: DocumentStore) -> None:
    assert documents.put(b"order") == documents.put(b"order")
    assert list(documents.digests()) == [sha256(b"order").hexdigest()]


def test_stored_bytes_are_not_writable_and_no_temporary_file_remains(documents: DocumentStore) -> None:
    stored = documents.put(b"order")

    assert documents.path(stored.sha256).stat().st_mode & 0o222 == 0
    assert list((documents.folder / "incoming").iterdir()) == []


def test_file_and_folders_are_synced_before_put_returns(
    documents: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def watch(handle: int) -> None:
        synced.append(Path(f"/proc/self/fd/{handle}").readlink().name)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    digest = documents.put(b"order").sha256

    assert synced[0].startswith("tmp")
    assert synced[1:] == [digest[2:4], digest[:2], documents.folder.name]


def test_what_is_not_stored_is_not_found(documents: DocumentStore) -> None:
    with pytest.raises(NotFound):
        documents.read("0" * 64)
    assert "0" * 64 not in documents


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n"])
def test_only_digests_lead_to_files(documents: DocumentStore, digest: str) -> None:
    with pytest.raises(Invalid):
        documents.path(digest)


def test_changed_bytes_are_noticed(documents: DocumentStore) -> None:
    stored = documents.put(b"order")
    documents.verify(stored.sha256)
    path = documents.path(stored.sha256)
    path.chmod(0o600)
    path.write_bytes(b"ordre")

    with pytest.raises(Damaged, match="have changed"):
        documents.verify(stored.sha256)
    path.unlink()
    with pytest.raises(Damaged, match="missing"):
        documents.verify(stored.sha256)


def test_a_shortened_file_is_mended_by_putting_the_bytes_again(documents: DocumentStore) -> None:
    stored = documents.put(b"order")
    path = documents.path(stored.sha256)
    path.chmod(0o600)
    path.write_bytes(b"or")

    documents.put(b"order")

    documents.verify(stored.sha256)


def test_the_sweep_removes_only_what_is_old_and_named_by_no_row(documents: DocumentStore) -> None:
    named, old, young, again = (documents.put(name).sha256 for name in (b"named", b"old", b"young", b"again"))
    now = datetime.now(UTC)
    for digest in (named, old, again):
        os.utime(documents.path(digest), (0, 0))
    documents.put(b"again")

    removed = documents.sweep(lambda digest: digest == named, now, GRACE)

    assert removed == [old]
    assert set(documents.digests()) == {named, young, again}


def test_the_sweep_removes_what_a_crash_left_half_written(documents: DocumentStore) -> None:
    half, fresh = documents.folder / "incoming" / "tmphalf", documents.folder / "incoming" / "tmpfresh"
    half.touch()
    fresh.touch()
    os.utime(half, (0, 0))

    documents.sweep(lambda _: True, datetime.now(UTC), GRACE)

    assert not half.exists()
    assert fresh.exists()


def test_many_may_put_the_same_bytes_at_once_while_a_sweep_runs(documents: DocumentStore) -> None:
    content = os.urandom(200_000)
    threads = [Thread(target=lambda: [documents.put(content) for _ in range(10)]) for _ in range(4)]
    threads.append(
        Thread(target=lambda: [documents.sweep(lambda _: False, datetime.now(UTC), GRACE) for _ in range(20)])
    )
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    documents.verify(sha256(content).hexdigest())


def test_a_full_disk_is_reported_as_unavailable_and_leaves_nothing(
    documents: DocumentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(Unavailable, match="No space left"):
        documents.put(b"order")
    assert list(documents.digests()) == []
    assert list((documents.folder / "incoming").iterdir()) == []
