"""Finds the negations of a text, each with the words near it."""

import re
from itertools import islice

from reward.words import fold

from .content_words import content_words

Scope = frozenset[str]
"""Stems of the content words around a negation in its clause; empty for one that stands alone."""

NEGATION = re.compile(
    r"(?<![a-z])(?:not(?! (?:only|just|merely)\b)|no|never|none|neither|nor|nothing|without|cannot"
    r"|nicht|kein(?:e[nmrs]?)?|nie|niemals|ohne|pas|jamais|sans|nunca|ningun[ao]?|sin(?= [a-z]{3})|non|senza|nao|sem)"
    r"(?![a-z])|(?<=[a-z])n['’]t(?![a-z])|[不没沒无無未]"
)
"""Pattern of a negation in a folded text."""
_CLAUSE_END = re.compile(r"[,;:.!?()\n—–，；：。！？]|\b(?:and|but|or|und|aber|oder|et|mais|y|pero|e|ma)\b")
_WINDOW = 80
_BEFORE, _AFTER = 3, 4
_MOST = 500
"""Most negations of a text that are compared, since each is compared with each of another text."""


def negations(text: str) -> tuple[Scope, ...]:
    """Find the different negations of `text`, in order, in time linear in its length.

    The scope of one is up to three content words before it and four after it, in its clause.
    """
    plain = fold(text)
    found = islice(NEGATION.finditer(plain), _MOST)
    return tuple(dict.fromkeys(_scope(plain, match) for match in found))


def is_negated_in(scope: Scope, others: tuple[Scope, ...]) -> bool:
    """Whether a text with the negations `others` negates the same: a third of the smaller scope is shared."""
    if not scope:
        return bool(others)
    return any(3 * len(scope & other) >= min(len(scope), len(other)) > 0 for other in others)


def _scope(text: str, negation: re.Match[str]) -> Scope:
    before = _CLAUSE_END.split(text[max(0, negation.start() - _WINDOW) : negation.start()])[-1]
    after = _CLAUSE_END.split(text[negation.end() : negation.end() + _WINDOW])[0]
    near = (
        *content_words(before, numbers=True)[-_BEFORE:],
        *content_words(after, numbers=True)[:_AFTER],
    )
    return frozenset(near)
