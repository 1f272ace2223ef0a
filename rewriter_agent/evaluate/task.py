"""Greedy accuracy on the test problems, on the prompt that SFT trains on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from cluster.types import Completion, GenerateRequest
from reward import Check, Verdict, Verify, extract_answer

from ..config.evaluate import EvaluateConfig
from ..data.problem import Problem
from ..prompts import qa_messages
from .result import PartResult
from .statistics import estimate
from .tokens import chat_prompt_ids, decode

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from .fleet_lm import Fleet


@dataclass(frozen=True)
class TaskAnswer:
    """What a model answered to one test problem."""

    id: str
    text: str
    answer: str | None
    """The answer where the convention asks for it."""
    answer_lenient: str | None
    """The answer wherever one can be made out, for example the last number."""
    correct: bool
    correct_lenient: bool
    finished: bool
    length: int
    """Tokens, EOS included."""


def evaluate_task(
    fleet: Fleet,
    tokenizer: PreTrainedTokenizerBase,
    problems: Sequence[Problem],
    config: EvaluateConfig,
    verify: Verify,
    system_prompt: str | None = None,
) -> list[TaskAnswer]:
    """Ask every problem greedily and judge the answers; one `TaskAnswer` a problem, order kept."""
    requests = [
        GenerateRequest(
            chat_prompt_ids(tokenizer, qa_messages(problem.question, problem.convention, system_prompt)),
            max_tokens=config.max_completion_length,
            temperature=0.0,
            seed=config.seed,
        )
        for problem in problems
    ]
    return _judge(problems, fleet.generate(requests), tokenizer, verify)


def summarise_task(answers: Sequence[TaskAnswer]) -> PartResult:
    """Accuracies with standard errors; `accuracy` is the strict one."""
    strict = estimate([float(a.correct) for a in answers])
    lenient = estimate([float(a.correct_lenient) for a in answers])
    return PartResult(
        name="task",
        metric="accuracy",
        metrics={
            "accuracy": strict.value,
            "accuracy_stderr": strict.stderr,
            "accuracy_lenient": lenient.value,
            "accuracy_lenient_stderr": lenient.stderr,
            "finished": fmean(a.finished for a in answers),
            "mean_length": fmean(a.length for a in answers),
        },
        correct={a.id: a.correct for a in answers},
        samples=[asdict(a) for a in answers],
    )


def _judge(
    problems: Sequence[Problem],
    completions: Sequence[Completion],
    tokenizer: PreTrainedTokenizerBase,
    verify: Verify,
) -> list[TaskAnswer]:
    texts = [decode(tokenizer, c.token_ids) for c in completions]
    asked = list(zip(problems, texts, strict=True))
    strict = [extract_answer(text, problem.convention) for problem, text in asked]
    lenient = [extract_answer(text, problem.convention, strict=False) for problem, text in asked]
    correct = _correct([*problems, *problems], [*strict, *lenient], verify)
    count = len(problems)
    rows = zip(asked, completions, strict, lenient, correct[:count], correct[count:], strict=True)
    return [
        TaskAnswer(problem.id, text, answer, loose, right, right_loose, c.finished, len(c.token_ids))
        for (problem, text), c, answer, loose, right, right_loose in rows
    ]


def _correct(problems: Sequence[Problem], answers: Sequence[str | None], verify: Verify) -> list[bool]:
    asked = zip(problems, answers, strict=True)
    checks = [Check(p.answer, answer, p.convention) for p, answer in asked if answer is not None]
    grades = iter(verify(checks))
    return [answer is not None and next(grades).verdict is Verdict.EQUAL for answer in answers]
