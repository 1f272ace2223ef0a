"""The gate: what a candidate must satisfy before it earns any reward."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reward.config import RewardConfig
from reward.extract import extract_answer
from reward.types import Anchors, Candidate, GradedProblem, Reason, Verdict

_REASON_OF: dict[Verdict, Reason | None] = {
    Verdict.EQUAL: None,
    Verdict.DIFFERENT: "wrong_answer",
    Verdict.UNDECIDED: "undecided",
}


@dataclass(frozen=True)
class GateResult:
    """`reason` is the code of the first rule that the candidate broke, None where it broke none."""

    reason: Reason | None
    extracted: str | None
    overlap: float

    @property
    def passed(self) -> bool:
        return self.reason is None


def check(
    problem: GradedProblem, candidate: Candidate, verdict: Verdict | None, config: RewardConfig
) -> GateResult:
    """The gate's decision on a candidate whose answer has this verdict against `problem.answer`.

    With verdict None (not verified yet) the rules on the text alone are checked: a result that passes still
    needs its `extracted` answer verified, and `settle` then closes the case.

    Raises:
        ValueError: `problem.convention` is unknown.
    """
    extracted = extract_answer(candidate.text, problem.convention)
    overlap = overlap_share(candidate.text, problem.solution, config.overlap_ngram)
    reason: Reason | None = None
    if not candidate.finished:
        reason = "unfinished"
    elif extracted is None:
        reason = "no_answer"
    elif find_leak(candidate.text, problem.question, config.leak_phrases) is not None:
        reason = "leak"
    elif overlap > config.max_overlap and _is_alien(problem.anchors, config.copy_margin):
        reason = "copy"
    result = GateResult(reason, extracted, overlap)
    return result if verdict is None else settle(result, verdict)


def settle(result: GateResult, verdict: Verdict) -> GateResult:
    """`result` with the verdict on its answer added; an earlier reason stays."""
    return result if not result.passed else replace(result, reason=_REASON_OF[verdict])


def find_leak(text: str, question: str, phrases: Sequence[str]) -> str | None:
    """The first of `phrases` that `text` holds and `question` does not; whole words, whatever their case."""
    spaced_text, spaced_question = _spaced(text), _spaced(question)
    for phrase in phrases:
        spaced_phrase = _spaced(phrase)
        if spaced_phrase in spaced_text and spaced_phrase not in spaced_question:
            return phrase
    return None


def overlap_share(text: str, expert: str, n: int) -> float:
    """The share of the word n-grams of `text`, counted with repetition, that occur in `expert`; in [0, 1].

    A text of fewer than n words has no n-gram: its share is 1 if it equals `expert` word by word, else 0.
    """
    words, expert_words = _words(text), _words(expert)
    if len(words) < n:
        return float(words == expert_words)
    known = set(_ngrams(expert_words, n))
    grams = _ngrams(words, n)
    return sum(gram in known for gram in grams) / len(grams)


def _is_alien(anchors: Anchors, margin: float) -> bool:
    # An expert text that the backbone would write itself is the ideal target, so copying it is no cheating.
    return anchors.expert < anchors.own - margin


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _spaced(text: str) -> str:
    return f" {' '.join(_words(text))} "


def _ngrams(words: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(words[start : start + n]) for start in range(len(words) - n + 1)]
