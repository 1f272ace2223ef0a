"""Training that is evaluated on the way, keeps its best checkpoint, and may stop early."""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.io.progress import Progress
from rewriter_agent.prepare.held_out import held_out
from rewriter_agent.prepare.records import anchored_problems
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session
from sft.config.sft import EvaluationSection

from .curve import Point, chosen, read_curve, stops_early, write_curve
from .evaluator import evaluate_model
from .model_under_test import ModelUnderTest
from .presets import PromptFormat
from .result import STRICT, ModelResult, read_result
from .summary import compare

BEST = "best"
"""Name of the folder with the best student so far."""


def train_evaluated(
    evaluation: "HeldOutEvaluation", train_until: Callable[[int], int], newest: Path, model: Path
) -> int:
    """Train part by part, evaluating the student after each; returns the last step.

    `train_until` trains to a step, or to the end if that comes first, and returns the step it has reached. It leaves
    the student in the folder `newest`, with its model in `model`. The chosen student is left in `evaluation.best`.

    `curve.json` has the points so far, step 0 (the backbone) first. The parts together are the same training as without
    evaluations.
    """
    folder, settings = evaluation.folder, evaluation.settings
    curve = read_curve(folder) or evaluation.add_point([], Path(evaluation.session.model_path), 0)
    while not stops_early(curve, settings):
        step = train_until(curve[-1].step + settings.eval_steps)
        if step == curve[-1].step:
            # The part before took the last step.
            break
        curve = evaluation.add_point(curve, model, step)
        if chosen(curve, settings) == curve[-1]:
            # Before the point is written: a killed run makes the same student again.
            shutil.rmtree(evaluation.best, ignore_errors=True)
            os.replace(newest, evaluation.best)
        write_curve(folder, curve)
    shutil.rmtree(newest, ignore_errors=True)
    return curve[-1].step


@dataclass(frozen=True)
class HeldOutEvaluation:
    """The held-out sample, on which each student is measured."""

    session: Session
    settings: EvaluationSection
    folder: Path
    progress: Progress
    problems: Sequence[Problem]

    @classmethod
    def of(cls, session: Session, folder: Path, progress: Progress) -> "HeldOutEvaluation":
        """Collect the held-out problems of a run that is evaluated on the way, of the stage in `folder`."""
        settings = session.config.sft.evaluation
        assert settings is not None, "called only if an evaluation is configured"
        problems = anchored_problems(session.config)
        kept = sorted(held_out(session.config))
        return cls(session, settings, folder, progress, [problems[name] for name in kept])

    @property
    def best(self) -> Path:
        """Folder of the best student so far."""
        return self.folder / BEST

    def add_point(self, curve: Sequence[Point], model: Path, step: int) -> list[Point]:
        """Measure a model, and return the curve with its point."""
        result, base = self._measure(model, step), self._result(0)
        against = compare(result, base)
        forgetting = against.forgetting.value + 0.0  # never -0.0
        task = _accuracy(result)
        point = Point(
            step=step,
            task=task,
            gain=task - _accuracy(base),
            forgetting=forgetting,
            score=task - self.settings.forgetting_price * forgetting,
        )
        self.progress(
            f"step {step}: task {task:.1%}, gain {100 * point.gain:+.1f}, forgetting {100 * forgetting:+.1f} points"
        )
        return [*curve, point]

    def _measure(self, model: Path, step: int) -> ModelResult:
        session, folder = self.session, self._folder(step)
        if not StageFolder(folder).result.exists():
            config = sample_settings(session.config.evaluate, self.settings)
            evaluate_model(
                ModelUnderTest.of(session, model),
                PromptFormat.of(session.tokens.tokenizer, session.config),
                self.problems,
                config,
                session.verifier.verify,
                folder,
                self.progress,
                StageFolder(folder),
            )
        return self._result(step)

    def _result(self, step: int) -> ModelResult:
        return read_result(StageFolder(self._folder(step)).result)

    def _folder(self, step: int) -> Path:
        return StageFolder(self.folder).evaluations / f"step-{step:06d}"


def sample_settings(config: EvaluateConfig, settings: EvaluationSection) -> EvaluateConfig:
    """Return the settings of an evaluation on the way: greedy, without benchmarks and drift, on other items."""
    changes = {
        "num_samples": 0,
        "benchmarks": [],
        "own_answers": 0,
        "general_answers": 0,
        "retention_limit": settings.retention_limit,
        "seed": (config.seed + 1) % 2**32,
    }
    return config.model_copy(update=changes)


def _accuracy(result: ModelResult) -> float:
    scores = result.task.scores[STRICT]
    return sum(scores.values()) / len(scores)
