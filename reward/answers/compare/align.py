"""Brings two normalised answers to the same names and notations before they are compared.

Free names get one spelling: the letter of an integer parameter, of a function's argument, of the constant of
integration. Values with several notations get one: recurring decimals, numerals in bases, remainders, congruences,
degrees compared with radians. The work is linear in the length of the texts.
"""

import re

from reward.answers.math.congruence import align_congruences
from reward.answers.math.numbers import read_number
from reward.answers.math.tokens import without_recurring

from .domain_remarks import align_remarks
from .function_applications import mark_applications

MAX_CHARS = 4_000
"""Longest text that is rewritten."""
_DEGREES = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?|\.\d+) ?°")
_RADIANS = re.compile(r" ?(?<![A-Za-z\\])rad(?:ian)?s?(?![A-Za-z])")
_DOTS = re.compile(r" ?\\dots(?![A-Za-z])")
_TIMES_TEN = re.compile(r"(?<=\d) ?[xX] ?(?=10 ?\^)")
_NUMERAL = re.compile(
    r"(?<![\w\\}.^)(,])\(?(\d[0-9A-F]{0,200}|[A-F][0-9A-F]{1,200})\)? ?_ ?"
    r"(?:\{ ?(\d\d?|[a-z]{3,8}) ?\}|(\d\d?))(?![\w!^({])"
)
_DECIMAL = re.compile(r"\d+\.\d+")
_DECIMAL_COMMA = re.compile(r"0,\d{3,}|\d{4,},\d{1,2}")
_MAPSTO = re.compile(r"(?:([A-Za-z]) ?: ?)?([A-Za-z]) ?\\mapsto(?![A-Za-z]) ?(.+)")
_FUNCTION = re.compile(r"([A-Za-z](?:_\w|_\{\w+\})?'{0,2}) ?\( ?([a-z]) ?\) ?= ?(.+)")
_LETTER = re.compile(r"\\[A-Za-z]+|[A-Za-z]")
_IN_DOMAIN = r"\\in ?(\\mathbb ?\{?[A-Z]\}?|[RQZN])|is an(?:y| arbitrary)? integer"
_DECLARATION = re.compile(
    rf"[ ,;(]{{1,3}}(?:(?:for|where|with) )?(?:(?:any|all|every|some) )?(?:integers? )?([a-z]) ?(?:{_IN_DOMAIN}) ?\)?$"
)
_FOR_INTEGERS = re.compile(
    r"[ ,;(]{1,3}(?:for|where|with) (?:(?:any|all|every|some|an) )?integers? ([a-z]) ?\)?$"
)
# A condition on the letter restricts it to a part of its domain.
_CONDITION = re.compile(r"[<>:|]|\\(?:leq|geq|neq|in|notin|equiv|mod|mid|approx)(?![A-Za-z])")
_DEFINED = re.compile(r"([A-Za-z]|\\[A-Za-z]+) ?=")
_DUMMY = re.compile(
    r"\\(?:sum|prod)(?![A-Za-z]) ?_ ?\{ ?([a-z]) ?=|\\lim(?![A-Za-z]) ?_ ?\{ ?([a-z]) ?\\to(?![A-Za-z])"
)
_INTEGERS = "Z"
_PARAMETERS = frozenset("kmn")
_CONSTANT_USES = {
    letter: re.compile(rf"[+-] ?{letter}$|(?<![A-Za-z\\]){letter} ?(?:e ?\^|_ ?\{{? ?\d)") for letter in "Cc"
}
_NO_CONSTANT_BESIDE = frozenset("abd")


def align(left: str, right: str) -> tuple[str, str]:
    """Rewrite two normalised texts to the same choice of names and notation."""
    if max(len(left), len(right)) > MAX_CHARS:
        return left, right
    left, right = _align_commas(_plain(left), _plain(right))
    if all("..." in text or _DOTS.search(text) for text in (left, right)):
        left, right = _DOTS.sub("...", left), _DOTS.sub("...", right)
    left, right = _align_dummies(*align_remarks(left, right))
    left, right = align_congruences(*_align_angles(left, right))
    left, right = _align_parameters(left, right)
    return mark_applications(*_align_constants(*_align_arguments(left, right)))


def _plain(text: str) -> str:
    text = without_recurring(_TIMES_TEN.sub("*", text))
    if "_" in text:
        text = _NUMERAL.sub(_by_value, text)
    if mapping := _MAPSTO.fullmatch(text):
        return f"{mapping[1] or 'f'}({mapping[2]}) = {mapping[3]}"
    return text


def _align_commas(left: str, right: str) -> tuple[str, str]:
    """Write a decimal comma as a point if the other side is a decimal and the digits do not group thousands."""
    if _DECIMAL_COMMA.fullmatch(left) and _DECIMAL.fullmatch(right):
        return left.replace(",", "."), right
    if _DECIMAL_COMMA.fullmatch(right) and _DECIMAL.fullmatch(left):
        return left, right.replace(",", ".")
    return left, right


def _by_value(match: re.Match[str]) -> str:
    base = read_number(match[2] or match[3])
    # Letters with a subscript may be a name such as AB_1.
    if base is None or not 2 <= base.value <= 16 or (match[1].isalpha() and base.value != 16):
        return match[0]
    try:
        return str(int(match[1], int(base.value)))
    except ValueError:
        return match[0]


def _align_angles(left: str, right: str) -> tuple[str, str]:
    """Write degrees as radians if only one side has degrees and the other has pi, radians or an arcsine."""
    degrees, radians = (left, right) if "°" in left else (right, left)
    if "°" in radians or "°" not in degrees or r"\pi" in degrees:
        return left, right
    if r"\pi" not in radians and not _RADIANS.search(radians) and r"\arc" not in radians:
        return left, right
    converted = _DEGREES.sub(r"(\1\\pi/180)", degrees), _RADIANS.sub("", radians)
    return converted if degrees is left else converted[::-1]


def _align_parameters(left: str, right: str) -> tuple[str, str]:
    """Use one letter for the integer parameter of a family of solutions, declared (`k \\in \\mathbb{Z}`) or not."""
    ours, theirs = _declared(left), _declared(right)
    if ours is None and theirs is None:
        names = _period(left), _period(right)
        if None in names:
            return left, right
        return left, _renamed(right, names[1] or "", names[0] or "")
    ours, theirs = ours or _undeclared(left), theirs or _undeclared(right)
    if ours is None or theirs is None or ours[2] != theirs[2]:
        return left, right
    return ours[0], _renamed(theirs[0], theirs[1], ours[1])


def _declared(text: str) -> tuple[str, str, str] | None:
    """Text before a declaration of its parameter, the parameter, and its domain."""
    if declaration := _DECLARATION.search(text):
        domain = (declaration[2] or _INTEGERS).strip("}")[-1]
    elif declaration := _FOR_INTEGERS.search(text):
        domain = _INTEGERS
    else:
        return None
    body, name = text[: declaration.start()].rstrip(" ,;"), declaration[1]
    defined = _DEFINED.match(body)
    is_parameter = name in _letters(body) and not (defined and defined[1] == name)
    if not is_parameter or _CONDITION.search(body) or body.count("(") != body.count(")"):
        return None
    return body, name, domain


def _undeclared(text: str) -> tuple[str, str, str] | None:
    letters = _letters(text) & _PARAMETERS
    defined = _DEFINED.match(text)
    if len(letters) != 1 or len(text) == 1 or _CONDITION.search(text) or (defined and defined[1] in letters):
        return None
    return text, next(iter(letters)), _INTEGERS


def _period(text: str) -> str | None:
    """Letter that counts periods in an angle such as `\\pi/4 + k\\pi`, if it is the only variable."""
    if r"\pi" not in text or not re.search(r"[kmn] ?\\pi|\\pi ?[kmn](?![A-Za-z])", text):
        return None
    defined = _DEFINED.match(text)
    letters = _letters(text[defined.end() :] if defined else text)
    return next(iter(letters)) if len(letters) == 1 and letters <= _PARAMETERS else None


def _align_dummies(left: str, right: str) -> tuple[str, str]:
    """Use one letter for the index of a sum, product or limit, if it does not occur before."""
    ours, theirs = _dummy(left), _dummy(right)
    return (left, _renamed(right, theirs, ours)) if ours and theirs else (left, right)


def _dummy(text: str) -> str | None:
    matches = list(_DUMMY.finditer(text)) if "_" in text else []
    names = {match[1] or match[2] for match in matches}
    if len(names) != 1:
        return None
    [name] = names
    return None if name in _letters(text[: matches[0].start()]) else name


def _align_arguments(left: str, right: str) -> tuple[str, str]:
    """Use one letter for the argument if both sides define the same function of one letter."""
    ours, theirs = _FUNCTION.fullmatch(left), _FUNCTION.fullmatch(right)
    if not ours or not theirs or ours[1] != theirs[1]:
        return left, right
    # P(a) = 1 and P(b) = 1 are values, not definitions.
    if ours[2] not in _letters(ours[3]) or theirs[2] not in _letters(theirs[3]):
        return left, right
    return left, _renamed(right, theirs[2], ours[2])


def _align_constants(left: str, right: str) -> tuple[str, str]:
    """Use a capital C for the constant of integration."""
    names = [_letters(text) & {"c", "C"} for text in (left, right)]
    if names not in ([{"c"}, {"C"}], [{"C"}, {"c"}]):
        return left, right
    for text, name in ((left, *names[0]), (right, *names[1])):
        others = _letters(text) - {"c", "C", "e"}
        if not _CONSTANT_USES[name].search(text) or len(others) != 1 or others & _NO_CONSTANT_BESIDE:
            return left, right
    return _renamed(left, "c", "C"), _renamed(right, "c", "C")


def _letters(text: str) -> set[str]:
    return {token for token in _LETTER.findall(text) if len(token) == 1}


def _renamed(text: str, old: str, new: str) -> str:
    """Rename the variable `old` to `new`; `text` is unchanged if it has another variable `new`."""
    if old == new or new in _letters(text):
        return text
    return _LETTER.sub(lambda token: new if token[0] == old else token[0], text)
