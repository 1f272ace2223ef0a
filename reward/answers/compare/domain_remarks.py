"""Brings remarks on the domain, `(x > 0)` and `, x > 0`, to one form and drops obvious ones."""

import re

_BRACKETED = re.compile(
    r"(?P<body>.*(?P<last>\S))(?P<gap> ?)"
    r"\( ?(?P<remark>[A-Za-z] ?(?:[<>=]|\\(?:leq|geq|neq|in)(?![A-Za-z]))[^()]{1,80}?) ?\)",
    re.DOTALL,
)
_RANGE = r"\\in ?(?:\\mathbb ?)?\{? ?(?P<set>[NZ]) ?\}? ?(?P<mark>[\^_] ?\{? ?(?:[*+]|> ?0) ?\}?)?"
_NATURAL = re.compile(
    rf"[ ,;]{{1,3}}(?:(?:for|where|with) )?(?:(?:any|all|every|each) )?"
    rf"(?:(?P<name>[a-z]) ?(?:{_RANGE}|is a (?P<word>positive integer|natural number))"
    r"|(?P<words>positive integers?|natural numbers?) (?P<last>[a-z]))\Z"
)
_FUNCTIONS = frozenset("fghFGHP")


def align_remarks(left: str, right: str) -> tuple[str, str]:
    """Set off remarks in brackets by commas, in both normalised texts.

    A remark that the index of a sequence is a natural number is dropped if both texts agree on it or one has none.
    """
    left, right = _unbracketed(left), _unbracketed(right)
    definitions = _indexed(left), _indexed(right)
    ours, theirs = definitions
    if ours and theirs and ours[1] == theirs[1]:
        return ours[0], theirs[0]
    if ours and not theirs and not _NATURAL.search(right):
        return ours[0], right
    if theirs and not ours and not _NATURAL.search(left):
        return left, theirs[0]
    return left, right


def _unbracketed(text: str) -> str:
    bracketed = _BRACKETED.fullmatch(text) if text.endswith(")") else None
    # P(X > 1) is a probability.
    if (
        bracketed is None
        or "=" not in bracketed["body"]
        or (not bracketed["gap"] and bracketed["last"] in _FUNCTIONS)
    ):
        return text
    return f"{bracketed['body']}, {bracketed['remark']}"


def _indexed(text: str) -> tuple[str, str] | None:
    """Definition of a sequence before the remark on its index, and the set of numbers of that index."""
    may_remark = r"\in" in text or "integer" in text or "natural" in text
    remark = _NATURAL.search(text) if may_remark else None
    if remark is None:
        return None
    name, body = remark["name"] or remark["last"], text[: remark.start()]
    if not re.match(
        rf"[A-Za-z]{{1,3}} ?(?:_ ?(?:{name}|\{{[^{{}}]{{0,10}}{name}[^{{}}]{{0,10}}\}})|\( ?{name} ?\)) ?=",
        body,
    ):
        return None
    words = remark["word"] or remark["words"] or ""
    is_positive = bool(remark["mark"]) or words.startswith("positive")
    return (body, "positive" if is_positive else "natural") if is_positive or remark["set"] != "Z" else None
