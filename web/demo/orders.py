"""Orders as customers would write them, made from a seed: what each field should be read as, and how it is printed."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from io import StringIO
from random import Random

PRODUCTS = {
    "en": ("Flyer", "Brochure", "Poster", "Business cards", "Catalogue", "Programme booklet", "Menu card"),
    "de": ("Faltblatt", "Broschüre", "Plakat", "Visitenkarten", "Katalog", "Programmheft", "Speisekarte"),
}
PAPERS = ("80 g offset", "135 g silk", "170 g silk", "300 g matt")
FORMATS = ("A6", "A5", "A4", "A3", "A2", "DL")
COLOURS = ("1/0", "1/1", "4/0", "4/4")
FINISHINGS = ("none", "folded", "stapled", "bound", "laminated")
ELABORATE = ("bound", "laminated")
"""Finishings that the shipped routing table has validated by quality assurance."""
RUN_LENGTHS = (250, 500, 1000, 1500, 2000, 2500, 5000, 7500, 10000, 12500, 20000)

LABELS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "Purchase order",
        "customer_number": "Customer number",
        "customer_name": "Customer",
        "customer_reference": "Order number",
        "product": "Product",
        "paper": "Paper",
        "format": "Format",
        "run_length": "Run length",
        "colours": "Colours",
        "finishing": "Finishing",
        "wanted_on": "Delivery date",
    },
    "de": {
        "title": "Bestellung",
        "customer_number": "Kundennummer",
        "customer_name": "Kunde",
        "customer_reference": "Bestellnummer",
        "product": "Produkt",
        "paper": "Papier",
        "format": "Format",
        "run_length": "Auflage",
        "colours": "Farben",
        "finishing": "Weiterverarbeitung",
        "wanted_on": "Liefertermin",
    },
}


@dataclass(frozen=True, slots=True)
class Customer:
    """What the demonstration knows of a customer, from the shipped list."""

    number: str
    name: str
    street: str
    town: str
    country: str
    email: str


@dataclass(frozen=True, slots=True)
class WrittenOrder:
    """One order of one customer.

    `fields` holds what each index field should be read as (dates as ISO, run length as digits); `printed` what stands on paper.
    """

    customer: Customer
    language: str
    fields: Mapping[str, str]
    printed: Mapping[str, str]

    @property
    def title(self) -> str:
        """Give the heading of the paper."""
        return LABELS[self.language]["title"]

    @property
    def rows(self) -> Sequence[tuple[str, str]]:
        """Give label and printed value of each field, in the order of the paper."""
        labels = LABELS[self.language]
        return [(labels[name], value) for name, value in self.printed.items()]


def read_customers(text: str) -> list[Customer]:
    """Read the customers from the shipped CSV."""
    return [
        Customer(
            row["number"],
            row["name"],
            row["street"],
            f"{row['postcode']} {row['city']}",
            row["country"],
            row["email"],
        )
        for row in csv.DictReader(StringIO(text))
    ]


def write_order(
    random: Random, customers: Sequence[Customer], today: date, finishings: Sequence[str] = FINISHINGS
) -> WrittenOrder:
    """Make up an order; the same random numbers give the same order."""
    customer = random.choice(customers)
    language = "de" if customer.country == "DE" else "en"
    run_length = random.choice(RUN_LENGTHS)
    wanted = today + timedelta(days=random.randint(14, 60))
    reference = f"{random.choice('ABEKMR')}{random.randint(10, 99)}-{random.randint(1000, 99999)}"
    fields = {
        "customer_number": customer.number,
        "customer_name": customer.name,
        "customer_reference": reference,
        "product": random.choice(PRODUCTS[language]),
        "paper": random.choice(PAPERS),
        "format": random.choice(FORMATS),
        "run_length": str(run_length),
        "colours": random.choice(COLOURS),
        "finishing": random.choice(finishings),
        "wanted_on": wanted.isoformat(),
    }
    return WrittenOrder(customer, language, fields, fields | _as_printed(language, run_length, wanted))


def _as_printed(language: str, run_length: int, wanted: date) -> dict[str, str]:
    if language == "de":
        return {"run_length": f"{run_length:,}".replace(",", "."), "wanted_on": f"{wanted:%d.%m.%Y}"}
    return {"run_length": f"{run_length:,}", "wanted_on": f"{wanted.day} {wanted:%B %Y}"}
