"""Self-distillation fine-tuning, SDFT (arXiv:2601.19897): TRL's SDFTTrainer with the fleet in place of its own vLLM.

The student samples y from the question q. The teacher is the backbone without the adapter, given the rewriting prompt
r, which shows the expert's solution. Per row the loss is mean_t KL(teacher(. | r, y_<t) || student(. | q, y_<t)) over
the whole vocabulary, with both distributions at the sampling temperature; a step takes the mean of its rows.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from trl.experimental.sdft import SDFTTrainer
from trl.experimental.sdft.sdft_trainer import DemonstrationTeacherContextBuilder

from cluster.fleet.fleet import Fleet
from rewriter_agent.io.files import write_table

from .fleet_trainer import FleetTrainer

QUESTION_IDS = "prompt"
"""Column of the training data with the student's encoded prompt, by TRL's name."""
REWRITING_IDS = "privileged_context"
"""Column with the teacher's encoded prompt, by TRL's name of the demonstration."""

COMPLETIONS = pa.schema([("step", pa.int64()), ("problem_id", pa.string()), ("completion", pa.string())])


class EncodedContexts(DemonstrationTeacherContextBuilder):
    """TRL's builder of the teacher's input, for prompts that are encoded and hold the question already."""

    def _compose_teacher_prompt(self, prompt: list[int], privileged_context: list[int]) -> list[int]:
        return privileged_context


class FleetSDFTTrainer(FleetTrainer, SDFTTrainer):
    """SDFTTrainer that samples from a fleet, on prompts as `prepare` has encoded them."""

    prompt_ids = QUESTION_IDS

    def __init__(self, *, fleet: Fleet, **kwargs: Any) -> None:
        """Sample from `fleet`; its metrics are logged with each step."""
        super().__init__(**kwargs)
        self.teacher_context_builder = EncodedContexts(self)
        self.sample_from(fleet)

    def _prepare_training_batch(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """Prepare a batch as TRL does; count the student's tokens and write its completions as GRPOTrainer does."""
        batch = super()._prepare_training_batch(inputs)
        texts = self._tokenizer.batch_decode(batch["completion_ids"], skip_special_tokens=True)
        assert self.args.output_dir
        write_completions(Path(self.args.output_dir), self.state.global_step + 1, inputs, texts)
        tokens = batch["prompt_mask"].sum() + batch["completion_mask"].sum()
        self.state.num_input_tokens_seen += int(tokens)
        self._metrics["train"]["num_tokens"] = [self.state.num_input_tokens_seen]
        return batch

    def _tokenize_prompts(self, prompts: list[list[int]]) -> list[list[int]]:
        """Return the prompts of the student or the teacher, whole: TRL would cut both at one length."""
        return prompts


def write_completions(
    folder: Path, step: int, rows: Sequence[Mapping[str, Any]], texts: Sequence[str]
) -> None:
    """Write a step's completions, with their problems, to the file that GRPOTrainer would name."""
    table = [
        {"step": step, "problem_id": row["problem_id"], "completion": text}
        for row, text in zip(rows, texts, strict=True)
    ]
    write_table(folder / "completions" / f"completions_{step:05d}.parquet", table, COMPLETIONS)
