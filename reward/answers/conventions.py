"""Answer conventions: how each finds an answer in a text and compares it with the gold answer."""

from collections.abc import Callable
from dataclasses import dataclass

from reward.config import RewardConfig
from reward.reasoning import answer_part
from reward.types import Check, GradeReason, Verdict

from .compare import exact
from .extract import final_answer as extract
from .extract.visible import is_blank, visible, visible_blocks
from .formats import choice, code, contains, json_text, json_value, reference, text_answer, tool_calls

Result = tuple[Verdict, GradeReason | None]

MAX_CHARS_HERE = 64
"""Longest mathematical answer compared in the caller's process; a child process compares longer ones."""

FENCED = ("json", "python")
"""Conventions whose answer is a fenced block, in which nothing is hidden."""

LENGTH_FACTOR = {"python": 20, "reference": 20, "tool_calls": 20}
"""Factors on `max_answer_chars`: for code and its tests, whole texts, and calls, whose arguments may be texts."""


@dataclass(frozen=True)
class Domain:
    """Functions of one convention; `decide` runs in the caller's process, `compare` in the sandboxed one."""

    extract: Callable[[str, bool], str | None]
    decide: Callable[[Check, RewardConfig], Result | None]
    compare: Callable[[Check, RewardConfig], Result]


def extract_answer(text: str, convention: str, *, strict: bool = True) -> str | None:
    """Extract the final answer that `text` states under `convention`, or None if it states none; linear in time.

    Reasoning in tags and parts that a reader does not see, such as comments, state nothing. With `strict=False` a text
    that breaks the convention still yields its last box, statement, letter or number. Use such an answer for reports
    only: a policy rewarded for it learns to drop its reasoning.

    Raises:
        ValueError: `convention` is unknown.
    """
    answer = _domain(convention).extract(_seen(answer_part(text), convention), strict)
    return None if answer is None or is_blank(answer) else answer


def decide(check: Check, config: RewardConfig) -> Result | None:
    """Decide a check that takes linear time and is safe in any process; None if it is not such a check.

    Raises:
        ValueError: the convention is unknown.
    """
    domain = _domain(check.convention)
    if not check.gold.strip():
        return Verdict.UNDECIDED, "invalid_gold"
    if _is_too_long(check, config):
        return Verdict.UNDECIDED, "too_long"
    return domain.decide(check, config)


def compare(check: Check, config: RewardConfig) -> Result:
    """Decide any check; it may take unlimited time and memory, so it runs in the sandboxed process.

    Raises:
        MemoryError: the comparison took more memory than the process may have.
        ValueError: the convention is unknown.
    """
    decided = decide(check, config)
    return decided if decided is not None else _domain(check.convention).compare(check, config)


def _seen(text: str, convention: str) -> str:
    if convention == "tool_calls":
        # What calls tools reads the text as it stands.
        return text
    return visible_blocks(text) if convention in FENCED else visible(text)


def _domain(convention: str) -> Domain:
    if convention not in _DOMAINS:
        raise ValueError(
            f"answer convention {convention!r} is unknown; allowed: {', '.join(CONVENTIONS)}. "
            "Set `convention` to the one that the dataset's solutions end with."
        )
    return _DOMAINS[convention]


def _is_too_long(check: Check, config: RewardConfig) -> bool:
    factor = LENGTH_FACTOR.get(check.convention)
    if max(len(check.gold), len(check.answer)) <= config.max_answer_chars * (factor or 1):
        return False
    # Equal texts are equal answers at any length, but the tests of a program are not the program, and a check against
    # a reference reads both.
    return factor is not None or extract.clean_answer(check.gold) != extract.clean_answer(check.answer)


def _decide_math(check: Check, config: RewardConfig) -> Result | None:
    # A long answer may hold many numbers that are each within bounds, and no time limit applies here.
    if max(len(check.gold), len(check.answer)) > MAX_CHARS_HERE:
        is_same = extract.clean_answer(check.gold) == extract.clean_answer(check.answer)
        return (Verdict.EQUAL, None) if is_same else None
    verdict = exact.decide(check.gold, check.answer, config.numeric_tolerance)
    return None if verdict is None else _with_reason(verdict)


def _compare_math(check: Check, config: RewardConfig) -> Result:
    # Imported here because the parser takes a second to import and only the sandboxed process needs it.
    from .compare import equivalence

    return _with_reason(equivalence.compare(check.gold, check.answer, config.numeric_tolerance))


def _with_reason(verdict: Verdict) -> Result:
    return verdict, "unparsable" if verdict is Verdict.UNDECIDED else None


def _math(convention: str) -> Domain:
    def find(text: str, strict: bool) -> str | None:
        return extract.extract_marked(text, convention, strict=strict)

    return Domain(find, _decide_math, _compare_math)


def _decide_code(check: Check, config: RewardConfig) -> Result | None:
    return None


def _compare_code(check: Check, config: RewardConfig) -> Result:
    raise AssertionError("programs run in processes of their own (reward.programs)")


_DOMAINS = {
    **{convention: _math(convention) for convention in ("####", "boxed", "answer_is", "plain")},
    "choice": Domain(choice.extract, choice.decide, choice.decide),
    "text": Domain(text_answer.extract, text_answer.decide, text_answer.decide),
    "contains": Domain(contains.extract, contains.decide, contains.decide),
    "json": Domain(json_text.extract, json_value.decide, json_value.compare),
    "python": Domain(code.extract, _decide_code, _compare_code),
    "reference": Domain(contains.extract, reference.decide, reference.compare),
    "tool_calls": Domain(tool_calls.extract, tool_calls.decide, tool_calls.compare),
}
CONVENTIONS: tuple[str, ...] = tuple(_DOMAINS)
"""Names of all conventions."""
