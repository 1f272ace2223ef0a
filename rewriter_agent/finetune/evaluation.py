"""Fine-tuning that is evaluated on the way, keeps its best checkpoint, and may stop early."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from rewriter_agent.config import RunConfig
from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.evaluate.evaluator import evaluate_model
from rewriter_agent.evaluate.model_under_test import ModelUnderTest
from rewriter_agent.evaluate.presets import PromptFormat
from rewriter_agent.evaluate.result import STRICT, ModelResult, read_result
from rewriter_agent.evaluate.summary import compare
from rewriter_agent.io.files import read_table
from rewriter_agent.io.progress import Progress
from rewriter_agent.prepare.records import anchored_problems, prepared_file
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session
from sft.config.sft import EvaluationSection
from sft.job import SFTJob
from sft.run import SFTResult, finish_with, finished_result, run_part

from .curve import Point, chosen, read_curve, stops_early, write_curve


def held_out(config: RunConfig) -> set[str]:
    """Choose the prepared problems that are not fine-tuned on, by id; empty without a section `sft.evaluation`.

    Raises:
        ValueError: they would be more than half of the problems.
    """
    if config.sft.evaluation is None:
        return set()
    ids = [row["id"] for row in read_table(prepared_file(config), ("id",))]
    wanted = config.sft.evaluation.num_problems
    if 2 * wanted > len(ids):
        raise ValueError(
            f"sft.evaluation.num_problems={wanted} holds out more than half of the {len(ids)} training problems; "
            f"set it to {max(2, len(ids) // 10)} or so, or give more problems"
        )
    return set(Random(f"held-out-{config.seed}").sample(sorted(ids), wanted))


def train_evaluated(
    session: Session, job: SFTJob, folder: Path, progress: Progress, shown: dict[str, str]
) -> SFTResult:
    """Train part by part, evaluating the student after each; the chosen one becomes the job's model.

    `folder/curve.json` has the points so far, step 0 (the backbone) first. The parts together are the same training
    as without evaluations.
    """
    if result := finished_result(job):
        return result
    settings = job.sft.evaluation
    assert settings is not None, "called only if an evaluation is configured"
    evaluation = HeldOutEvaluation.of(session, settings, folder, progress)
    curve = read_curve(folder) or evaluation.add_point([], Path(session.model_path), 0)
    best = job.output_dir / "best"
    while not stops_early(curve, settings):
        part = job.model_copy(update={"until": curve[-1].step + settings.eval_steps})
        session.release_engines()
        session.wait_for_capacity("sft")
        with progress.follow(job.metrics_path, shown):
            step = run_part(part)
        if step == curve[-1].step:
            # The part before took the last step.
            break
        curve = evaluation.add_point(curve, job.student_dir, step)
        if chosen(curve, settings) == curve[-1]:
            # Before the point is written: a killed run makes the same student again.
            shutil.rmtree(best, ignore_errors=True)
            os.replace(job.student_dir, best)
        write_curve(folder, curve)
    result = finish_with(job, best, curve[-1].step)
    shutil.rmtree(job.student_dir, ignore_errors=True)
    return result


@dataclass(frozen=True)
class HeldOutEvaluation:
    """The held-out sample, on which each student is measured."""

    session: Session
    settings: EvaluationSection
    folder: Path
    progress: Progress
    problems: Sequence[Problem]

    @classmethod
    def of(
        cls, session: Session, settings: EvaluationSection, folder: Path, progress: Progress
    ) -> "HeldOutEvaluation":
        """Collect the held-out problems of a run."""
        problems = anchored_problems(session.config)
        kept = sorted(held_out(session.config))
        return cls(session, settings, folder, progress, [problems[name] for name in kept])

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
                StageFolder(folder).own_answers,
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
        "retention_limit": settings.retention_limit,
        "seed": (config.seed + 1) % 2**32,
    }
    return config.model_copy(update=changes)


def _accuracy(result: ModelResult) -> float:
    scores = result.task.scores[STRICT]
    return sum(scores.values()) / len(scores)
