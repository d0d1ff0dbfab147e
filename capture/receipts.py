"""What a till receipt says without labels: the shop, its address, the day, the total; pure rules over its lines.

The shop is the line in the head that looks most like a company; the address follows it up to the first line that is
something else; the total is the amount whose label promises the most, borne out by cash less change and by repetition.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from capture import receipt_words as words
from capture.findings import Box, Page, Word, around, lines_of
from capture.printed_values import Printed, find_amount, find_date

_HEAD_LINES = 12
_NAMES_COMPANY = ((words.LEGAL_FORM, 4.0), (words.COMPANY, 1.5), (words.GLUED, 1.0))
_LABELLED_ENOUGH = 2.0


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line: text, place, and how well it was read."""

    text: str
    box: Box
    confidence: float
    page: int


@dataclass(frozen=True, slots=True)
class Clue:
    """A value that a rule found: as printed, as data, where, how sure the rule is (0 to 1), and why."""

    printed: Printed
    lines: tuple[Line, ...]
    sureness: float
    reason: str


def lines_on(pages: Sequence[Page]) -> list[Line]:
    """Return the lines of `pages` in reading order."""
    return [_line(line, page.number) for page in pages for line in lines_of(page.words)]


def find_heading(lines: Sequence[Line]) -> Clue | None:
    """Return the shop's name."""
    start = _company_at(lines)
    if start is None:
        return None
    taken = _whole_name(lines, start)
    name = _bare_name(" ".join(line.text for line in taken))
    sureness = 0.9 if words.LEGAL_FORM.search(name) else 0.7 if words.COMPANY.search(name) else 0.5
    return Clue(Printed(name, _folded(name), 0, 0), tuple(taken), sureness, "the line in the head that names a company")


def find_address(lines: Sequence[Line]) -> Clue | None:
    """Return the shop's address: the lines below its name up to the first that is something else."""
    company = _company_at(lines)
    first = 0 if company is None else company + len(_whole_name(lines, company))
    head = range(first, min(first + 6, len(lines)))
    start = next((place for place in head if _is_address(lines[place].text)), None)
    if start is None:
        return None
    before = start - 1
    leads = before >= first and not words.AFTER_ADDRESS.search(lines[before].text)
    if leads and (words.POSTCODE.match(lines[start].text.strip()) or lines[before].text.rstrip().endswith(",")):
        start = before
    taken = _address_lines(lines, start)
    text = " ".join(line.text.strip() for line in taken)
    has_postcode = words.POSTCODE.search(text) is not None
    reason = "the lines below the company's name, up to the first that is no address"
    return Clue(Printed(text, _folded(text), 0, 0), tuple(taken), 0.85 if has_postcode else 0.6, reason)


def find_receipt_date(lines: Sequence[Line]) -> Clue | None:
    """Return the day of the sale."""
    found: list[tuple[float, int, Clue]] = []
    for place, line in enumerate(lines):
        printed = find_date(line.text)
        if printed is None:
            continue
        labelled = words.DATE_LABEL.search(line.text) is not None
        doubtful = words.NOT_THE_DATE.search(line.text) is not None
        score = 0.8 + 0.15 * labelled - 0.5 * doubtful
        reason = "beside the word date" if labelled else "the first date on the receipt"
        found.append((score, -place, Clue(printed, (line,), score, reason)))
    return max(found, key=lambda one: one[:2])[2] if found else None


def find_total(lines: Sequence[Line]) -> Clue | None:
    """Return the amount to pay."""
    paid = _first_amount(lines, words.PAID)
    change = _first_amount(lines, words.CHANGE)
    counts = Counter(amount.normalised for line in lines if (amount := find_amount(line.text)))
    scored: list[tuple[float, int, Clue]] = []
    in_summary = False
    for place, line in enumerate(lines):
        in_summary = in_summary or words.SUMMARY.search(line.text) is not None
        clue = _total_in(lines, place)
        if clue is None:
            continue
        score = clue.sureness - 3.0 * in_summary + 0.3 * min(counts[clue.printed.normalised], 4)
        score += _borne_out(clue.printed, paid, change)
        scored.append((score, place, clue))
    if scored:
        score, _, best = max(scored, key=lambda one: one[:2])
        if score >= _LABELLED_ENOUGH:
            return Clue(best.printed, best.lines, min(0.5 + score / 14, 0.98), best.reason)
    return _total_without_label(paid, change, lines)


RECEIPT_RULES: dict[str, Callable[[Sequence[Line]], Clue | None]] = {
    "heading": find_heading,
    "address_block": find_address,
    "receipt_date": find_receipt_date,
    "grand_total": find_total,
}


def _line(printed: Sequence[Word], page: int) -> Line:
    confidence = sum(word.confidence for word in printed) / len(printed)
    return Line(" ".join(word.text for word in printed), around([word.box for word in printed]), confidence, page)


def _company_at(lines: Sequence[Line]) -> int | None:
    scored = [(_company_score(line.text, place), -place) for place, line in enumerate(lines[:_HEAD_LINES])]
    best = max(scored, default=(0.0, 0))
    return -best[1] if best[0] > 0 else None


def _company_score(text: str, place: int) -> float:
    letters = sum(map(str.isalpha, text))
    if letters < 4 or letters < 0.4 * len(text.replace(" ", "")):  # noqa: PLR2004 (a name has four letters at least)
        return 0.0
    score = 3.0 - 0.6 * place
    score += next((worth for pattern, worth in _NAMES_COMPANY if pattern.search(text)), 0.0)
    if words.NOT_COMPANY.search(text) and not words.LEGAL_FORM.search(text):
        score -= 4.0
    if words.ADDRESS.search(text) and not words.COMPANY.search(text):
        score -= 3.0
    return score - (1.0 if text.islower() else 0.0)


def _whole_name(lines: Sequence[Line], start: int) -> list[Line]:
    """Return the lines of a name that begins at `start`: it goes on after an ampersand, an open bracket, or to its legal form."""
    first = start
    while first > 0 and _runs_on(lines[first - 1].text, lines[first].text):
        first -= 1
    taken = list(lines[first : start + 1])
    for line in lines[start + 1 : start + 3]:
        if not _runs_on(taken[-1].text, line.text):
            break
        taken.append(line)
    return taken


def _runs_on(before: str, after: str) -> bool:
    if words.NOT_COMPANY.search(before) or len(before) < 4:  # noqa: PLR2004 (rubbish)
        return False
    is_open = before.rstrip().endswith(("&", "-", "_")) or before.count("(") > before.count(")")
    return is_open or words.BEGINS_WITH_FORM.match(after) is not None


def _bare_name(text: str) -> str:
    """Return a company's name without what follows its legal form and without its registration number."""
    match = words.ENDS_WITH_FORM.match(text)
    bare = match[1] if match else words.REGISTRATION.sub("", text)
    kept = [word for word in bare.replace("_", " ").split() if not words.STAMP.fullmatch(word)]
    return " ".join(kept).strip(" -·:,*")


def _is_address(text: str) -> bool:
    return words.ADDRESS.search(text) is not None and (
        words.AFTER_ADDRESS.search(text) is None or words.POSTCODE.search(text) is not None
    )


def _address_lines(lines: Sequence[Line], start: int) -> list[Line]:
    taken = [lines[start]]
    for line in lines[start + 1 : start + 7]:
        seen_postcode = any(words.POSTCODE.search(known.text) for known in taken)
        if words.AFTER_ADDRESS.search(line.text) or find_date(line.text) is not None:
            break
        if seen_postcode and not (words.PLACE.search(line.text) or words.ADDRESS.search(line.text)):
            break
        taken.append(line)
    return taken


def _total_in(lines: Sequence[Line], place: int) -> Clue | None:
    line = lines[place]
    label = line.text.lower()
    if not words.PROMISES_TOTAL.search(label):
        return None
    score = sum(weight for pattern, weight in words.TOTALS if pattern.search(label))
    amount = find_amount(line.text)
    taken: tuple[Line, ...] = (line,)
    if amount is None and place + 1 < len(lines) and not re.search(r"[a-z]{4}", lines[place + 1].text.lower()):
        amount, taken = find_amount(lines[place + 1].text), (line, lines[place + 1])
    if amount is None or Decimal(amount.normalised) <= 0:
        return None
    return Clue(_with_sign(amount, taken[-1].text), taken, score, f"the amount beside {line.text[:30].strip()!r}")


def _with_sign(amount: Printed, text: str) -> Printed:
    """Return the amount as it is usually copied from a receipt: with a dollar sign that touches it, without thousands marks."""
    sign = "$" if text[: amount.start].endswith("$") else ""
    return Printed(sign + amount.normalised, amount.normalised, amount.start, amount.end)


def _first_amount(lines: Sequence[Line], label: re.Pattern[str]) -> Decimal | None:
    for line in lines:
        amount = find_amount(line.text) if label.search(line.text) else None
        if amount is not None:
            return abs(Decimal(amount.normalised))
    return None


def _borne_out(amount: Printed, paid: Decimal | None, change: Decimal | None) -> float:
    value = Decimal(amount.normalised)
    if paid is not None and change is not None and paid - change == value:
        return 2.5
    return 1.0 if paid is not None and paid == value else 0.0


def _total_without_label(paid: Decimal | None, change: Decimal | None, lines: Sequence[Line]) -> Clue | None:
    """Fall back on what was paid less the change, else on the largest amount that stands there twice."""
    amounts = [(amount, line) for line in lines if (amount := find_amount(line.text)) and "-" not in amount.normalised]
    if paid is not None:
        sought = f"{paid - (change or Decimal(0)):.2f}"
        for amount, line in amounts:
            if amount.normalised == sought:
                return Clue(_with_sign(amount, line.text), (line,), 0.6, "what was paid, less the change")
    if not amounts:
        return None
    counts = Counter(amount.normalised for amount, _ in amounts)
    amount, line = max(amounts, key=lambda one: (counts[one[0].normalised] > 1, Decimal(one[0].normalised)))
    return Clue(_with_sign(amount, line.text), (line,), 0.3, "the largest amount on the receipt")


def _folded(text: str) -> str:
    return " ".join(re.sub(r"[^\w]+", " ", text.casefold()).split())
