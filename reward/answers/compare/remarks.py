"""Brings remarks on the domain to one form: `(x > 0)` and `, x > 0`, and leaves out what goes without saying."""

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
    """The two normalised texts, remarks in brackets set off by commas.

    That the index of a sequence is a natural number is left out if both say the same, or one of them nothing.
    """
    left, right = _unbracketed(left), _unbracketed(right)
    found = _indexed(left), _indexed(right)
    ours, theirs = found
    if ours and theirs and ours[1] == theirs[1]:
        return ours[0], theirs[0]
    if ours and not theirs and not _NATURAL.search(right):
        return ours[0], right
    if theirs and not ours and not _NATURAL.search(left):
        return left, theirs[0]
    return left, right


def _unbracketed(text: str) -> str:
    found = _BRACKETED.fullmatch(text) if text.endswith(")") else None
    # P(X > 1) is a probability.
    if found is None or "=" not in found["body"] or (not found["gap"] and found["last"] in _FUNCTIONS):
        return text
    return f"{found['body']}, {found['remark']}"


def _indexed(text: str) -> tuple[str, str] | None:
    """The definition of a sequence before the remark on its index, and the kind of numbers that this runs through."""
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
