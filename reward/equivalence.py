"""Decides the equivalence of two mathematical answers; meant for the verifier's child process.

The parser builds and evaluates whatever the text says, which may take for ever or all memory. It runs
without time limits of its own (those need the main thread); the sandbox around the process sets them.
"""

import re

from math_verify import LatexExtractionConfig, parse, verify

from reward.exact import decide
from reward.extract import clean_answer
from reward.types import Verdict

_TARGET = [LatexExtractionConfig(boxed_match_priority=0)]
_ASSIGNMENT = re.compile(r"[A-Za-z](?:_(?:\w|\{\w+\}))?(?:\([A-Za-z]\))?\s*(?:=|\\in\b)\s*(?P<value>\S.*)")
# The parser drops what stands right of some of these (`18 \approx 17` reads as 18), and calls a plain
# value equal to the right side of any equation (`3 = 18` to 18).
_RELATION = re.compile(
    r"[=<>']|(?<=[0-9}])_|\\(?:approx|equiv|sim|simeq|cong|in|ni|neq?|leq?|geq?|lt|gt|to|[bp]?mod)(?![A-Za-z])"
)
# A box or a delimiter inside an answer would let it show the parser several expressions to choose from.
_FORBIDDEN = re.compile(r"\$|\\[()\[\]]|\\boxed|\\fbox|\n|[0-9]\s+[0-9]")
# What sympy raises on expressions that it cannot evaluate, such as 5/0.
_INCOMPARABLE = (
    ArithmeticError,
    AttributeError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
)


def compare(gold: str, answer: str) -> Verdict:
    """The verdict on a pair, the same for (answer, gold); may not return, see the module's docstring.

    Simple pairs are decided by `reward.exact`. Of the rest each side is read by math-verify as one LaTeX
    expression; numbers agree to 6 decimals. `x = 5` equals `5`, but otherwise a relation equals no value.
    A text that does not parse differs from everything but itself; what cannot be evaluated is UNDECIDED.

    Raises:
        MemoryError: the comparison took more memory than the process may have.
    """
    verdict = decide(gold, answer)
    if verdict is not None:
        return verdict
    # Sorted, so that the order of arguments changes neither the verdict nor the time it takes.
    left, right = sorted((clean_answer(gold), clean_answer(answer)))
    if not _has_relation(left) or not _has_relation(right):
        left, right = _without_assignment(left), _without_assignment(right)
    if _has_relation(left) != _has_relation(right):
        return Verdict.DIFFERENT
    simple = decide(left, right)
    return simple if simple is not None else _compare_parsed(left, right)


def _compare_parsed(left: str, right: str) -> Verdict:
    if _FORBIDDEN.search(left) or _FORBIDDEN.search(right):
        return Verdict.DIFFERENT
    first, second = _parse(left), _parse(right)
    try:
        equal = _verify(first, second) or _verify(second, first)
    except _INCOMPARABLE:
        return Verdict.UNDECIDED
    return Verdict.EQUAL if equal else Verdict.DIFFERENT


def _parse(text: str) -> list:
    # math-verify types its "no limit" as int.
    return parse(f"\\boxed{{{text}}}", _TARGET, fallback_mode="no_fallback", parsing_timeout=0)


def _verify(gold: list, target: list) -> bool:
    # Left to itself math-verify calls an error, exhausted memory too, a difference.
    return verify(gold, target, timeout_seconds=None, raise_on_error=True)


def _has_relation(text: str) -> bool:
    return _RELATION.search(text) is not None


def _without_assignment(text: str) -> str:
    assignment = _ASSIGNMENT.fullmatch(text)
    return assignment["value"] if assignment else text
