"""Metrics of a fine-tuning in W&B and TensorBoard, read back from their files."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import wandb
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.integrations import get_reporting_integration_callbacks

from rewriter_agent.tracking.panels import SFT
from sft.config.weights import NoWeight, TokenISWeight
from sft.data.collator import SFTCollator
from sft.data.dataset import to_dataset
from sft.data.rows import SFTRow, write_rows
from sft.runtime.metrics import finish_reporting, read_metrics
from sft.trainer import WeightedSFTTrainer
from tests.helpers.plain_sft import plain_sft
from tests.helpers.wandb_files import logged, missing, offline_runs

ROOT = Path(__file__).parents[2]


def test_every_panel_of_a_fine_tuning_has_its_metrics_and_tensorboard_is_told_the_same(
    sft_model: LlamaForCausalLM,
    sft_tokenizer: PreTrainedTokenizerFast,
    sft_rows: list[SFTRow],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "tensorboard"))
    # Given explicitly, since W&B reads its environment variables only for the first run of a process.
    quiet = wandb.Settings(silent=True, console="off")
    wandb.init(project="test", dir=tmp_path, mode="offline", settings=quiet)
    rows = [replace(row, outcome="rewritten" if i % 2 else "expert") for i, row in enumerate(sft_rows)]
    WeightedSFTTrainer(
        model=sft_model,
        args=plain_sft(tmp_path, max_steps=3, logging_steps=1),
        data_collator=SFTCollator(pad_token_id=0),
        train_dataset=to_dataset(rows, ("expert", "rewritten")),
        processing_class=sft_tokenizer,
        rules={"expert": NoWeight(), "rewritten": TokenISWeight()},
        probe_rows=to_dataset(rows[:2], ("expert", "rewritten")).to_list(),
        callbacks=get_reporting_integration_callbacks(["wandb", "tensorboard"]),
    ).train()
    finish_reporting("wandb")
    (run,) = offline_runs(tmp_path)
    assert {panel.title for panel in SFT.panels if missing(panel.metrics, logged([run]))} == set()
    assert run.axes == {"*": SFT.step}
    assert [row[SFT.step] for row in run.history if "train/loss" in row] == [1, 2, 3]
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    for name in ("train/loss", "train/unweighted_loss", "train/probe/kl"):
        values = [event.value for event in events.Scalars(name)]
        assert values == pytest.approx([row[name] for row in run.history if name in row])


@pytest.mark.slow
@pytest.mark.long
def test_wandb_has_every_step_of_a_training_that_was_killed(
    sft_model_dir: Path, sft_rows: list[SFTRow], tmp_path: Path
) -> None:
    write_rows(sft_rows, tmp_path / "rows.parquet", "vocabulary")
    names = {"MODE": "offline", "SILENT": "true", "DIR": str(tmp_path), "RUN_ID": "killed", "RESUME": "allow"}
    env = {**os.environ, "PYTHONPATH": str(ROOT), **{f"WANDB_{name}": value for name, value in names.items()}}
    # The W&B service of this process would outlive the training.
    env.pop("WANDB_SERVICE", None)
    command = [sys.executable, ROOT / "tests/helpers/killed_training.py", tmp_path]
    assert [subprocess.run(command, env=env).returncode for _ in range(2)] == [-signal.SIGKILL, 0]
    rows = [row for run in offline_runs(tmp_path) for row in run.history if "train/loss" in row]
    assert {row[SFT.step] for row in rows} == {1, 2, 3, 4, 5, 6}
    losses = {row["step"]: row["loss"] for row in read_metrics(tmp_path / "metrics.jsonl")}
    assert all(losses[row[SFT.step]] == pytest.approx(row["train/loss"]) for row in rows)
