"""Find a customer in the master data by what a page and its mail say: number, VAT id, mail address, name and place; pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from capture.findings import Page

_NAME_ALIKE = 90.0
_SHARED_HOSTS = frozenset(
    {"gmail.com", "gmx.de", "gmx.net", "web.de", "t-online.de", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com"}
)


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer as the master data have it; what is not known is empty."""

    number: str
    name: str
    street: str = ""
    postcode: str = ""
    city: str = ""
    email: str = ""
    mail_domain: str = ""
    vat_id: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A customer and how sure it is that the pages are theirs, with the reason."""

    customer: Customer
    confidence: float
    reason: str


def find_customer(pages: Sequence[Page], sender: str | None, customers: Iterable[Customer]) -> Match | None:
    """Return the customer that the pages and the sender's address point to, or None when none does or two do alike."""
    text = " ".join(page.text for page in pages)
    folded = _folded(text)
    matches = [match for customer in customers if (match := _match(customer, text, folded, sender or ""))]
    matches.sort(key=lambda match: match.confidence, reverse=True)
    if len(matches) > 1 and matches[0].confidence == matches[1].confidence:
        return None
    return matches[0] if matches else None


def _match(customer: Customer, text: str, folded: str, sender: str) -> Match | None:
    found = [match for match in _evidence(customer, text, folded, sender) if match]
    if not found:
        return None
    doubt = 1.0
    for _, sure in found:
        doubt *= 1 - sure
    reasons = " and ".join(reason for reason, _ in found)
    return Match(customer, round(min(1 - doubt, 0.99), 3), f"{reasons} of customer {customer.number}")


def _evidence(customer: Customer, text: str, folded: str, sender: str) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    if customer.vat_id and customer.vat_id.replace(" ", "").upper() in re.sub(r"\s", "", text).upper():
        found.append(("VAT id", 0.97))
    if customer.number and re.search(rf"(?<![\w-]){re.escape(customer.number)}(?![\w-])", text):
        found.append(("customer number", 0.9))
    address = sender.rpartition("<")[2].rstrip("> ").lower()
    domain = address.rpartition("@")[2]
    if customer.email and address == customer.email.lower():
        found.append(("mail address", 0.9))
    elif customer.mail_domain and domain == customer.mail_domain.lower() and domain not in _SHARED_HOSTS:
        found.append(("mail domain", 0.7))
    name = _folded(customer.name)
    if name and _stands_in(name, folded):
        placed = bool(customer.postcode) and customer.postcode in text
        found.append(("name and postcode", 0.93) if placed else ("name", 0.8))
    return found


def _stands_in(name: str, folded: str) -> bool:
    if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", folded):
        return True
    return len(name) > 8 and fuzz.partial_ratio(name, folded, score_cutoff=_NAME_ALIKE) >= _NAME_ALIKE  # noqa: PLR2004


def _folded(text: str) -> str:
    return " ".join(re.sub(r"[^\w]+", " ", text.casefold()).split())
