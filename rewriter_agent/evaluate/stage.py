"""Stages `evaluate-*`: task accuracy, retention and drift of one arm's model."""

from pathlib import Path
from typing import Any

from rewriter_agent.io.progress import Progress
from rewriter_agent.replay.package_prompts import package_prompts
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session

from .evaluator import evaluate_model
from .model_under_test import ModelUnderTest
from .presets import PromptFormat
from .result import read_result
from .summary import counts


def evaluate(session: Session, folder: Path, progress: Progress, *, arm: str) -> dict[str, Any]:
    """Evaluate one arm's model on the session's engines."""
    model = None if arm == "base" else session.folder.training(arm, session.config.method).model
    evaluate_checkpoint(session, model, folder, progress)
    return counts(read_result(StageFolder(folder).result))


def evaluate_checkpoint(
    session: Session,
    model: Path | None,
    output: Path,
    progress: Progress,
    base: StageFolder | None = None,
) -> None:
    """Measure a model on test problems, benchmarks and retention tasks, and write the results to `output`.

    Args:
        session: The run whose engines serve the model.
        model: A Hugging Face folder; None for the backbone.
        output: Folder of the results.
        progress: Status lines.
        base: Folder of the backbone's evaluation; None for the one of the run.
    """
    config = session.config
    evaluate_model(
        ModelUnderTest.of(session, model),
        PromptFormat.of(session.tokens.tokenizer, config),
        session.test_problems(),
        config.evaluate,
        session.verifier.verify,
        output,
        progress,
        StageFolder(output) if model is None else base or session.folder.evaluation("base"),
        package_prompts(config.model.name_or_path),
    )
