"""Gate rules that a candidate must satisfy before it earns any reward."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat

from reward.answers.conventions import FENCED, extract_answer
from reward.answers.extract.final_answer import strip_answer_line
from reward.answers.extract.visible import visible
from reward.answers.formats.call_syntax import CONTROL_SIGNS
from reward.answers.mask.mask import MASK
from reward.steps import StepReport

from . import characters
from .alignment import anchored
from .config import RewardConfig
from .coverage import held
from .leak import find_leak
from .readings import own_words, readings
from .reasoning import answer_part, split_reasoning
from .types import Anchors, Candidate, GradedProblem, Reason, Verdict
from .words import ngrams, repetition, words

MIN_EXPERT_WORDS = 40
"""Smallest length of the expert solution in length comparisons; a terse expert does not forbid an explanation."""

CANONICAL_FORM_CONVENTIONS = ("json", "python")
"""Conventions whose right answers have a canonical form, which leaves no choice of words."""

FREE_FORM_CONVENTIONS = ("contains", "reference")
"""Conventions whose answer is the whole text, in words of the model's choice."""

ANSWER_IS_TEXT = (*FREE_FORM_CONVENTIONS, *CANONICAL_FORM_CONVENTIONS, "tool_calls")
"""Conventions whose answer is no statement at the end of a reasoning."""

_REASON_OF: dict[Verdict, Reason | None] = {
    Verdict.EQUAL: None,
    Verdict.DIFFERENT: "wrong_answer",
    Verdict.UNDECIDED: "undecided",
}


@dataclass(frozen=True)
class GateResult:
    """Result of the gate; `reason` is the code of the first rule that the candidate broke, None if it passes.

    `overlap` and `repetition` are shares in [0, 1] of words, or of characters if only characters break the rule.
    `steps` is None if the steps were not checked, or the check reached a limit.
    `coverage` is the share of the expert's facts that the candidate holds; None if there is none to hold.
    """

    reason: Reason | None
    extracted: str | None
    overlap: float
    repetition: float
    coverage: float | None
    steps: StepReport | None = None

    @property
    def passed(self) -> bool:
        return self.reason is None


def check(
    problem: GradedProblem, candidate: Candidate, verdict: Verdict | None, config: RewardConfig
) -> GateResult:
    """Check a candidate whose answer got `verdict` against `problem.answer`.

    With verdict None (not verified yet) only the rules on the text are checked. A result that passes then needs its
    `extracted` answer verified; add the verdict with `apply_verdict`.

    Raises:
        ValueError: `problem.convention` is unknown.
    """
    extracted = extract_answer(candidate.text, problem.convention)
    texts = readings(candidate.text, problem.convention)
    solution = own_words(problem.solution, problem.convention)
    said, expert = [words(text) for text in texts], words(solution)
    most_repeated = max(config.max_repetition, repetition(expert))
    thoughts, expert_thought = _thoughts(candidate.text), split_reasoning(problem.solution)[0]
    whole = [*words(expert_thought), *expert]
    overlap = max(_overlap(found, whole, config) for found in (*said, *map(words, thoughts)))
    repeated = max(map(_repetition, texts, said, repeat(most_repeated), repeat(solution)))
    reason: Reason | None = None
    if not candidate.finished:
        reason = "unfinished"
    elif candidate.has_control_tokens or _calls_unasked(candidate.text, problem.convention):
        reason = "control_token"
    elif extracted is None:
        reason = "no_answer"
    elif _lacks_reasoning(problem, thoughts, texts[-1], extracted, config):
        reason = "no_reasoning"
    elif _is_too_long(problem, candidate.text, said[0], expert, thoughts, config):
        reason = "too_long"
    elif repeated > most_repeated:
        reason = "repetitive"
    elif any(_leaks(problem, text, config) for text in (*texts, *thoughts)):
        reason = "leak"
    elif overlap > config.max_overlap and _is_copying(problem, config.copy_margin):
        reason = "copy"
    result = GateResult(
        reason,
        extracted,
        overlap,
        repeated,
        held(candidate.text, problem.question, problem.solution, problem.convention),
    )
    return result if verdict is None else apply_coverage(apply_verdict(result, verdict), config)


def _calls_unasked(text: str, convention: str) -> bool:
    """Whether a text shows the control token of a tool call, and none is wanted."""
    return convention != "tool_calls" and any(sign in text for sign in CONTROL_SIGNS)


def apply_verdict(result: GateResult, verdict: Verdict) -> GateResult:
    """Add the verdict on the answer to `result`; an earlier reason stays."""
    return result if not result.passed else replace(result, reason=_REASON_OF[verdict])


def apply_steps(
    problem: GradedProblem, result: GateResult, report: StepReport | None, config: RewardConfig
) -> GateResult:
    """Add the report on the steps; an earlier reason stays. Without a report (None) a rule on steps is undecided."""
    reason = result.reason
    if reason is None:
        if report is None:
            # A text that exhausts its check must not pass unread, nor one that a loaded machine had no time for.
            reason = "undecided" if config.rejects_steps else None
        elif report.false and config.false_step == "gate":
            reason = "false_step"
        elif report.broken and config.broken_chain == "gate":
            reason = "broken_chain"
        elif config.unquoted_step == "gate" and not _quotes(report.open, problem.solution):
            reason = "unquoted_step"
    return replace(result, reason=reason, steps=report)


def _quotes(steps: Sequence[str], solution: str) -> bool:
    """Tell whether the solution holds the words and numbers of each step, one after the other."""
    said = words(solution)
    return all(tuple(step) in ngrams(said, len(step)) for step in map(words, steps))


def apply_coverage(result: GateResult, config: RewardConfig) -> GateResult:
    """Reject a candidate with the right answer that holds too few of the expert's facts; an earlier reason stays."""
    return replace(result, reason="low_coverage") if result.passed and lacks_facts(result, config) else result


def lacks_facts(result: GateResult, config: RewardConfig) -> bool:
    """Tell whether a candidate holds too few of the facts that the expert solution brings."""
    fewest, share = config.min_coverage, result.coverage
    return fewest is not None and share is not None and share < fewest


def apply_alignment(
    problem: GradedProblem, result: GateResult, mean_logprob: float, config: RewardConfig
) -> GateResult:
    """Reject a candidate that passes every other rule if its mean log-prob (nats per token) makes it `alien`."""
    assert result.passed, "the backbone is asked about candidates that pass every other rule"
    return replace(result, reason="alien") if is_alien(problem, mean_logprob, config) else result


def is_alien(problem: GradedProblem, mean_logprob: float, config: RewardConfig) -> bool:
    """Whether a mean log-prob (nats per token) is nearer to the expert solution than the config allows."""
    is_near_expert = anchored(mean_logprob, problem.anchors) < config.min_alignment
    return is_near_expert and _is_copying(problem, config.copy_margin)


def apply_support(
    problem: GradedProblem, result: GateResult, support: float | None, config: RewardConfig
) -> GateResult:
    """Reject a candidate that passes every other rule if its reasoning supports the answer too little (nats)."""
    assert result.passed, "the support counts for candidates that pass every other rule"
    if config.min_support is None or problem.convention in ANSWER_IS_TEXT:
        return result
    assert support is not None, "required with the token scores"
    return result if support >= config.min_support else replace(result, reason="unsupported")


def reject_by_judge(result: GateResult) -> GateResult:
    """Reject a candidate with the right answer whose reasoning the judge found unsound."""
    assert result.passed, "the judge is asked about candidates that pass every other rule"
    return replace(result, reason="judge")


def overlap_share(said: list[str], expert: list[str], n: int) -> float:
    """Share of the word n-grams of `said`, counted with repetition, that occur in `expert`; in [0, 1].

    A text of fewer than n words has no n-gram; its share is 1 if it equals `expert` word by word, else 0.
    """
    if len(said) < n:
        return float(said == expert)
    known = set(ngrams(expert, n))
    grams = ngrams(said, n)
    return sum(gram in known for gram in grams) / len(grams)


def reasoning_words(text: str, answer: str) -> int:
    """Number of words in `text` without its answer line, or without `answer` if it has no such line."""
    text = text.rstrip()
    body = strip_answer_line(text)
    stated = words(answer) if body == text else []
    return max(len(words(body)) - len(stated), 0)


def _thoughts(text: str) -> list[str]:
    """Reasoning in tags, as it is and as a reader sees it; empty if there is none."""
    thought = split_reasoning(text)[0]
    return [thought, visible(thought)] if thought else []


def _lacks_reasoning(
    problem: GradedProblem, thoughts: list[str], text: str, extracted: str, config: RewardConfig
) -> bool:
    if config.requires_reasoning and not (thoughts and words(thoughts[-1])):
        return True
    fewest, solution = config.min_reasoning_words, problem.solution
    if problem.convention == "tool_calls":
        return len(words(text)) < fewest <= len(words(own_words(solution, problem.convention)))
    if problem.convention in ANSWER_IS_TEXT:
        return False
    expected = reasoning_words(answer_part(solution), problem.answer)
    return reasoning_words(text, extracted) < fewest <= expected


def _overlap(said: list[str], expert: list[str], config: RewardConfig) -> float:
    """Overlap of words, or of characters if only characters break the rule."""
    share = overlap_share(said, expert, config.overlap_ngram)
    by_characters = 0.0 if share > config.max_overlap else characters.copied(said, expert)
    return by_characters if by_characters > config.max_overlap else share


def _repetition(text: str, said: list[str], most: float, solution: str) -> float:
    """Repetition of words, or of characters if only characters break the rule."""
    share = repetition(said)
    by_characters = 0.0 if share > most else characters.repetition(text)
    is_broken = by_characters > most and by_characters > characters.repetition(solution)
    return by_characters if is_broken else share


def _is_too_long(
    problem: GradedProblem,
    text: str,
    said: list[str],
    expert: list[str],
    thoughts: list[str],
    config: RewardConfig,
) -> bool:
    most = config.max_reasoning_words
    if most is not None and any(len(words(thought)) > most for thought in thoughts):
        return True
    ratio = config.max_length_ratio
    if ratio is None:
        return False
    most_words = ratio * max(len(expert), MIN_EXPERT_WORDS)
    length = characters.length(answer_part(problem.solution))
    most_characters = max(ratio * length, characters.CHARS_A_WORD * most_words)
    return len(said) > most_words or characters.length(answer_part(text)) > most_characters


def _leaks(problem: GradedProblem, text: str, config: RewardConfig) -> bool:
    if _repeats_mask(problem, text):
        return True
    allowed = f"{problem.question}\n\n{problem.answer}"
    return find_leak(text, allowed, config.leak_languages, config.leak_phrases) is not None


def _repeats_mask(problem: GradedProblem, text: str) -> bool:
    """Whether the text holds the blank that hides answers in the rewriting prompt; the question may have blanks."""
    hides_nothing = problem.convention in (*FENCED, "reference", "tool_calls")
    if hides_nothing or MASK not in text or MASK in problem.question:
        return False
    # A line of underscores alone is a rule in Markdown.
    return any(MASK in line for line in text.splitlines() if line.strip("_ \t"))


def _is_copying(problem: GradedProblem, margin: float) -> bool:
    if problem.convention in CANONICAL_FORM_CONVENTIONS or not _is_unlikely(problem.anchors, margin):
        return False
    if problem.convention == "tool_calls":
        return bool(words(own_words(problem.solution, problem.convention)))
    # If the expert text is only the answer, every right candidate repeats it or holds it among its words.
    return (
        problem.convention in FREE_FORM_CONVENTIONS or reasoning_words(problem.solution, problem.answer) > 0
    )


def _is_unlikely(anchors: Anchors, margin: float) -> bool:
    # An expert text that the backbone would write itself is the ideal target, so copying it is not cheating.
    return anchors.expert < anchors.own - margin
