"""Upload: files that a person sends through the browser, or a program through the REST interface."""

from collections.abc import Sequence
from datetime import datetime

from capture.delivery import Delivery, Enclosure

NAME = "upload"


def upload_delivery(
    files: Sequence[Enclosure],
    *,
    request_key: str,
    submitted_by: int,
    received_at: datetime,
    profile: str = "order",
    subject: str | None = None,
) -> Delivery:
    """Make a delivery of uploaded files; person and request key together are its identity."""
    return Delivery(
        NAME,
        f"{submitted_by}/{request_key}",
        received_at,
        tuple(files),
        profile,
        subject=subject or (files[0].file_name if files else None),
        submitted_by=submitted_by,
    )
