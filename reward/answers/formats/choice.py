"""Convention `choice`: one letter from A to J."""

import re
import unicodedata

from reward.answers.extract.clean import without_end_tokens
from reward.answers.extract.final_answer import ADVERB, extract_marked
from reward.config import RewardConfig
from reward.types import Check, GradeReason, Verdict

_QUOTED = "|".join(rf"{left}[A-Ja-j]{right}" for left, right in ('""', "''", "“”", "‘’"))
_LETTER = re.compile(
    rf"(?P<bracketed>\(\s?[A-Ja-j]\s?\)|\[\s?[A-Ja-j]\s?\]|{_QUOTED})|(?P<bare>[A-Ja-j])(?![\w'’])"
)
_STATEMENT = re.compile(
    r"\b(?:answer|correct (?:option|choice))\b[\s*_\"']*"
    rf"(?:\b(?:is|(?:would|should|must|will) be)\b|:|=)(?:[\s*_:]|{ADVERB}\b,?)*",
    re.IGNORECASE,
)
_VERDICT_LINE = re.compile(
    r"(?:(?:so|hence|thus|therefore|then),?\s+)?(?:the\s+)?(?:(?:option|choice|answer|letter)\s+)?"
    r"(?P<letter>[A-J]|\([A-Ja-j]\))\s+is\s+(?:the\s+)?(?:correct|right|best)"
    r"(?:\s+(?:answer|option|choice|one))?[.!]?",
    re.IGNORECASE,
)
_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])")
_BOLD = re.compile(r"\\textbf\s*\{\s*\(([A-Ja-j])\)")
_WRAPPER = re.compile(
    r"\\(?:boxed|fbox|text|textbf|textit|textrm|mathrm|mathbf|mbox)\s*\{|[{}$*_`]|\\[()\[\]]"
)
_NOUN = re.compile(r"(?:option|choice|letter)\s+", re.IGNORECASE)
_CLAUSE = re.compile(r"[,;]?\s(?:because|since|as|so|which|where|while|whereas|not|rather|instead)\b")
_MAY_FOLLOW = re.compile(r"\s*$|[.):,;!]|\s+[-–—]")
_OTHER_LETTER = re.compile(
    r"\(([A-Ja-j])\)"
    r"|^[\s,;/&+)]*(?:(?:and/or|and|or|nor)\s+)?(?:option\s+)?([A-J])(?=[\s.,;:)]*$|[,;:)]|\s+(?:and|or)\b)"
)
_PROSE_LINE = re.compile(r"[A-J]\s*[,:;]|[A-J]\s+\S|[A-J]\.\s*[A-Z]\.")
_LIST_ITEM = re.compile(r"[\s*]*\(?[A-Ja-j][).:]")
_MATHS = re.compile(r"[\d=+<>^]|\\[A-Za-z]")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_LOWER_LINE = re.compile(r"[\s*_]*\(?([a-j])[.)]\s+\S.{0,100}")
# A and I are also words.
_ANYWHERE = re.compile(r"\(([A-Ja-j])\)|(?<![\w'’\\])([B-HJ]|[AI](?!\s+(?!is\b|because\b)[a-z]))(?![\w'’])")


def extract(text: str, strict: bool) -> str | None:
    """Extract the letter that `text` names, in upper case, or None.

    Strict mode takes the last of three forms: a last line with only the letter (and its option's text after a bracket
    or stop), a statement "answer is B" or "answer: (B)", and a box. Two letters ("A or B") are no answer. Neither is a
    letter that prose continues ("The answer is A good one"). Lenient mode also takes a last line "b. 4", else the last
    "(X)" or standalone capital from A to J.
    """
    # NFKC turns full-width and circled letters into plain ones.
    text = unicodedata.normalize("NFKC", without_end_tokens(text))
    letter = _last_line(text) or _stated(text)
    if letter is not None or strict:
        return letter
    lines = text.rstrip().rsplit("\n", 2)
    if (lower := _LOWER_LINE.fullmatch(lines[-1])) and not any(map(_LIST_ITEM.match, lines[-2:-1])):
        return lower[1].upper()
    letters = _ANYWHERE.findall(text)
    return "".join(letters[-1]).upper() if letters else None


def decide(check: Check, config: RewardConfig) -> tuple[Verdict, GradeReason | None]:
    """Compare two letters, ignoring case and brackets; a gold that is no letter is refused."""
    gold, answer = _letter(check.gold), _letter(check.answer)
    if gold is None:
        return Verdict.UNDECIDED, "invalid_gold"
    return (Verdict.EQUAL if gold == answer else Verdict.DIFFERENT), None


def _last_line(text: str) -> str | None:
    lines = [line for line in text.splitlines() if line.strip()][-2:]
    if not lines or _STATEMENT.search(lines[-1]) or _BOX.search(lines[-1]):
        return None
    bold = _BOLD.findall(lines[-1])
    if len(bold) == 1:
        return bold[0].upper()
    line = _unwrap(lines[-1])
    if named := _VERDICT_LINE.fullmatch(line):
        letter = named["letter"].strip("()")
        return letter.upper() if letter.isupper() or letter != named["letter"] else None
    noun = _NOUN.match(line)
    line = line[noun.end() :] if noun else line
    if len(lines) == 1 and len(line) == 1:
        return _letter(line)
    # A lower-case letter at the start of a line is a word or an item more often than an answer.
    if line[:1].islower() or (len(lines) == 2 and _is_list(lines, line)):
        return None
    return None if _PROSE_LINE.match(line) else _letter(line)


def _is_list(lines: list[str], line: str) -> bool:
    return len(line) > len("(A).") and _LIST_ITEM.match(lines[0]) is not None


def _stated(text: str) -> str | None:
    """Letter of the last statement or box; a box inside a statement belongs to the statement."""
    statement = max((match.end() for match in _STATEMENT.finditer(text)), default=-1)
    box = max((match.end() for match in _BOX.finditer(text)), default=-1)
    if box > statement:
        content = extract_marked(text, "boxed") or ""
        # A formula boxed in a remark after the answer names no letter.
        if statement < 0 or not _is_formula(content):
            return _letter(content)
    return _letter(text[statement:].split("\n", 1)[0]) if statement >= 0 else None


def _is_formula(content: str) -> bool:
    bare = _unwrap(content)
    return _MATHS.search(bare) is not None and _WORD.search(bare) is None


def _unwrap(text: str) -> str:
    return _WRAPPER.sub("", text).strip()


def _letter(text: str) -> str | None:
    """Letter that `text` begins with, unless prose continues it or `text` names another letter."""
    text = _CLAUSE.split(_unwrap(text), maxsplit=1)[0]
    noun = _NOUN.match(text)
    text = text[noun.end() :] if noun else text
    letter = _LETTER.match(text)
    if letter is None:
        return None
    rest = text[letter.end() :]
    if letter["bare"] and not _MAY_FOLLOW.match(rest):
        return None
    name = letter[0].strip("()[] \"'“”‘’").upper()
    others = {"".join(groups).upper() for groups in _OTHER_LETTER.findall(rest)}
    return name if others <= {name} else None
