"""Reads numbers with separators, decimals, mixed numbers, and number and scale words."""

import re
from fractions import Fraction

from reward.answers.compare.rational import TooLarge

from .tree import Num

MAX_EXPONENT = 4_000
# An Indian 1,00,000 differs from a list by a group that begins with 0.
INDIAN_GROUPS = r"\d{1,2}(?=[\d,]*,0\d,)(?:,\d{2})+,\d{3}(?!,?\d)"
_GROUPED = rf"{INDIAN_GROUPS}|" r"\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,3}(?: \d{3})+(?! ?[\d,/])|\d+"
_REPEATING = r"\.(?P<fixed>\d*)\\(?:overline|dot|bar)\s*\{?\s*(?P<period>\d+)\s*\}?"
_MIXED = r"\d+ \d+ ?/ ?\d+"
_PREFIX = re.compile(
    rf"(?P<sign>[+-]?) ?(?:(?P<mixed>{_MIXED})(?![\d.])"
    rf"|(?:(?P<whole>{_GROUPED})(?:{_REPEATING}|(?P<decimals>\.\d*)?)|(?P<bare>\.\d+))"
    r"(?:[eE](?P<exponent>[+-]?\d{1,9})(?![\d.]))?)"
)
_SMALL_NAMES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
SMALL: dict[str, int] = {word: value for value, word in enumerate(_SMALL_NAMES.split())}
TENS = {
    word: 10 * ten
    for ten, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2
    )
}
SCALES = {
    "ten": 10,
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "lakh": 10**5,
    "crore": 10**7,
    "dozen": 12,
}
_WORD = re.compile(r"[A-Za-z]+")
_NEGATIVE = re.compile(r"(?:negative|minus) (?=[A-Za-z\d.])", re.IGNORECASE)
PART_NAMES = {
    "half": 2,
    "third": 3,
    "quarter": 4,
    "fourth": 4,
    "fifth": 5,
    "sixth": 6,
    "eighth": 8,
    "tenth": 10,
}
_PART = re.compile(rf"(?:([a-z]+)[ -])?({'|'.join(PART_NAMES)}|halve)s?", re.IGNORECASE)
_EULER = re.compile(r"(?!1e)\d+(?=e\+\d(?!\d))")
_MAX_WORDS_CHARS = 200


def number_prefix(text: str) -> tuple[Num, int] | None:
    """Number at the start of `text` (normalised), and its length in characters including scale words.

    Raises:
        TooLarge: the number's decimal exponent is above 4,000.
    """
    if negative := _NEGATIVE.match(text):
        prefix = number_prefix(text[negative.end() :])
        return (Num(-prefix[0].value, prefix[0].decimal), negative.end() + prefix[1]) if prefix else None
    if euler := _EULER.match(text):
        # Programs write 2e+03; 2e+3 may also be twice Euler's number plus three.
        return Num(Fraction(euler[0])), euler.end()
    match = _PREFIX.match(text)
    if not match:
        return _words_prefix(text)
    value, is_decimal = _magnitude(match)
    end = match.end()
    for factor, length in _scales(text[end:]):
        value, end = value * factor, end + length
    return Num(-value if match["sign"] == "-" else value, is_decimal), end


def read_number(text: str) -> Num | None:
    """Read all of `text` (normalised) as a number; None if it is anything else or more."""
    prefix = number_prefix(text)
    return prefix[0] if prefix and prefix[1] == len(text) else _read_part(text)


def _read_part(text: str) -> Num | None:
    """Read a fraction in words: "half", "two thirds"; "third" alone is a rank."""
    match = _PART.fullmatch(text)
    if not match or (match[1] is None and match[2].lower() != "half"):
        return None
    over = SMALL.get((match[1] or "one").lower(), 1 if (match[1] or "").lower() == "a" else 0)
    return Num(Fraction(over, PART_NAMES.get(match[2].lower(), 2))) if over else None


def _magnitude(match: re.Match[str]) -> tuple[Fraction, bool]:
    if match["mixed"]:
        whole, over, under = map(int, re.findall(r"\d+", match["mixed"]))
        # Read as much as is a number: "1 1/0" is 1 followed by something else.
        return (whole + Fraction(over, under) if under else Fraction(whole)), False
    whole = (match["whole"] or "").replace(",", "").replace(" ", "")
    if match["period"]:
        fixed, period = match["fixed"], match["period"]
        repeated = int(whole + fixed + period) - int(whole + fixed)
        return Fraction(repeated, 10 ** len(fixed) * (10 ** len(period) - 1)), False
    decimals = match["decimals"] or match["bare"] or ""
    exponent = int(match["exponent"] or 0)
    if abs(exponent) > MAX_EXPONENT:
        raise TooLarge
    value = Fraction((whole or "0") + (decimals if len(decimals) > 1 else "")) * Fraction(10) ** exponent
    return value, bool(decimals[1:] or match["exponent"])


def _scales(text: str) -> list[tuple[int, int]]:
    scales = []
    while True:
        match = re.match(r" ?-?([A-Za-z]+)(?![A-Za-z])", text)
        scale = match[1].lower().removesuffix("s") if match else ""
        if not match or scale not in SCALES or len(scales) > 3 or match[1].lower() == "ten":
            return scales
        scales.append((SCALES[scale], match.end()))
        text = text[match.end() :]


def _words_prefix(text: str) -> tuple[Num, int] | None:
    total = group = end = 0
    for match in _WORD.finditer(text[:_MAX_WORDS_CHARS]):
        word, gap = match[0].lower(), text[end : match.start()].lower()
        if word == "and" and end:
            continue
        follows = gap in ("", " ", "-") or (gap == " and " and group % 100 == 0)
        step = _add_word(word, group, is_first=end == 0) if follows else None
        if step is None:
            break
        (group, factor), end = step, match.end()
        if factor > 1:
            total, group = total + group * factor, 0
    return (Num(Fraction(total + group)), end) if end and text[:end].lower() != "a" else None


def _add_word(word: str, group: int, *, is_first: bool) -> tuple[int, int] | None:
    """Add `word` to a number below a thousand; returns the sum and a scale factor, None if `word` is no number."""
    if word in SMALL and (is_first or (group % 10 == 0 and (SMALL[word] < 10 or group % 100 == 0))):
        return group + SMALL[word], 1
    if word in TENS and group % 100 == 0:
        return group + TENS[word], 1
    if word in ("hundred", "dozen") and group < 100:
        return (group or 1) * SCALES[word], 1
    if word in SCALES and word != "ten":
        return group or 1, SCALES[word]
    return (0, 1) if word == "a" and is_first else None
