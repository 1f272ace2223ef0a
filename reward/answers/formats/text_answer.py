"""Convention `text`: short answers in words, compared as in SQuAD.

Rajpurkar et al., "SQuAD: 100,000+ Questions for Machine Comprehension of Text" (2016), section 6.1: exact match and
word F1 after normalisation. The normalisation here keeps signs, decimals, fractions, dates and currencies, which a
plain removal of punctuation loses.
"""

import re
import unicodedata
from collections import Counter
from fractions import Fraction

from reward.answers.extract.clean import without_end_tokens
from reward.answers.extract.final_answer import ADVERB, clean_answer, extract_marked
from reward.config import RewardConfig
from reward.types import Check, GradeReason, Verdict

_MARKS = {
    "boxed": re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])"),
    "####": re.compile(r"(?<!#)####(?!#)"),
    "stated": re.compile(
        rf"\banswer\b[\s*_]*(?:\bis\b|:|=)(?:[\s*_:]|{ADVERB}\b,?(?=\s+\S))*", re.IGNORECASE
    ),
}
_CLAUSE = re.compile(r",\s(?:because|since|which|so|as|where)\b")
_STOP = re.compile(r"(?<!\S)(?P<word>\S+)\.(?=\s)")
_ABBREVIATIONS = re.compile(
    r"(?:al|approx|bros|capt|co|col|corp|dept|dr|ft|gen|inc|jr|lt|ltd|mr|mrs|ms|mt|prof|sgt|sr|st|univ|vs)"
)
_LEFT, _RIGHT = "* `\t\r", "* `\t\r."

_WRAPPER = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox)\s*\{")
_SIGNED_CURRENCY = re.compile(r"([-+])([$€£¥])(?=[\d.])")
_TOKEN = re.compile(
    # A number with its signs and separators: -3.5, 1,234, 1/2, 3:30, 2024-01-31.
    r"(?P<number>(?:(?<![\w.)])[-+])?(?:\d+(?:[.,:/-]\d+)*|(?<!\d)\.\d+))"
    # A word with its marks: O'Neill, U.S, C++, C#, the blood type A-.
    r"|(?P<word>[^\W_]+(?:['’.][^\W_]+)*(?:[+#]+|(?<![^\W_]{3})-(?!\w))?)"
    r"|(?P<symbol>\S)"
)
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_VALUE = re.compile(r"-?(?:\d{1,2000}(?:\.\d{1,2000})?|\.\d{1,2000})")


def extract(text: str, strict: bool) -> str | None:
    """Extract the short answer that `text` states, or None.

    Strict mode takes the text after the last "answer is", "answer:" or `####`, up to the end of the line or sentence.
    The content of a later box overrides it. A text of a single line without any of these is the answer itself. Lenient
    mode also takes the last line that is not empty.
    """
    text = without_end_tokens(text)
    ends = {mark: max((m.end() for m in found.finditer(text)), default=-1) for mark, found in _MARKS.items()}
    mark = max(ends, key=lambda name: ends[name])
    if ends[mark] >= 0:
        rest = text[ends[mark] :].split("\n", 1)[0]
        if mark == "boxed":
            rest = extract_marked(text, mark) or ""
        answer = _tidy(_sentence(rest) if mark == "stated" else rest)
        if answer or strict:
            return answer
    lines = [line for line in text.splitlines() if line.strip()]
    return _tidy(lines[-1]) if lines and (len(lines) == 1 or not strict) else None


def decide(check: Check, config: RewardConfig) -> tuple[Verdict, GradeReason | None]:
    """Compare normalised words: EQUAL if they are the same, or if their F1 reaches `text_min_f1`.

    Two answers that are only a number are compared by value. Currency and percent signs count only if both have some.
    """
    if check.gold.strip() == check.answer.strip():
        return Verdict.EQUAL, None
    gold, answer = _agree_on_units(words(check.gold), words(check.answer))
    if gold and gold == answer:
        return Verdict.EQUAL, None
    if len(gold) == len(answer) == 1 and _VALUE.fullmatch(gold[0]) and _VALUE.fullmatch(answer[0]):
        equal = Fraction(gold[0]) == Fraction(answer[0])
    else:
        equal = config.text_min_f1 is not None and f1(gold, answer) >= config.text_min_f1
    return (Verdict.EQUAL if equal else Verdict.DIFFERENT), None


def f1(gold: list[str], answer: list[str]) -> float:
    """Harmonic mean of the shares of words that each side has in common with the other, in [0, 1]."""
    common = (Counter(gold) & Counter(answer)).total()
    return 2 * common / (len(gold) + len(answer)) if common else 0.0


def words(text: str) -> list[str]:
    """Words, numbers and symbols of a text, without case, articles, blanks and punctuation."""
    text = _SIGNED_CURRENCY.sub(r"\2\1", _WRAPPER.sub(" ", _fold(text)))
    tokens = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if match["number"]:
            tokens += _number(token)
        elif match["word"]:
            tokens.append(re.sub(r"['’.]", "", token))
        elif token in "%^" or unicodedata.category(token) in ("Sm", "Sc", "So"):
            tokens.append(token)
    last = len(tokens) - 1
    return [token.casefold() for i, token in enumerate(tokens) if i == last or not _is_article(token, i)]


def _agree_on_units(gold: list[str], answer: list[str]) -> tuple[list[str], list[str]]:
    bare_gold, bare_answer = ([word for word in side if not _is_unit(word)] for side in (gold, answer))
    one_sided = (bare_gold == gold) != (bare_answer == answer)
    return (bare_gold, bare_answer) if one_sided else (gold, answer)


def _is_unit(word: str) -> bool:
    return word == "%" or (len(word) == 1 and unicodedata.category(word) == "Sc")


def _sentence(line: str) -> str:
    """First sentence of a line, without a trailing clause that explains it."""
    line = _CLAUSE.split(line, maxsplit=1)[0]
    for stop in _STOP.finditer(line):
        word = stop["word"].lstrip("(").casefold()
        is_initial = len(word) < 2 or "." in word or _ABBREVIATIONS.fullmatch(word)
        if not is_initial or word[-1:].isdigit():
            return line[: stop.end("word")]
    return line


def _tidy(answer: str) -> str | None:
    before = None
    while answer != before:
        before, answer = answer, clean_answer(answer.lstrip(_LEFT).rstrip(_RIGHT))
    return answer or None


def _fold(text: str) -> str:
    """Reduce each character to one spelling; raised and lowered digits stay distinct from plain digits."""
    if text.isascii():
        return text
    folded = "".join(character if character.isascii() else _fold_character(character) for character in text)
    return unicodedata.normalize("NFC", folded)


def _fold_character(character: str) -> str:
    kind = unicodedata.decomposition(character).partition(" ")[0]
    if character in "−–":
        return "-"
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if kind in ("<super>", "<sub>"):
        return character
    folded = unicodedata.normalize("NFKC", character)
    return f" {folded.replace('⁄', '/')}" if kind == "<fraction>" else folded


def _number(token: str) -> list[str]:
    token = token.removeprefix("+")
    return [token.replace(",", "")] if _THOUSANDS.fullmatch(token) else token.split(",")


def _is_article(token: str, position: int) -> bool:
    # A capital A inside an answer is a name: hepatitis A virus.
    return token.casefold() in ("an", "the") or token == "a" or (token == "A" and position == 0)
