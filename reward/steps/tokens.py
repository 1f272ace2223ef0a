"""Splits a text into tokens: numbers, words, operators, relations, brackets and separators."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from .number_words import NUMBER_WORDS, read_number_words

Kind = Literal["number", "word", "operator", "relation", "open", "close", "currency", "bar", "break", "other"]
_LOOK_AHEAD = 8
MAX_DIGITS = 60
"""Longest number that is read; a claim that holds a longer one is not checked."""

_GROUPED = r"\d{1,3}(?:(?:,|\{,\}|\\[,!],?)\d{3})+(?![\d,]*\d{3})|\d{1,2}(?:,\d{2})+,\d{3}(?!\d)"
_TOKEN = re.compile(
    # Blanks match nothing below, so one is skipped before each token.
    r" ?+(?:(?P<fraction>[½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒])"
    r"|(?P<word>(?:(?<=\d)-(?=[^\W\d_]{2}))?[^\W\d_]+(?:['-][^\W\d_]+)*)"
    r"|(?P<odd>\d+(?:\.\d+){2,}|\d{1,2}/\d{1,2}/\d{4}(?!\d)|\d{4}-\d\d-\d\d(?!\d)|\d{1,2}-\d{1,2}-\d{4}(?!\d)"
    r"|\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]\.?m\b\.?)?(?![\d:])|\d+(?:\.\d+)?,\d+(?:,\d+)*(?!,?\d)(?<!,\d{3}))"
    r"|(?P<endless>\d+\.\d+(?:\.\.\.|…|\\l?dots(?![A-Za-z])))"
    r"|(?P<recurring>\d*\.(?:\d*(?:\\(?:overline|bar) ?\{ ?\d+ ?\}|\\dot ?\{? ?\d ?\}?)|\(\d+\)))"
    rf"|(?P<grouped>(?:{_GROUPED})(?:\.\d+)?)"
    r"|(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d{1,4}(?![\w.]))?|(?:(?<![\w)])|(?<=\dx))\.\d+)"
    r"|(?P<relation>\\(?:leqslant|geqslant|leq?q?|geq?q?|neq?|lt|gt|approx|simeq|sim|doteq|cong)(?![A-Za-z])"
    r"|<=|>=|(?<![\d)])!=(?!=)|=/=|[=<>≤≥≠≈~](?![=<>]))"
    r"|(?P<command>\\[A-Za-z]+|\\[{}$%|#&])"
    r"|(?P<code>[=<>!:+*/%-]?==+|[<>]{2,}|:=|[+*/%-]=|\+\+|--+|//+|&&|\|\|)"
    r"|(?P<dots>\.\.+|…|⋯)"
    r"|(?P<operator>\*\*?|[-+×÷/^!%°²³⁰¹⁴⁵⁶⁷⁸⁹√∛])"
    r"|(?P<cents>¢)|(?P<currency>[$€£¥₹])"
    r"|(?P<open>[(\[{⌊⌈])|(?P<close>[)\]}⌋⌉])|(?P<bar>\|)"
    r"|(?P<break>\#{2,}|\n(?:[ \t]{0,99}\n)*|[;:,.?&]|(?<=\w)'(?!\w))"
    r"|(?P<other>[^\s']))"
)
_COMMANDS: dict[str, tuple[Kind, str]] = {
    r"\times": ("operator", "*"),
    r"\cdot": ("operator", "*"),
    r"\ast": ("operator", "*"),
    r"\div": ("operator", "/"),
    r"\over": ("operator", "/"),
    r"\%": ("operator", "%"),
    r"\$": ("currency", "$"),
    r"\pounds": ("currency", "£"),
    r"\euro": ("currency", "€"),
    r"\{": ("open", "("),
    r"\}": ("close", ")"),
    r"\lfloor": ("open", "⌊"),
    r"\rfloor": ("close", "⌋"),
    r"\lceil": ("open", "⌈"),
    r"\rceil": ("close", "⌉"),
    r"\lvert": ("bar", "|"),
    r"\rvert": ("bar", "|"),
    r"\vert": ("bar", "|"),
    r"\|": ("other", r"\|"),
    r"\&": ("word", "and"),
    r"\#": ("other", "#"),
}
_RELATIONS = {
    **dict.fromkeys((r"\leqslant", r"\leq", r"\leqq", r"\le", "<="), "≤"),
    **dict.fromkeys((r"\geqslant", r"\geq", r"\geqq", r"\ge", ">="), "≥"),
    **dict.fromkeys((r"\ne", r"\neq", "!=", "=/="), "≠"),
    **dict.fromkeys((r"\approx", r"\simeq", r"\sim", r"\doteq", r"\cong", "~"), "≈"),
    r"\lt": "<",
    r"\gt": ">",
}
_APPROXIMATE = frozenset(
    ("about", "approximately", "approx", "approx.", "roughly", "around", "nearly", "almost", "circa")
)
_JOINING = NUMBER_WORDS | {"x", "percent", "pct", "per", "am", "pm", "st", "nd", "rd", "th"}
"""Words, or first parts of words with a hyphen, whose meaning depends on their neighbours."""
OPERAND_ENDS = frozenset(("number", "close", "word"))


@dataclass(slots=True)
class Token:
    """Token of `kind`, its characters `start` to `end` in the text, and the `value` of a number."""

    kind: Kind
    text: str
    start: int
    end: int
    value: int | Fraction = 0
    places: int = 0
    is_word: bool = False
    is_obelus: bool = False
    """Whether a division is written ÷, so that a slash after it may be the bar of a fraction."""


def tokenise(text: str, offset: int = 0) -> list[Token]:
    """Tokens of a text without markup; `offset` is added to positions."""
    tokens = [_token(match, offset) for match in _TOKEN.finditer(text)]
    return list(_joined(tokens))


def _token(match: re.Match[str], offset: int) -> Token:
    name, group = match.lastgroup or "other", match.lastindex or 0
    text, start, end = match[group], match.start(group) + offset, match.end() + offset
    kind = _KINDS.get(name)
    if kind is not None:
        return Token(kind, text, start, end)
    if name in ("number", "grouped", "recurring", "endless", "fraction"):
        return _number(name, text, start, end)
    if name == "command":
        kind, sign = _COMMANDS.get(text, ("other", text))
        return Token(kind, sign, start, end, is_obelus=text == r"\div")
    if name == "relation":
        return Token("relation", _RELATIONS.get(text, text), start, end)
    if name == "operator":
        return Token("operator", _OPERATORS.get(text, text), start, end, is_obelus=text == "÷")
    if name == "cents":
        return Token("word", "cents", start, end)
    return Token("other", text, start, end)


_OPERATORS = {"**": "^", "×": "*", "÷": "/"}
_KINDS: dict[str, Kind] = {
    name: name
    for name in ("word", "open", "close", "currency", "bar", "break")  # type: ignore[misc]
}


def _number(name: str, text: str, start: int, end: int) -> Token:
    if end - start > MAX_DIGITS:
        return Token("other", text, start, end)
    if name == "fraction":
        over, under = unicodedata.normalize("NFKC", text).split("⁄")
        return Token("number", text, start, end, Fraction(int(over), int(under)))
    if name == "endless":
        return _endless(text, start, end)
    if name == "recurring":
        return Token("number", text, start, end, _recurring(text))
    if name == "number" and len(text) == 4 and text[0] == "0" and text.isdigit():
        # A time such as 0730.
        return Token("other", text, start, end)
    if name == "number" and text.isdigit():
        return Token("number", text, start, end, int(text))
    plain = re.sub(r"[^\d.eE+-]", "", text).lower()
    whole, _, decimals = plain.partition(".")
    if plain.isdigit():
        return Token("number", text, start, end, int(plain))
    exponent = re.search(r"e([+-]?\d+)", plain)
    if exponent and abs(int(exponent[1])) > 300:
        return Token("other", text, start, end)
    value = Fraction(plain if whole else "0" + plain)
    places = max(0, len(decimals.partition("e")[0]) - int(exponent[1])) if exponent else len(decimals)
    return Token("number", text, start, end, int(value) if value.denominator == 1 else value, places)


def _recurring(text: str) -> Fraction:
    whole, _, decimals = text.partition(".")
    fixed, period = re.findall(r"\d*", decimals)[0], re.findall(r"\d+", decimals)[-1]
    value = Fraction(int(f"{whole}{fixed}{period}") - int(f"{whole}{fixed}" or "0"), 10 ** len(period) - 1)
    return value / 10 ** len(fixed)


def _endless(text: str, start: int, end: int) -> Token:
    """Read 0.333... as a third, and other digits before dots as rounded."""
    digits = text.rstrip(".…\\dlots")
    whole, _, decimals = digits.partition(".")
    for length in range(1, len(decimals) // 2 + 1):
        period = decimals[-length:]
        if decimals.endswith(period * (3 if length == 1 else 2)):
            fixed = decimals.removesuffix(period)
            value = _recurring(f"{whole}.{fixed}\\bar{period}")
            return Token("number", text, start, end, value, len(decimals))
    return Token("number", text, start, end, Fraction(digits), len(decimals))


def is_glued(left: Token, right: Token) -> bool:
    """Whether nothing stands between two tokens."""
    return left.end == right.start


def _joined(tokens: list[Token]) -> Iterator[Token]:
    """Decide what a token means from its neighbours: x as times, words of numbers, "about" after a relation."""
    last: Token | None = None
    position = 0
    while position < len(tokens):
        token = tokens[position]
        step = 1
        if token.kind == "word":
            if token.text.lower().partition("-")[0] in _JOINING:
                step = _join_word(tokens, position, last)
            last = token
            yield token
            position += step
            continue
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        if token.kind == "relation" and following:
            step = _join_relation(tokens, position)
        elif token.kind == "break" and token.text == "\n" and _is_continued(tokens, position, last):
            position += 1
            continue
        elif token.kind == "break" and token.text == "&":
            # Alignment in LaTeX; between two numbers it may be an operation of the problem's own.
            if last is None or last.kind != "number" or following is None or following.kind != "number":
                position += 1
                continue
        elif token.kind == "currency" and (following is None or not _is_money(token, following)):
            # The sign of LaTeX's formulas: it separates two values, and otherwise means nothing.
            if (
                last is None
                or following is None
                or last.kind not in ("number", "close")
                or following.kind not in ("number", "open")
            ):
                position += 1
                continue
            token.kind = "break"
        last = tokens[position]
        yield last
        position += step


def _is_money(sign: Token, following: Token) -> bool:
    return following.kind == "number" and (is_glued(sign, following) or sign.text != "$")


def _is_continued(tokens: list[Token], position: int, last: Token | None) -> bool:
    """Whether a line ends within a chain: the next line begins with a relation, or this one ends with a sign."""
    after = position + 1
    while (
        after < min(len(tokens), position + _LOOK_AHEAD)
        and tokens[after].kind == "break"
        and tokens[after].text in "\n&"
    ):
        after += 1
    if after < len(tokens) and tokens[after].kind == "relation" and tokens[after].text not in "<>":
        return True
    is_aligned = after > position + 1 and after < len(tokens) and tokens[after].text in ("+", "-", "*", "/")
    return is_aligned or (last is not None and (last.kind == "relation" or last.text in ("+", "-", "*", "/")))


def _join_relation(tokens: list[Token], position: int) -> int:
    """Read "= ~3", "= about 3" and "≈ about 3" as one relation."""
    step = 1
    while position + step < len(tokens):
        follower = tokens[position + step]
        is_sign = follower.kind == "relation" and follower.text == "≈"
        if not (is_sign or (follower.kind == "word" and follower.text.lower() in _APPROXIMATE)):
            break
        if tokens[position].text == "=":
            tokens[position].text = "≈"
        step += 1
        if (
            follower.text.lower() == "approx"
            and tokens[position + step : position + step + 1]
            and tokens[position + step].text == "."
        ):
            step += 1
    return step


def _join_word(tokens: list[Token], position: int, last: Token | None) -> int:
    word = tokens[position]
    lower = word.text.lower()
    following = tokens[position + 1] if position + 1 < len(tokens) else None
    if lower == "x" and last is not None and following is not None and _is_times(last, word, following):
        word.kind, word.text = "operator", "*"
        return 1
    if lower in ("percent", "pct") or (lower == "per" and following and following.text.lower() == "cent"):
        word.kind, word.text = "operator", "%"
        return 2 if lower == "per" else 1
    if (
        last is not None
        and last.kind == "number"
        and (lower in ("am", "pm") or (last.end == word.start and lower in ("st", "nd", "rd", "th")))
    ):
        word.kind = "other"
        return 1
    found = read_number_words(
        [token.text for token in tokens[position : position + 8] if token.kind in ("word", "break")]
    )
    if found is None:
        return 1
    value, count = found
    if any(token.kind != "word" for token in tokens[position : position + count]):
        return 1
    word.kind, word.value, word.is_word = "number", value, True
    word.end = tokens[position + count - 1].end
    return count


def _is_times(last: Token, word: Token, following: Token) -> bool:
    """Whether an x between two operands means times."""
    starts = following.kind in ("number", "currency") or following.text in (
        r"\frac",
        r"\dfrac",
        r"\sqrt",
        "√",
        "(",
    )
    if not starts or (last.kind not in OPERAND_ENDS and last.text not in ("%", "°", "!")):
        return False
    # In 3x(4) the x is a name.
    return following.text != "(" or (last.end != word.start and word.end != following.start)
