"""Normalises the spelling of an answer: Unicode to ASCII and LaTeX, LaTeX synonyms to one command."""

import re
import unicodedata
from functools import partial

from reward.answers.extract.clean import clean_answer

from .layout import flatten
from .notations import name_functions, rewrite_notations
from .unit_phrases import unit_of
from .units import is_known

_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma "
    "sigma tau upsilon phi chi psi omega"
)
_GREEK = _GREEK_NAMES.split()
_SYMBOLS: dict[str, str] = {
    **{chr(0x3B1 + offset): f"\\{name} " for offset, name in enumerate(_GREEK)},
    **dict.fromkeys("−–—‒‐‑﹣", "-"),
    **dict.fromkeys("·⋅∙∗•", "*"),
    **dict.fromkeys("÷∕⁄", "/"),
    **dict.fromkeys("°º˚", "°"),
    **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad\u2061\u2062\u2063\u200e\u200f", ""),
    **dict.fromkeys("‘’′`", "'"),
    **dict.fromkeys("“”", '"'),
    "≤": r"\leq ",
    "⩽": r"\leq ",
    "≥": r"\geq ",
    "⩾": r"\geq ",
    "≠": r"\neq ",
    "≈": r"\approx ",
    "≡": r"\equiv ",
    "∞": r"\infty ",
    "∪": r"\cup ",
    "∩": r"\cap ",
    "∈": r"\in ",
    "∉": r"\notin ",
    "∅": r"\emptyset ",
    "⌀": r"\emptyset ",
    "±": r"\pm ",
    "∓": r"\mp ",
    "∨": r"\lor ",
    "∧": r"\land ",
    "×": r"\times ",
    "→": r"\to ",
    "ℝ": r"\mathbb{R}",
    "ℤ": r"\mathbb{Z}",
    "ℕ": r"\mathbb{N}",
    "ℚ": r"\mathbb{Q}",
    "ℂ": r"\mathbb{C}",
    "∶": ":",
    "…": r"\dots ",
    "⟨": r"\langle ",
    "⟩": r"\rangle ",
    "⌊": r"\lfloor ",
    "⌋": r"\rfloor ",
    "⌈": r"\lceil ",
    "⌉": r"\rceil ",
    "∖": r"\setminus ",
    "¢": " cents",
    "。": ".",
    "、": ",",
    "Δ": r"\Delta ",
    "Ω": r"\Omega ",
    "Σ": r"\Sigma ",
}
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱ", "0123456789+-()ni", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₙᵢ", "0123456789+-()ni", strict=True))
_SCRIPTS = (
    (re.compile(f"[{''.join(_SUPERSCRIPTS)}]+"), "^", _SUPERSCRIPTS),
    (re.compile(f"[{''.join(_SUBSCRIPTS)}]+"), "_", _SUBSCRIPTS),
)
_ROOT = re.compile(r"([√∛∜])\s*(\d+(?:\.\d+)?|\([^()√]{1,200}\)|\S?)")
_ROOT_INDEX = {"√": "", "∛": "[3]", "∜": "[4]"}

_DROPPED = (
    "displaystyle textstyle scriptstyle limits nolimits rm bf it left right middle big Big bigg Bigg bigl "
    "bigr Bigl Bigr biggl biggr Biggl Biggr boxed fbox mathstrut underline ensuremath tiny scriptsize small "
    "normalsize large Large LARGE huge Huge bfseries itshape mathrm mathbf mathit mathsf mathtt boldsymbol bm "
    "textbf textit textrm texttt"
)
_COMMANDS: dict[str, str] = {
    **dict.fromkeys(("dfrac", "tfrac", "cfrac"), r"\frac"),
    **dict.fromkeys(("dbinom", "tbinom"), r"\binom"),
    **dict.fromkeys(("le", "leqslant", "leqq"), r"\leq "),
    **dict.fromkeys(("ge", "geqslant", "geqq"), r"\geq "),
    "ne": r"\neq ",
    "lt": "<",
    "gt": ">",
    **dict.fromkeys(("cdot", "times", "ast", "bullet"), "*"),
    "div": "/",
    "lbrace": r"\{",
    "rbrace": r"\}",
    **dict.fromkeys(("lbrack",), "["),
    **dict.fromkeys(("rbrack",), "]"),
    **dict.fromkeys(("lvert", "rvert", "vert"), "|"),
    "varnothing": r"\emptyset ",
    **dict.fromkeys(("ldots", "cdots", "dotsc", "dotsb", "dots"), r"\dots "),
    "bigcup": r"\cup ",
    "bigcap": r"\cap ",
    "wedge": r"\land ",
    "vee": r"\lor ",
    "overrightarrow": r"\vec",
    "degree": "°",
    "colon": ":",
    "lg": r"\log",
    "euro": "€",
    "pounds": "£",
    "textdollar": "$",
    "varepsilon": r"\epsilon ",
    "varphi": r"\phi ",
    "vartheta": r"\theta ",
    "imath": "i",
    **dict.fromkeys(("quad", "qquad", "enspace", "thinspace", "space", "hfill"), " "),
    **dict.fromkeys(
        _DROPPED.split(),
        " ",
    ),
}
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_WRAPPER = re.compile(
    r"\\(?:text|textbf|textit|textrm|textsf|texttt|textup|textnormal|mathrm|mathbf|mathit|mathsf|mathtt|mathnormal|mbox|hbox|emph|"
    r"boldsymbol|bm|operatorname\*?|mathop)\s*\{([^{}]*)\}"
)
_STATEMENT = re.compile(
    r"(?:(?:so|hence|thus|therefore),? )?"
    r"(?:(?:the |my |our )?(?:final |correct )?answer ?(?:is ?:?|[:=])|there (?:is|are|were|will be)) (?=\S)",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"(?<=(?P<last>[\dA-Za-z})]))(?P<gap> ?)\((?P<blank> ?)(?P<words>[^()\d][^()]{0,40}?) ?\)\Z"
)
_BOLD = re.compile(r"(?<!\S)\*\*(?=[^\s*])([^*]{1,200})(?<!\s)\*\*(?![^\s.,;:!?)])")
_HALF_DAY = re.compile(r"[ap]\.? ?m\.?", re.IGNORECASE)
_EMOJI_FROM = "\u2600"
_VARIATIONS = "\ufe0e\ufe0f\u200d"
# Emoji that retract an answer, ask a question, or are numbers themselves.
_TELLING_EMOJI = frozenset("❌❎✖✗✘⛔🚫👎⚠❓❔❗❕💯🔟🔢💔🙅🤷🤔➕➖➗")
# Text from JSON that was escaped twice; a row's end occurs before these only in environments.
_ESCAPED_TWICE = re.compile(
    r"\\\\(?=(?:left|right|[dt]?frac|sqrt|leq?|geq?|neq?|text|mathbb|mathrm|pi|infty|cup|cap|in|cdot|times|pm|circ|quad|theta)"
    r"(?![A-Za-z]))"
)
_DOLLARS = re.compile(r"\$([^$]*)\$(?!\d)")
_ESCAPED_DOLLAR = "\ue000"
_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\(?:left|right)\s*\.", " "),
        (r"(?<!\\)\\[,;:> \n]|~|\\hspace\*?\{[^{}]*\}", " "),
        (r"(?<=\d) ?,(?:(?<!\\)\\! ?)+(?=\d{3}(?!\d))", ""),
        (r"(?<!\\)\\!", ""),
        (r"(?<=\d) ?\{ ?, ?\} ?(?=\d{3})", ""),
        (r"\{ ?([,:=<>]) ?\}", r"\1"),
        (r"\{\}(?=\^)|(?<!\\)\\[()]", " "),
        (r"\\([%#&_])", r"\1"),
        (r"\*\*", "^"),
        (r"<=|=<", r"\\leq "),
        (r">=|=>", r"\\geq "),
        (r"!=", r"\\neq "),
        (r"\\not\s*=", r"\\neq "),
        (r"\\not\s*\\in(?![A-Za-z])", r"\\notin "),
        (r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))", "°"),
        (r"(?:\^\s*\{\s*°\s*\}|\^\s*°)", "°"),
        (r"\\\|", "|"),
        (r"(?<![A-Za-z])Rs\.? ?(?=\d)", "₹"),
        (r"&\s*(?:if|for|when)(?![A-Za-z])", "& "),
        (
            r"\(\s*\\?[bp]?mod(?![A-Za-z])([^()]*)\)|\\[bp]?mod(?![A-Za-z])(?:\s*\{([^{}]*)\})?",
            r"\\mod \1\2 ",
        ),
    )
)


def normalise(text: str) -> str:
    """Reduce `text` to one spelling of the same value; the result is empty only if nothing is left.

    Digits of any script become ASCII, superscripts `^{}`, vulgar fractions `\\frac{}{}`, and symbols their LaTeX
    command or ASCII operator. Spacing, sizing and font commands are dropped. Synonyms (`\\dfrac`, `\\le`, `\\times`)
    become one command. Linear in the length of `text`.
    """
    text = clean_answer(text)
    if not text.isascii():
        text = _ascii(_without_emoji(text))
    if r"\\" in text and r"\begin" not in text:
        text = _ESCAPED_TWICE.sub(r"\\", text)
    text = name_functions(text)
    if "**" in text:
        text = _BOLD.sub(r"\1", text)
    if "\\" in text:
        text = text.replace(r"\$", _ESCAPED_DOLLAR)
        text = flatten(text)
        for _ in range(3):
            text = _WRAPPER.sub(r" \1 ", text)
    if "$" in text:
        text = _DOLLARS.sub(r" \1 ", text)
    if r"\vec" in text:
        # Between vectors the cross product differs from the dot product.
        text = text.replace(r"\times", r"\cross ")
    for pattern, replacement in _REWRITES:
        text = pattern.sub(replacement, text)
    text = _COMMAND.sub(_command, text).replace(_ESCAPED_DOLLAR, "$")
    text = clean_answer(" ".join(text.split()))
    if " " in text:
        text = _STATEMENT.sub("", text, count=1)
    text = rewrite_notations(text)
    return _REMARK.sub(_remark, text) if text.endswith(")") else text


def _remark(match: re.Match[str]) -> str:
    """Drop the brackets around a unit, as in `2(cm)`; `2(ab)` and `2(m)` are products."""
    words, is_apart = match["words"], bool(match["gap"] or match["blank"])
    if words == "exactly":
        return ""
    if _HALF_DAY.fullmatch(words):
        return f" {words}"
    is_long = len(words) > 1 and is_known(words.split("^")[0])
    is_certain = is_long or not words.isascii() or (is_apart and not match["last"].isalpha())
    is_unit = is_certain and unit_of(f" {words}", is_spaced=True) is not None
    return f" {words}" if is_unit else match[0]


def _without_emoji(text: str) -> str:
    """Drop emoji before and after `text`, except the ones that comment on it."""
    start, end = 0, len(text)
    while end and _is_ornament(text[end - 1]):
        end -= 1
    while start < end and _is_ornament(text[start]):
        start += 1
    bare = text[start:end].strip(_VARIATIONS)
    return bare if bare else text


def _is_ornament(character: str) -> bool:
    return (
        character.isspace()
        or character in _VARIATIONS
        or (
            character >= _EMOJI_FROM
            and unicodedata.category(character) == "So"
            and character not in _TELLING_EMOJI
        )
    )


def _command(match: re.Match[str]) -> str:
    return _COMMANDS.get(match[1], match[0])


def _ascii(text: str) -> str:
    for pattern, mark, table in _SCRIPTS:
        text = pattern.sub(partial(_script, mark, table), text)
    text = _ROOT.sub(lambda match: f"\\sqrt{_ROOT_INDEX[match[1]]}{{{match[2]}}}", text)
    return "".join(map(_ascii_character, text))


def _script(mark: str, table: dict[str, str], match: re.Match[str]) -> str:
    return f"{mark}{{{''.join(table[character] for character in match[0])}}}"


def _ascii_character(character: str) -> str:
    if character.isascii():
        return character
    if unicodedata.category(character) == "Nd":
        return str(unicodedata.digit(character))
    if character in _SYMBOLS:
        return _SYMBOLS[character]
    kind = unicodedata.decomposition(character).partition(">")[0]
    if kind == "<fraction":
        over, _, under = unicodedata.normalize("NFKC", character).partition("⁄")
        return f"\\frac{{{over}}}{{{under or '1'}}}"
    if kind in ("<wide", "<font", "<narrow", "<noBreak", "<compat"):
        plain = unicodedata.normalize("NFKC", character)
        return "".join(_SYMBOLS.get(c, c) for c in plain)
    return character
