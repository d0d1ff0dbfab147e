"""Cut pages out of a file: the documents of a child parcel, in the form in which they came (PDF stays PDF, TIFF stays TIFF)."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pikepdf
from PIL import Image, ImageSequence

from capture.errors import Unsupported
from confined.child import run_confined

TIFF = "image/tiff"
PDF = "application/pdf"


@dataclass(frozen=True, slots=True)
class Cut:
    """Pages cut out of a file, as a file of their own."""

    content: bytes
    media_type: str
    suffix: str


def cut_pages(path: Path, media_type: str, pages: Sequence[int]) -> Cut:
    """Give the `pages` (numbers from 1) of the PDF or TIFF at `path` as a file of their own; raises `Unsupported`."""
    if media_type == PDF:
        return Cut(run_confined(_cut_pdf, path, tuple(pages)), PDF, ".pdf")
    if media_type == TIFF:
        return Cut(run_confined(_cut_tiff, path, tuple(pages)), TIFF, ".tif")
    raise Unsupported("Only PDF and TIFF files can be divided; send the orders one by one.")


def _cut_pdf(path: Path, pages: tuple[int, ...]) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(path) as whole, pikepdf.new() as part:
        for number in pages:
            part.pages.append(whole.pages[number - 1])
        part.save(out)
    return out.getvalue()


def _cut_tiff(path: Path, pages: tuple[int, ...]) -> bytes:
    """Copy frames one after the other; black and white stays Group 4, everything else is packed without loss."""
    with Image.open(path) as whole:
        wanted = set(pages)
        frames = [
            frame.copy() for number, frame in enumerate(ImageSequence.Iterator(whole), start=1) if number in wanted
        ]
        dpi = whole.info.get("dpi", (200, 200))
    packing = "group4" if all(frame.mode == "1" for frame in frames) else "tiff_adobe_deflate"
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:], compression=packing, dpi=dpi)
    return out.getvalue()
