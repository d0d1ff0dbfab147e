"""Profiles: what a source's paper looks like and which index fields it carries, read from TOML beside the code.

A profile says which barcodes to take, how to read, and for each field its type, its labels, where to look in which order,
its validators and the confidence below which a person looks at it. Patterns are RE2: they cannot run away.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import re2

from capture.barcodes import BarcodeRules
from capture.findings import Symbology
from capture.printed_values import FINDERS
from storage.errors import Invalid, NotFound

_WAYS = frozenset(
    {"cover", "barcode", "label", "mail", "lookup", "heading", "address_block", "receipt_date", "grand_total"}
)
_DEFAULT_THRESHOLD = 0.75


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How one index field is found and checked.

    `find` names the ways in order of trust; `lines` is how many lines a text below or beside its label may take; `pattern`
    must match the whole value; `usual` should match it: a reading that does not is put right or
    doubted; `barcode` finds the value within a barcode, its first group if it has one.
    """

    name: str
    title: str
    type: str = "text"
    find: tuple[str, ...] = ("label",)
    labels: tuple[str, ...] = ()
    pattern: str | None = None
    usual: str | None = None
    barcode: str | None = None
    mail: str | None = None
    smallest: float | None = None
    largest: float | None = None
    lines: int = 1
    threshold: float = _DEFAULT_THRESHOLD
    required: bool = False


@dataclass(frozen=True, slots=True)
class Profile:
    """What to expect of a source: how to read its pages, its barcodes, its fields.

    `reader` is "page" (flat pages, Tesseract) or "photograph" (receipts and photographs, PP-OCR where installed).
    """

    name: str
    title: str
    fields: tuple[FieldRule, ...]
    languages: str = "eng+deu"
    segmentation: int = 3
    reader: str = "page"
    capitals: bool = False
    barcodes: BarcodeRules | None = None

    def field(self, name: str) -> FieldRule:
        """Return the rule of the field called `name`; raise NotFound."""
        for rule in self.fields:
            if rule.name == name:
                return rule
        raise NotFound(f"The profile {self.name} has no field {name}.")


def profile_names() -> tuple[str, ...]:
    """Return the names of the shipped profiles."""
    return tuple(sorted(Path(one.name).stem for one in _folder().iterdir() if one.name.endswith(".toml")))


def load_profile(name: str) -> Profile:
    """Return the shipped profile called `name`; raise NotFound, naming those there are."""
    if name not in profile_names():
        raise NotFound(f"There is no profile {name!r}; there are: {', '.join(profile_names())}.")
    return read_profile((_folder() / f"{name}.toml").read_text(encoding="utf-8"))


def read_profile(text: str) -> Profile:
    """Return the profile that `text` (TOML) describes; raise Invalid with what is wrong."""
    try:
        data = tomllib.loads(text)
        rules = tuple(_field_rule(one) for one in data.pop("fields", []))
        codes = data.pop("barcodes", None)
        return Profile(fields=rules, barcodes=_barcode_rules(codes) if codes is not None else None, **data)
    except (tomllib.TOMLDecodeError, TypeError, ValueError, re2.error) as error:
        raise Invalid(f"The profile cannot be used: {error}") from error


def _folder() -> Any:
    return resources.files("capture") / "profiles"


def _field_rule(data: Mapping[str, Any]) -> FieldRule:
    listed = {key: tuple(data[key]) for key in ("find", "labels") if key in data}
    rule = FieldRule(**{**data, **listed})
    unknown = set(rule.find) - _WAYS
    if unknown:
        raise ValueError(f"field {rule.name}: no way to find called {', '.join(sorted(unknown))}")
    if rule.type not in FINDERS:
        raise ValueError(f"field {rule.name}: no type called {rule.type}")
    for pattern in (rule.pattern, rule.usual, rule.barcode):
        if pattern is not None:
            re2.compile(pattern)
    return rule


def _barcode_rules(data: Mapping[str, Any]) -> BarcodeRules:
    symbologies = tuple(Symbology(name) for name in data.get("symbologies", tuple(Symbology)))
    rules = BarcodeRules(**{**data, "symbologies": symbologies})
    if rules.pattern is not None:
        re2.compile(rules.pattern)
    return rules
