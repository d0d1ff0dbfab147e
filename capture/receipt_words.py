"""The words by which receipts are understood: companies and their legal forms, addresses, what follows them, totals."""

import re


def _any_of(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


COMPANY = _any_of(
    r"\b(?:sdn\.?|s/b|bhd\.?|berhad|enterprise|trading|restoran|restaurant|cafe|kopitiam|bakery|bakeries|hardware)\b",
    r"\b(?:stationery|mart|market|supermarket|grocer|store|shop|house|pharmacy|farmasi|klinik|pasaraya|perniagaan)\b",
    r"\b(?:co\.|company|ltd|limited|plt|inc|gmbh|ag|kg|ohg|e\.?k|service|station|books?|bookstore|hotel|kitchen)\b",
    r"\b(?:corner|food|industries|marketing|electrical|centre|center|petrol|shell|petronas)\b",
    r"sdn\s?\.?\s?bhd",
)
GLUED = _any_of(
    "shop", "store", "mart", "cafe", "trading", "stationery", "hardware", "bakery", "restoran", "enterprise"
)
LEGAL_FORM = _any_of(
    r"\bs/b\b", r"sdn\.?\s*\.?\s*bhd", r"\bbhd\b", r"\bberhad\b", r"\bgmbh\b", r"\bltd\b", r"\bplt\b", r"\benterprise\b"
)
ENDS_WITH_FORM = _any_of(r"^(.*?(?:s/b|sdn\.?\s*\.?\s*bhd\.?|berhad|gmbh|\bltd\.?))(?:\W.*)?$")
BEGINS_WITH_FORM = _any_of(r"\W*(?:\(\w+\)\s*)?(?:(?:sdn|bhd|berhad)\b|enterprise\b|trading\b)")
REGISTRATION = _any_of(
    r"[\(\[{]?\s*(?:co\.?\s*(?:reg)?\.?\s*(?:no\.?)?\s*[:.]?\s*)?[A-Z]{0,3}\d{4,}\s?-?\s?[A-Z0-9]?\s*[\)\]}]?\s*$"
)
STAMP = _any_of("posted", "checked", "paid", "copy", r"[A-Z]?\d{4,}\W?")
NOT_COMPANY = _any_of(
    r"invoice|receipt|cash bill|resit|\btel\b|\bfax\b|\bgst\b|reg\.? ?no|\bdate\b|welcome|thank|www\.|@",
    r"^\W*\d[\d\W]*$",
    r"checked|posted|copy",
    r"^\s*(?:no|lot|jalan|jln)\b[\s.]*\d?",
)

ADDRESS = _any_of(
    r"\b(?:jalan|jln|jaian|lorong|persiaran|lebuh|lebuhraya|taman|tmn|lot|kampung|kg|seksyen|section|batu|bandar|bdr)\b",
    r"\b(?:plaza|mall|wisma|menara|level|floor|flr|block|blok|kawasan|perindustrian|pusat|mukim|basement|office)\b",
    r"\b(?:autoroute|rue|street|road|avenue|ave|str\.|weg|platz|tingkat|unit)\b",
    r"(?<!co )(?<!co\. )(?<!reg )\bno\.?\s?\d",
    r"^no\.?\s?[A-Z]{0,2}[-\d]",
    r"\d{5}\s+[A-Za-z]{3}",
    r",\s?\d{5}\b",
    r"\bpju|\bstra(?:ß|ss)e",
)
POSTCODE = re.compile(r"(?<!\d)\d{5}(?!\d)")
PLACE = _any_of(
    r"johor|selangor|kuala lumpur|\bk\.?l\b|perak|penang|pulau pinang|melaka|malacca|kedah|pahang|sabah|sarawak",
    r"negeri sembilan|terengganu|kelantan|perlis|putrajaya|darul|ehsan|ta'?zim|malaysia",
    r"shah alam|petaling jaya|puchong|cheras|ampang|klang|skudai|rawang|subang|seremban|ipoh|kajang|kepong",
)
AFTER_ADDRESS = _any_of(
    r"\b(?:tel|te1|fax|phone|hotline|mobile|whatsapp|email|e-mail|gst|g5t|sst|tax|invoice|receipt|bill|date|cashier)\b",
    r"\b(?:co\.?\s?reg|reg\.?\s?no|company|roc|brn|cash|table|pos|owned|shopping hours|business hours|terminal)\b",
    r"\b(?:website|customer|president|operat)\b",
    r"gst|tax ?invoice|www\.|@",
    r"\d{2,3}\s?-\s?\d{6,8}|\d{2}-\d{4}\s?\d{4}",
    r"^\W*\(?[\w -]{0,6}\d{4,}\s?-?\s?[A-Z]?\)?\W*$",
    r"^\W*[-*=]{2,}",
)

DATE_LABEL = _any_of(r"\b(?:date|datum|tarikh|dated)\b")
NOT_THE_DATE = _any_of("expir", "valid", "due", "birth", "until", "print", "return", "exchange", "member", "before")

PROMISES_TOTAL = _any_of(
    r"tot[ao0]?[l1i]", "t[o0]ta", "amount due", "payable", r"^\W*rounding ?rm", "summe", "gesamt", "zu zahlen", "nett"
)
TOTALS: tuple[tuple[re.Pattern[str], float], ...] = (
    (_any_of("excl", "before", "without", r"exc\.?\b", "o/w", "tax total"), -9.0),
    (_any_of(r"total (?:gst|tax|disc|saving|qty|quantit|items?|supply|paid|pcs|points?|stamp|\d+\s?%)"), -9.0),
    (
        _any_of(
            "quantit",
            r"\bqty",
            r"\bitems?\b",
            "saving",
            "discount",
            "change",
            "tender",
            "supplies",
            "points",
            "included",
        ),
        -4.0,
    ),
    (_any_of(r"sub\s?-?\s?tot"), -1.6),
    (
        _any_of("grand", "nett?", "final", r"round(?:ed)?", "after", "payable", "amount due", "balance due", "to pay"),
        2.0,
    ),
    (_any_of("gesamt", "summe", "zu zahlen"), 3.0),
    (_any_of(r"tot[ao0]?[l1i]", "t[o0]ta[l1i]"), 3.0),
    (_any_of("incl", "amount", "amt", "sales", "facture"), 0.4),
    (_any_of("rounding adj", r"round(?:ing)? ?a(?:dj|mt)", r"rounding\s*$"), -6.0),
    (_any_of(r"^\W*rounding ?rm"), 4.0),
)
PAID = _any_of(r"^\W*(?:cash|paid|tender|visa|master|card|credit|payment|debit|bar\b|amount paid|gegeben)")
CHANGE = _any_of(r"\bchange", r"r(?:ü|ue|u)ckgeld", "baki")
SUMMARY = _any_of("summary", "analysis", "tax code", "gst code", r"\bcode\b.*\bamount")
