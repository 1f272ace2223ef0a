"""A run's evaluation of its backbone, or of a model that it has trained."""

from collections.abc import Callable
from pathlib import Path

from cluster.fleet.fleet import Fleet
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Run

from .model import Subject, evaluate_model
from .presets import Asking
from .transformers_lm import TransformersModel


class Served:
    """A model on the run's engines, which start, and load it, when it is first asked."""

    def __init__(self, run: Run, model: Path | None) -> None:
        """`model` is a Hugging Face folder; None is the backbone, on engines of its own."""
        self.run = run
        self.model = model
        self.fleet: Fleet | None = None

    def __call__(self) -> Fleet:
        """The engines, with the model."""
        if self.fleet is None or not self.fleet.engines:
            self.fleet = self.run.policy if self.model else self.run.backbone
            if self.model:
                self.fleet.load(self.model.absolute())
        return self.fleet


def evaluate_served(
    run: Run,
    model: Path | None,
    output: Path,
    progress: Callable[[str], None],
    base: StageFolder | None = None,
) -> None:
    """Test problems, benchmarks and retention tasks, into `output`; `model` is a folder, None the backbone.

    `base` is the folder of the backbone's evaluation; None for the run's own.
    """
    config = run.config
    evaluate_model(
        Subject(Served(run, model), run.release_engines, _on_transformers(run, model)),
        Asking(run.tokens.tokenizer, config.evaluate.prompt, config.model.system_prompt),
        run.test_problems(),
        config.evaluate,
        run.verifier.verify,
        output,
        progress,
        (StageFolder(output) if model is None else base or run.folder.evaluation("base")).own_answers,
    )


def _on_transformers(run: Run, model: Path | None) -> TransformersModel | None:
    if run.config.evaluate.retention_backend == "vllm":
        return None
    role = run.plan.role(run.engine_role("policy" if model else "backbone"))
    return TransformersModel(
        folder=model.absolute() if model else Path(run.model_path),
        dtype=run.config.model.dtype,
        max_model_len=run.config.model.max_model_len,
        use_gpu=role.num_gpus > 0,
        threads=role.count * role.threads,
        tokens=run.tokens,
    )
