"""A run's evaluation of whatever model a fleet serves at the moment."""

from collections.abc import Callable
from pathlib import Path

from cluster.fleet import Fleet

from ..run import Run
from .model import evaluate_model


def evaluate_served(run: Run, fleet: Fleet, output: Path, progress: Callable[[str], None]) -> None:
    """The run's test problems and retention tasks, into `output`."""
    evaluate_model(
        fleet,
        run.tokenizer,
        run.test_problems(),
        run.config.evaluate,
        run.verifier.verify,
        output,
        progress,
        system_prompt=run.config.model.system_prompt,
    )
