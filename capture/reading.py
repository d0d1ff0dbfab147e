"""Read a file: pages, words, barcodes, documents and index fields, without a database.

The file is looked at in confined children only; here their findings are put in order. Pages are read by two children at
once where there is OCR to do, each page under limits of its own, and arrive one by one.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from capture.barcodes import BarcodeRules
from capture.classification import classify
from capture.errors import DamagedFile, TooBig, TookTooLong, ToolMissing, Unreadable
from capture.extraction import Surroundings, extract
from capture.findings import Box, DocumentKind, FoundDocument, FoundField, Page, Word
from capture.media import Media, MediaKind
from capture.ocr import OcrSettings
from capture.office_text import OfficeText, read_word_file
from capture.page_reading import Inspection, Reader, Work, draw_page, inspect, read_pages, reread_zone
from capture.profile import Profile, load_profile
from capture.separation import parcels_of, separate
from capture.text_sheets import typeset
from confined.child import ChildCrashed, ChildOutOfMemory, ChildTimedOut, Limits, run_confined, stream_confined
from confined.office import OfficeFailed, to_pdf
from confined.programs import ProgramMissing

PAGE_LIMITS = Limits(cpu_seconds=60, wall_seconds=180, memory_bytes=1 << 30)
_CHILDREN = 2
_PHOTOGRAPH_MEMORY = 2 << 30  # a network that finds text on two megapixels needs 1 GB alone
_PHOTOGRAPHS = ("capture.photo_ocr",)
_WORD_FILES = frozenset({".docx"})
_PROFILE_OF_KIND = {
    DocumentKind.RECEIPT: "receipt",
    DocumentKind.PURCHASE_ORDER: "order",
    DocumentKind.ORDER_FORM: "order",
}


class Only(StrEnum):
    """What alone is wanted of a file; the rest of the work is skipped."""

    BARCODES = "barcodes"
    TEXT = "text"
    FIELDS = "fields"


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read from a file; `is_repaired` when it was damaged and mended, `office` what a word processor file says."""

    file: str
    media: Media
    pages: tuple[Page, ...]
    documents: tuple[FoundDocument, ...] = ()
    fields: tuple[FoundField, ...] = ()
    is_repaired: bool = False
    office: OfficeText = field(default_factory=OfficeText)

    def pages_of(self, document: FoundDocument) -> tuple[Page, ...]:
        """Return the pages of one of the documents."""
        return tuple(page for page in self.pages if page.number in document.pages)


def read_file(
    source: Path | bytes,
    profile: Profile | str | None = None,
    only: Only | None = None,
    *,
    name: str = "",
    surroundings: Surroundings | None = None,
    images: bool = False,
    children: int = _CHILDREN,
) -> Reading:
    """Read `source`, a path or the bytes of a file, and return all that was found, or what `only` asks for.

    Without a profile every symbology is read, and the fields are those of the profile that fits the kind of document.
    `images` adds each upright page as a picture. Raises Unreadable with the code for quarantine.
    """
    chosen = load_profile(profile) if isinstance(profile, str) else profile
    with opened(source) as file, unreadable_if_child_fails():
        work = work_for(chosen, only, images=images)
        pages = tuple(_read_all(file, work, children))
    if file.is_repaired and all(page.is_blank for page in pages):
        raise DamagedFile("The file is damaged; it was mended, but nothing is left on its pages.")
    documents = _documents(pages, only)
    fields = () if only in {Only.BARCODES, Only.TEXT} else _fields(pages, documents, chosen, surroundings)
    shown = name or (str(source) if isinstance(source, Path) else "")
    return Reading(shown, file.media, pages, documents, fields, file.is_repaired, file.office)


def work_for(profile: Profile | None, only: Only | None, *, images: bool = False) -> Work:
    """Return what is to be done with each page under `profile`."""
    rules = profile.barcodes if profile is not None else None
    wants_codes = only in {None, Only.BARCODES, Only.FIELDS} and (profile is None or rules is not None)
    return Work(
        words=only is not Only.BARCODES,
        barcodes=wants_codes or only is Only.BARCODES,
        barcode_rules=rules if rules is not None or profile is None else BarcodeRules(),
        ocr=OcrSettings(profile.languages, profile.segmentation) if profile is not None else OcrSettings(),
        reader=Reader(profile.reader) if profile is not None else Reader.PAGE,
        images=images,
    )


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A file that is ready for its pages to be read: a PDF or an image on disk."""

    path: Path
    is_pdf: bool
    count: int
    media: Media
    is_repaired: bool = False
    office: OfficeText = field(default_factory=OfficeText)


@contextmanager
def opened(source: Path | bytes) -> Iterator[OpenedFile]:
    """Make `source` ready for its pages to be read: office files, texts and mails become PDF first; raise Unreadable."""
    with tempfile.TemporaryDirectory(prefix="reading-") as name:
        folder = Path(name)
        path = source if isinstance(source, Path) else _written(folder / "file", source)
        with unreadable_if_child_fails():
            file = _as_pages(path, folder)
        yield file


def picture_of(source: Path | bytes, page: Page, *, dpi: int = 150) -> bytes:
    """Return `page` of `source`, upright as it was read, as a JPEG or PNG picture at about `dpi`."""
    with opened(source) as file, unreadable_if_child_fails():
        return run_confined(draw_page, file.path, file.is_pdf, page, dpi, limits=PAGE_LIMITS)


def read_zone_of(source: Path | bytes, page: Page, box: Box, profile: Profile | None = None) -> tuple[Word, ...]:
    """Return the words within `box` of a page that was read before, by OCR of that rectangle alone."""
    settings = OcrSettings(profile.languages) if profile is not None else OcrSettings()
    with opened(source) as file, unreadable_if_child_fails():
        return run_confined(reread_zone, file.path, file.is_pdf, page, box, settings, limits=PAGE_LIMITS)


def reading_as_json(reading: Reading) -> dict[str, Any]:
    """Return `reading` as the object that `parcelflow read --json` prints."""
    return {
        "file": reading.file,
        "pages": [_page_as_json(page) for page in reading.pages],
        "documents": [{"kind": str(one.kind), "pages": list(one.pages)} for one in reading.documents],
        "fields": [_field_as_json(one) for one in reading.fields],
    }


def error_as_json(file: str, error: Unreadable) -> dict[str, Any]:
    """Return why `file` cannot be read as the object that `parcelflow read --json` prints."""
    return {"file": file, "error": {"code": error.code, "message": error.message}}


def _as_pages(path: Path, folder: Path) -> OpenedFile:
    seen: Inspection = run_confined(inspect, path, limits=PAGE_LIMITS)
    if seen.media.kind is MediaKind.OFFICE:
        return _from_office(path, seen.media, folder)
    if seen.pdf is not None:
        return _from_pdf(seen.pdf, seen.media, folder)
    return OpenedFile(path, seen.media.kind is MediaKind.PDF, seen.pages, seen.media, seen.is_repaired)


def _from_office(path: Path, media: Media, folder: Path) -> OpenedFile:
    data = path.read_bytes()
    office = OfficeText()
    if media.suffix in _WORD_FILES:
        office = run_confined(read_word_file, data, limits=PAGE_LIMITS)
    try:
        pdf = to_pdf(data, media.suffix)
    except ProgramMissing:
        if not office.text.strip():
            raise
        pdf = run_confined(typeset, office.text, limits=PAGE_LIMITS)
    return _from_pdf(pdf, media, folder, office)


def _from_pdf(pdf: bytes, media: Media, folder: Path, office: OfficeText | None = None) -> OpenedFile:
    path = _written(folder / "typeset.pdf", pdf)
    seen = run_confined(inspect, path, limits=PAGE_LIMITS)
    return OpenedFile(path, True, seen.pages, media, office=office or OfficeText())


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _read_all(file: OpenedFile, work: Work, children: int) -> Sequence[Page]:
    """Read the pages in as many children as may run at once, each taking every second, third … page."""
    shares = min(children, file.count) or 1
    ranges = [range(first, file.count + 1, shares) for first in range(1, shares + 1)]
    if shares == 1:
        return _read_share(file, work, ranges[0])
    with ThreadPoolExecutor(shares, thread_name_prefix="reading") as pool:
        found = [page for pages in pool.map(lambda share: _read_share(file, work, share), ranges) for page in pages]
    return sorted(found, key=lambda page: page.number)


def _read_share(file: OpenedFile, work: Work, numbers: range) -> list[Page]:
    is_photograph = work.reader is Reader.PHOTOGRAPH
    limits = replace(PAGE_LIMITS, memory_bytes=_PHOTOGRAPH_MEMORY) if is_photograph else PAGE_LIMITS
    warm = _PHOTOGRAPHS if is_photograph else ()
    return list(stream_confined(read_pages, file.path, file.is_pdf, work, numbers, limits=limits, warm=warm))


def _documents(pages: Sequence[Page], only: Only | None) -> tuple[FoundDocument, ...]:
    return () if only in {Only.BARCODES, Only.TEXT} else separate(pages)


def _fields(
    pages: tuple[Page, ...],
    documents: tuple[FoundDocument, ...],
    profile: Profile | None,
    surroundings: Surroundings | None,
) -> tuple[FoundField, ...]:
    """Return the fields of each parcel that the separator sheets mark, one parcel after the other."""
    found: list[FoundField] = []
    for parcel in parcels_of(documents):
        numbers = {number for one in parcel for number in one.pages}
        read = [page for page in pages if page.number in numbers]
        chosen = profile or _fitting_profile(read)
        if chosen is not None:
            found.extend(extract(read, chosen, _with_order_number(parcel, surroundings or Surroundings())))
    return tuple(found)


def _with_order_number(parcel: Sequence[FoundDocument], known: Surroundings) -> Surroundings:
    number = known.order_number or next((one.order_number for one in parcel if one.order_number), None)
    return replace(known, order_number=number)


def _fitting_profile(pages: Sequence[Page]) -> Profile | None:
    kind, _ = classify(pages)
    name = _PROFILE_OF_KIND.get(kind)
    return load_profile(name) if name is not None else None


@contextmanager
def unreadable_if_child_fails() -> Iterator[None]:
    """Turn the ways in which a child fails into reasons why a file cannot be read."""
    try:
        yield
    except ChildTimedOut as error:
        raise TookTooLong(f"Reading the file took too long. {error}") from error
    except ChildOutOfMemory as error:
        raise TooBig(f"The file needs too much memory. {error}") from error
    except ProgramMissing as error:
        raise ToolMissing(str(error)) from error
    except OfficeFailed as error:
        raise DamagedFile("The office file cannot be opened; it may be damaged or locked.") from error
    except ChildCrashed as error:
        raise DamagedFile("The file broke the program that looked at it.") from error


def _page_as_json(page: Page) -> dict[str, Any]:
    return {
        "page": page.number,
        "width": page.width,
        "height": page.height,
        "dpi": page.dpi,
        "source": str(page.source),
        "words": [{"text": word.text, "box": list(word.box), "confidence": word.confidence} for word in page.words],
        "barcodes": [
            {"symbology": str(code.symbology), "text": code.text, "box": list(code.box)} for code in page.barcodes
        ],
    }


def _field_as_json(found: FoundField) -> Mapping[str, Any]:
    return {
        "name": found.name,
        "value": found.value,
        "confidence": found.confidence,
        "origin": str(found.origin),
        "page": found.page,
        "box": list(found.box) if found.box is not None else None,
    }
