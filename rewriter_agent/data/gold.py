"""Detection of golds that no answer can equal, at reading time, with the verifier that compares answers."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from reward import Check, RewardConfig, Verdict, Verifier, extract_answer
from reward.answers.conventions import decide
from reward.answers.formats.assertions import tests_fault
from reward.answers.formats.tool_calls import read
from rewriter_agent.io.files import batches

from .problem import Problem

_SHOWN = 60
_AT_A_TIME = 1000
"""Problems in memory."""
_PLACE = re.compile(r"\d+(?:\.0+)?")
_MATH = ("####", "boxed", "answer_is", "plain")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_MAX_WORDS = 25
"""Maximum words of an answer of several lines under a mathematical convention."""


@lru_cache(maxsize=4096)
def gold_fault(gold: str, convention: str) -> str | None:
    """Explain why no answer can equal `gold` and how to fix it; None if one can."""
    if convention == "python":
        return tests_fault(gold)
    if convention == "tool_calls":
        return _calls_fault(gold)
    if solution := _solution_fault(gold, convention):
        return solution
    if decide(Check(gold, gold, convention), RewardConfig()) != (Verdict.UNDECIDED, "invalid_gold"):
        return None
    if convention == "choice":
        place = " the place of a choice, which may count from 0 or from 1," if _PLACE.fullmatch(gold) else ""
        return f"{_shown(gold)} is{place} no letter A-J; write the letter that the question gives the choice"
    if convention == "json":
        return f"{_shown(gold)} is no JSON{_json_error(gold)}; write strict JSON: double quotes, true, false, null"
    return f"{_shown(gold)} holds nothing to compare an answer with; write the answer"


def contradicted(problems: Iterable[Problem], config: RewardConfig) -> list[Problem]:
    """The problems whose expert solution states another answer than the gold, or fails its tests.

    A reply with tool calls in a form that is not read has no gold.
    """
    with Verifier(config) as verifier:
        return [one for some in batches(problems, _AT_A_TIME) for one in _contradicted(some, verifier)]


def _contradicted(problems: Sequence[Problem], verifier: Verifier) -> Iterator[Problem]:
    stated = [(one, extract_answer(one.solution, one.convention)) for one in problems if not one.is_kept]
    asked = [(one, answer) for one, answer in stated if answer is not None and answer != one.answer]
    grades = verifier.verify([Check(one.answer, answer, one.convention) for one, answer in asked])
    for (one, _), grade in zip(asked, grades, strict=True):
        if grade.verdict is Verdict.DIFFERENT:
            yield one


def answer_in(gold: str, convention: str) -> str | None:
    """Extract the answer from a whole solution given as gold; None if `gold` is not a solution."""
    if convention not in _MATH:
        return None
    markers = dict.fromkeys(("####", "boxed", *((convention,) if _is_prose(gold) else ())))
    stated = [answer for marker in markers if (answer := extract_answer(gold, marker)) is not None]
    return next((answer for answer in stated if not _is_equal(gold, answer, convention)), None)


def _is_prose(gold: str) -> bool:
    return "\n" in gold and len(_WORD.findall(gold)) > _MAX_WORDS


def _solution_fault(gold: str, convention: str) -> str | None:
    """Explain the problem of a gold that holds its answer among other text."""
    answer = answer_in(gold, convention)
    if answer is None and not (convention in _MATH and _is_prose(gold)):
        return None
    alone = "" if answer is None else f", which is {_shown(answer)}"
    return (
        f"{_shown(gold)} is a whole solution, not the answer alone{alone}; name a column with just the answer, or "
        "none, to extract the answer from the solution"
    )


def _is_equal(gold: str, answer: str, convention: str) -> bool:
    check = Check(gold, answer, convention)
    result = decide(check, RewardConfig())
    if result is None:
        # Rare: an expression next to its own box, which only the sandbox may compare.
        with Verifier(RewardConfig(max_verifiers=1)) as verifier:
            [grade] = verifier.verify([check])
            return grade.verdict is Verdict.EQUAL
    return result[0] is Verdict.EQUAL


def _calls_fault(gold: str) -> str | None:
    try:
        read(gold)
    except ValueError as error:
        return f"{_shown(gold)} holds no tool calls that can be read ({error}); correct the calls"
    return None


def _json_error(gold: str) -> str:
    try:
        json.loads(gold)
    except (ValueError, RecursionError) as error:
        return f" ({error})"
    return " that is accepted here (a key comes twice, or a number is not finite)"


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
