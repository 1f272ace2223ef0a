"""Grades answers to problems, strictly and leniently, one greedy and any number sampled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from reward import Check, Verdict, Verify, extract_answer

from ..data.problem import Problem
from .answers import Answer
from .majority import votes
from .presets import Asking
from .result import LENIENT, STRICT, PartResult, Scores
from .sampling import maj_at_k, pass_at_k, sizes
from .statistics import estimate

MOST_GROUPS = 50
"""Of a kind: more are no breakdown but a list."""


def grade(
    name: str,
    problems: Sequence[Problem],
    answers: Sequence[Answer],
    asking: Asking,
    verify: Verify,
    source: str,
) -> PartResult:
    """Scores of every problem: `strict` and `lenient` of the greedy answer; of k sampled ones `avg@k` (strict),
    `avg@k lenient`, `pass@j` and `maj@j` for the j of `sampling.sizes`.

    `answers` are `num_samples + 1` a problem, in the order of the problems, the greedy one first.
    """
    conventions = [asking.convention(problem) for problem in problems]
    each = len(answers) // len(problems)
    pairs = [
        (problem.answer, convention)
        for problem, convention in zip(problems, conventions, strict=True)
        for _ in range(each)
    ]
    found, right = {}, {}
    for grading, is_strict in ((STRICT, True), (LENIENT, False)):
        found[grading] = [
            extract_answer(answer.text, convention, strict=is_strict)
            for answer, (_, convention) in zip(answers, pairs, strict=True)
        ]
        right[grading] = _right(pairs, found[grading], verify)
    scores = {grading: _scores(problems, right[grading][::each]) for grading in (STRICT, LENIENT)}
    if each > 1:
        sampled = [slice(start + 1, start + each) for start in range(0, len(answers), each)]
        drawn = votes(
            conventions, [found[STRICT][s] for s in sampled], [right[STRICT][s] for s in sampled], verify
        )
        scores |= _sampled(
            problems, [right[STRICT][s] for s in sampled], [right[LENIENT][s] for s in sampled], drawn
        )
    return PartResult(
        name=name,
        metric="accuracy",
        scores=scores,
        chance=0.0,
        metrics=_metrics(scores, answers[::each]),
        samples=[
            {
                "id": problem.id,
                "text": answer.text,
                "answer": found[STRICT][place],
                "answer_lenient": found[LENIENT][place],
                "length": answer.length,
                "finished": answer.finished,
            }
            for place, problem, answer in zip(
                range(0, len(answers), each), problems, answers[::each], strict=True
            )
        ],
        source=source,
        groups=_groups(problems),
    )


def _right(pairs: Sequence[tuple[str, str]], found: Sequence[str | None], verify: Verify) -> list[bool]:
    asked = zip(pairs, found, strict=True)
    checks = [Check(gold, answer, convention) for (gold, convention), answer in asked if answer is not None]
    grades = iter(verify(checks))
    return [answer is not None and next(grades).verdict is Verdict.EQUAL for answer in found]


def _sampled(
    problems: Sequence[Problem],
    strict: Sequence[Sequence[bool]],
    lenient: Sequence[Sequence[bool]],
    drawn: Sequence[Sequence[int | None]],
) -> dict[str, Scores]:
    n = len(strict[0])
    scores = {f"avg@{n}": [fmean(of) for of in strict], f"avg@{n} lenient": [fmean(of) for of in lenient]}
    for k in sizes(n):
        scores[f"pass@{k}"] = [pass_at_k(n, sum(of), k) for of in strict]
    for k in sizes(n):
        scores[f"maj@{k}"] = [maj_at_k(of, 0, k) for of in drawn]
    return {name: _scores(problems, values) for name, values in scores.items()}


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
    }


def _groups(problems: Sequence[Problem]) -> dict[str, dict[str, str]]:
    """By kind, where there are several of it and every problem has one."""
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
