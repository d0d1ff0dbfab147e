"""What a till receipt says without labels: the shop, its address, the day, the total; pure rules over its lines.

The shop is the line in the head that looks most like a company; the address follows it up to the first line that is
something else; the total is the amount whose label promises the most, borne out by cash less change and by repetition.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from capture.findings import Box, Page, Word, around, lines_of
from capture.printed_values import Printed, find_amount, find_date

_HEAD_LINES = 12
_COMPANY = re.compile(
    r"\b(?:sdn\.?|s/b|bhd\.?|berhad|enterprise|trading|restoran|restaurant|cafe|kopitiam|bakery|bakeries|hardware|stationery|"
    r"mart|market|supermarket|grocer|store|shop|house|pharmacy|farmasi|klinik|pasaraya|perniagaan|co\.|company|ltd|limited|"
    r"plt|inc|gmbh|ag|kg|ohg|e\.?k|service|station|books?|bookstore|hotel|kitchen|corner|food|industries|marketing|"
    r"electrical|centre|center|petrol|shell|petronas)\b|sdn\s?\.?\s?bhd",
    re.IGNORECASE,
)
_GLUED = re.compile(r"(?:SHOP|STORE|MART|CAFE|TRADING|STATIONERY|HARDWARE|BAKERY|RESTORAN|ENTERPRISE)", re.IGNORECASE)
_LEGAL_FORM = re.compile(r"\bs/b\b|sdn\.?\s*\.?\s*bhd|\bbhd\b|\bberhad\b|\bgmbh\b|\bltd\b|\bplt\b|\benterprise\b", re.IGNORECASE)
_ENDS_WITH_FORM = re.compile(r"^(.*?(?:s/b|sdn\.?\s*\.?\s*bhd\.?|berhad|gmbh|\bltd\.?))(?:\W.*)?$", re.IGNORECASE)
_REGISTRATION = re.compile(r"[\(\[{]?\s*(?:co\.?\s*(?:reg)?\.?\s*(?:no\.?)?\s*[:.]?\s*)?[A-Z]{0,3}\d{4,}\s?-?\s?[A-Z0-9]?\s*[\)\]}]?\s*$", re.IGNORECASE)
_STAMP = re.compile(r"posted|checked|paid|copy|[A-Z]?\d{4,}\W?", re.IGNORECASE)
_NOT_COMPANY = re.compile(
    r"invoice|receipt|cash bill|resit|\btel\b|\bfax\b|\bgst\b|reg\.? ?no|\bdate\b|welcome|thank|www\.|@|^\W*\d[\d\W]*$|checked|posted|copy|"
    r"^\s*(?:no|lot|jalan|jln)\b[\s.]*\d?",
    re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"\b(?:jalan|jln|jaian|lorong|persiaran|lebuh|lebuhraya|taman|tmn|lot|kampung|kg|seksyen|section|batu|bandar|bdr|plaza|mall|wisma|"
    r"menara|level|floor|flr|block|blok|kawasan|perindustrian|pusat|mukim|autoroute|rue|street|road|avenue|ave|"
    r"stra(?:ß|ss)e|str\.|weg|platz|basement|office|ground floor|tingkat)\b|(?<!co )(?<!co\. )(?<!reg )\bno\.?\s?\d|^no\.?\s?[A-Z]{0,2}[-\d]|\bunit\b|\d{5}\s+[A-Za-z]{3}|,\s?\d{5}\b|\bpju|\bstra(?:ß|ss)e",
    re.IGNORECASE,
)
_POSTCODE = re.compile(r"(?<!\d)\d{5}(?!\d)")
_PLACE = re.compile(
    r"johor|selangor|kuala lumpur|\bk\.?l\b|perak|penang|pulau pinang|melaka|malacca|kedah|pahang|sabah|sarawak|negeri sembilan|"
    r"terengganu|kelantan|perlis|putrajaya|darul|ehsan|ta'?zim|shah alam|petaling jaya|puchong|cheras|ampang|klang|skudai|rawang|malaysia",
    re.IGNORECASE,
)
_AFTER_ADDRESS = re.compile(
    r"\b(?:tel|te1|fax|phone|hotline|mobile|whatsapp|email|e-mail|gst|g5t|sst|tax|invoice|receipt|bill|date|cashier|co\.?\s?reg|reg\.?\s?no|"
    r"company|roc|brn|cash|table|pos|owned|shopping hours|business hours|terminal|website|customer|president|operat)\b|"
    r"gst|tax ?invoice|www\.|@|\d{2,3}\s?-\s?\d{6,8}|\d{2}-\d{4}\s?\d{4}|^\W*\(?[\w -]{0,6}\d{4,}\s?-?\s?[A-Z]?\)?\W*$|^\W*[-*=]{2,}",
    re.IGNORECASE,
)
_DATE_LABEL = re.compile(r"\b(?:date|datum|tarikh|dated)\b", re.IGNORECASE)
_NOT_THE_DATE = re.compile(r"expir|valid|due|birth|until|print|return|exchange|member|before", re.IGNORECASE)
_TOTALS: tuple[tuple[re.Pattern[str], float], ...] = (
    (re.compile(r"(?:excl|before|without|exc\.?\b|o/w|tax total|total (?:gst|tax|disc|saving|qty|quantit|items?|supply|paid|pcs|points?|stamp|\d+\s?%))"), -9.0),
    (re.compile(r"(?:quantit|\bqty|\bitems?\b|saving|discount|change|tender|supplies|points|\bgst included|included in)"), -4.0),
    (re.compile(r"sub\s?-?\s?tot"), -1.6),
    (re.compile(r"(?:grand|nett?|final|round(?:ed)?|after|payable|amount due|balance due|to pay|gesamt|summe|zu zahlen)"), 2.0),
    (re.compile(r"tot[ao0]?[l1i]|t[o0]ta[l1i]"), 3.0),
    (re.compile(r"(?:incl|inclusive|amount|amt|sales|facture)"), 0.4),
    (re.compile(r"rounding adj|round(?:ing)? ?a(?:dj|mt)|rounding\s*$"), -6.0),
    (re.compile(r"^\W*rounding ?rm"), 4.0),
)
_PAID = re.compile(r"^\W*(?:cash|paid|tender|visa|master|card|credit|payment|debit|bar\b|amount paid|gegeben)", re.IGNORECASE)
_CHANGE = re.compile(r"\bchange|r(?:ü|ue|u)ckgeld|baki", re.IGNORECASE)
_SUMMARY = re.compile(r"summary|analysis|tax code|gst code|\bcode\b.*\bamount", re.IGNORECASE)
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
    return [_line(words, page.number) for page in pages for words in lines_of(page.words)]


def find_heading(lines: Sequence[Line]) -> Clue | None:
    """Return the shop's name."""
    start = _company_at(lines)
    if start is None:
        return None
    taken = _whole_name(lines, start)
    name = _bare_name(" ".join(line.text for line in taken))
    sureness = 0.9 if _LEGAL_FORM.search(name) else 0.7 if _COMPANY.search(name) else 0.5
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
    leads = before >= first and not _AFTER_ADDRESS.search(lines[before].text)
    if leads and (_POSTCODE.match(lines[start].text.strip()) or lines[before].text.rstrip().endswith(",")):
        start = before
    taken = _address_lines(lines, start)
    text = " ".join(line.text.strip() for line in taken)
    has_postcode = _POSTCODE.search(text) is not None
    reason = "the lines below the company's name, up to the first that is no address"
    return Clue(Printed(text, _folded(text), 0, 0), tuple(taken), 0.85 if has_postcode else 0.6, reason)


def find_receipt_date(lines: Sequence[Line]) -> Clue | None:
    """Return the day of the sale."""
    found: list[tuple[float, int, Clue]] = []
    for place, line in enumerate(lines):
        printed = find_date(line.text)
        if printed is None:
            continue
        labelled = _DATE_LABEL.search(line.text) is not None
        doubtful = _NOT_THE_DATE.search(line.text) is not None
        score = 0.8 + 0.15 * labelled - 0.5 * doubtful
        reason = "beside the word date" if labelled else "the first date on the receipt"
        found.append((score, -place, Clue(printed, (line,), score, reason)))
    return max(found, key=lambda one: one[:2])[2] if found else None


def find_total(lines: Sequence[Line]) -> Clue | None:
    """Return the amount to pay."""
    paid = _first_amount(lines, _PAID)
    change = _first_amount(lines, _CHANGE)
    counts = Counter(amount.normalised for line in lines if (amount := find_amount(line.text)))
    scored: list[tuple[float, int, Clue]] = []
    in_summary = False
    for place, line in enumerate(lines):
        in_summary = in_summary or _SUMMARY.search(line.text) is not None
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


def _line(words: Sequence[Word], page: int) -> Line:
    confidence = sum(word.confidence for word in words) / len(words)
    return Line(" ".join(word.text for word in words), around([word.box for word in words]), confidence, page)


def _company_at(lines: Sequence[Line]) -> int | None:
    scored = [(_company_score(line.text, place), -place) for place, line in enumerate(lines[:_HEAD_LINES])]
    best = max(scored, default=(0.0, 0))
    return -best[1] if best[0] > 0 else None


def _company_score(text: str, place: int) -> float:
    letters = sum(map(str.isalpha, text))
    if letters < 4 or letters < 0.4 * len(text.replace(" ", "")):  # noqa: PLR2004 (a name has four letters at least)
        return 0.0
    score = 3.0 - 0.6 * place
    score += 4.0 if _LEGAL_FORM.search(text) else 1.5 if _COMPANY.search(text) else 1.0 if _GLUED.search(text) else 0.0
    if _NOT_COMPANY.search(text) and not _LEGAL_FORM.search(text):
        score -= 4.0
    if _ADDRESS.search(text) and not _COMPANY.search(text):
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
    if _NOT_COMPANY.search(before) or len(before) < 4:  # noqa: PLR2004 (rubbish)
        return False
    is_open = before.rstrip().endswith(("&", "-", "_")) or before.count("(") > before.count(")")
    only_form = re.match(r"\W*(?:\(\w+\)\s*)?(?:(?:sdn|bhd|berhad)\b|enterprise\b|trading\b)", after, re.IGNORECASE)
    return is_open or only_form is not None


def _bare_name(text: str) -> str:
    """Return a company's name without what follows its legal form and without its registration number."""
    match = _ENDS_WITH_FORM.match(text)
    bare = match[1] if match else _REGISTRATION.sub("", text)
    kept = [word for word in bare.replace("_", " ").split() if not _STAMP.fullmatch(word)]
    return " ".join(kept).strip(" -·:,*")


def _is_address(text: str) -> bool:
    return _ADDRESS.search(text) is not None and (_AFTER_ADDRESS.search(text) is None or _POSTCODE.search(text) is not None)


def _address_lines(lines: Sequence[Line], start: int) -> list[Line]:
    taken = [lines[start]]
    for line in lines[start + 1 : start + 7]:
        seen_postcode = any(_POSTCODE.search(known.text) for known in taken)
        if _AFTER_ADDRESS.search(line.text) or find_date(line.text) is not None:
            break
        if seen_postcode and not (_PLACE.search(line.text) or _ADDRESS.search(line.text)):
            break
        taken.append(line)
    return taken


def _total_in(lines: Sequence[Line], place: int) -> Clue | None:
    line = lines[place]
    label = line.text.lower()
    if not re.search(r"tot[ao0]?[l1i]|t[o0]ta|amount due|payable|^\W*rounding ?rm|summe|gesamt|zu zahlen|nett", label):
        return None
    score = sum(weight for pattern, weight in _TOTALS if pattern.search(label))
    amount, taken = find_amount(line.text), (line,)
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
