"""Grades answers to problems, strictly and leniently, one greedy and any number sampled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from reward import Verdict, Verify, check_of, extract_answer
from rewriter_agent.data.problem import Problem

from .answers import Answer
from .majority import votes
from .presets import PromptFormat
from .result import LENIENT, STRICT, PartResult, Scores
from .sampling import maj_at_k, pass_at_k, sizes
from .statistics import estimate
from .thinking import thinking

MOST_GROUPS = 50
"""Largest number of groups that a breakdown shows."""


def grade(
    name: str,
    problems: Sequence[Problem],
    answers: Sequence[Answer],
    prompt_format: PromptFormat,
    verify: Verify,
    source: str,
) -> PartResult:
    """Scores of every problem: `strict` and `lenient` of the greedy answer; of k sampled ones `avg@k` (strict),
    `avg@k lenient`, `pass@j` and, but for texts without an answer, `maj@j` for the j of `sampling.sizes`.

    `answers` are `num_samples + 1` a problem, in the order of the problems, the greedy one first.
    """
    each = len(answers) // len(problems)
    asked = [problem for problem in problems for _ in range(each)]
    strict, lenient = (
        _grade(asked, answers, prompt_format, verify, strict=strict) for strict in (True, False)
    )
    scores = {
        STRICT: _scores(problems, strict.right[::each]),
        LENIENT: _scores(problems, lenient.right[::each]),
    }
    if each > 1:
        scores |= _sampled(problems, each, strict, lenient, prompt_format, verify)
    return PartResult(
        name=name,
        metric="accuracy",
        scores=scores,
        chance=0.0,
        metrics=_metrics(scores, answers[::each]),
        samples=_samples(answers[::each], strict.found[::each], lenient.found[::each]),
        source=source,
        groups=_groups(problems),
    )


@dataclass(frozen=True)
class _Graded:
    """Final answers that were extracted, and whether each is right."""

    found: list[str | None]
    right: list[bool]


def _grade(
    problems: Sequence[Problem],
    answers: Sequence[Answer],
    prompt_format: PromptFormat,
    verify: Verify,
    *,
    strict: bool,
) -> _Graded:
    conventions = [prompt_format.convention(problem) for problem in problems]
    found = [
        extract_answer(answer.text, convention, strict=strict)
        for answer, convention in zip(answers, conventions, strict=True)
    ]
    asked = zip(problems, found, conventions, strict=True)
    checks = [
        check_of(problem.question, problem.answer, text, convention)
        for problem, text, convention in asked
        if text is not None
    ]
    grades = iter(verify(checks))
    return _Graded(found, [text is not None and next(grades).verdict is Verdict.EQUAL for text in found])


def _sampled(
    problems: Sequence[Problem],
    each: int,
    strict: _Graded,
    lenient: _Graded,
    prompt_format: PromptFormat,
    verify: Verify,
) -> dict[str, Scores]:
    n = each - 1
    slices = [slice(start + 1, start + each) for start in range(0, len(strict.right), each)]
    right = [strict.right[s] for s in slices]
    conventions = [prompt_format.convention(problem) for problem in problems]
    scores = {
        f"avg@{n}": [fmean(of) for of in right],
        f"avg@{n} lenient": [fmean(lenient.right[s]) for s in slices],
        **{f"pass@{k}": [pass_at_k(n, sum(of), k) for of in right] for k in sizes(n)},
    }
    # Whole texts have no majority.
    if "reference" not in conventions:
        drawn = votes(conventions, [strict.found[s] for s in slices], right, verify)
        scores |= {f"maj@{k}": [maj_at_k(of, 0, k) for of in drawn] for k in sizes(n)}
    return {name: _scores(problems, values) for name, values in scores.items()}


def _samples(
    answers: Sequence[Answer], strict: Sequence[str | None], lenient: Sequence[str | None]
) -> list[dict[str, Any]]:
    return [
        {
            "id": answer.problem_id,
            "text": answer.text,
            "answer": found,
            "answer_lenient": found_lenient,
            "length": answer.length,
            "finished": answer.finished,
        }
        for answer, found, found_lenient in zip(answers, strict, lenient, strict=True)
    ]


def _scores(problems: Sequence[Problem], values: Sequence[float]) -> Scores:
    return {problem.id: float(value) for problem, value in zip(problems, values, strict=True)}


def _metrics(scores: dict[str, Scores], greedy: Sequence[Answer]) -> dict[str, float]:
    strict, lenient = (estimate(list(scores[grading].values())) for grading in (STRICT, LENIENT))
    return {
        "accuracy": strict.value,
        "accuracy_stderr": strict.stderr,
        "accuracy_lenient": lenient.value,
        "accuracy_lenient_stderr": lenient.stderr,
        "finished": fmean(answer.finished for answer in greedy),
        "empty": fmean(not answer.text.strip() for answer in greedy),
        "mean_length": fmean(answer.length for answer in greedy),
        **thinking([answer.text for answer in greedy]),
    }


def _groups(problems: Sequence[Problem]) -> dict[str, dict[str, str]]:
    """Group of each problem by kind, for kinds that every problem has and that differ."""
    kinds = {
        "level": [problem.level for problem in problems],
        "source": [problem.source for problem in problems],
        "template": [problem.template for problem in problems],
    }
    return {
        kind: {problem.id: group for problem, group in zip(problems, groups, strict=True) if group}
        for kind, groups in kinds.items()
        if None not in groups and 1 < len(Counter(groups)) <= MOST_GROUPS
    }
