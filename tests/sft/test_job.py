import gc
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
import torch
from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint
from ray.train import TrainingFailedError
from transformers import AutoModelForCausalLM, LlamaForCausalLM

import sft.save_model
from rewriter_agent.user_errors import user_message
from sft.checks import check_data
from sft.config.sft import SFTConfig
from sft.config.weights import ASFTWeight, NoWeight, TokenISWeight
from sft.data.rows import SFTRow, write_rows
from sft.data.tokenizer import load_tokenizer, vocabulary_hash
from sft.job import SFTJob
from sft.run import SFTResult, run_sft
from sft.runtime.checkpoints import COMPLETE_MARK, is_final, newest_complete, remove_incomplete
from sft.runtime.metrics import read_metrics, truncate_metrics
from sft.runtime.sequence_parallel import flatten_epochs
from sft.save_model import save_model

STEPS, SAVE_STEPS = 6, 2


@pytest.fixture
def make_job(sft_model_dir: Path, sft_rows: list[SFTRow], tmp_path: Path) -> Callable[..., SFTJob]:
    """Jobs on nine rows, one of them too long for `max_length`; an optimizer step takes the other eight."""
    too_long = SFTRow(
        [5] * 100, sft_rows[0].completion_ids, sft_rows[0].behavior_logprobs, "backbone", "rewritten"
    )
    write_rows([*sft_rows, too_long], tmp_path / "rows.parquet")

    def make(name: str, **options: object) -> SFTJob:
        sft_options = {
            "weight": TokenISWeight(clip_max=1.5),
            "learning_rate": 5e-3,
            "max_steps": STEPS,
            "per_device_train_batch_size": 2,
            "gradient_accumulation_steps": 2,
            "max_length": 64,
            "save_steps": SAVE_STEPS,
            "logging_steps": 1,
            **options,
        }
        return SFTJob(
            model=sft_model_dir,
            rows=tmp_path / "rows.parquet",
            end_token_ids=(0,),
            output_dir=tmp_path / name,
            sft=SFTConfig.model_validate(sft_options),
        )

    return make


@pytest.fixture(scope="module")
def two_cpus() -> Iterator[None]:
    """A cluster for all tests of this file, since each start takes seconds."""
    ray.init(address="local", num_cpus=2, include_dashboard=True)
    yield
    ray.shutdown()


def weights_of(job: SFTJob) -> dict[str, bytes]:
    """Bytes of the weights of a finished job."""
    return {file.name: file.read_bytes() for file in job.model_dir.glob("*.safetensors")}


def loss_by_hand(model_dir: Path, rows: list[SFTRow], clip_max: float) -> tuple[float, float]:
    """Weighted loss over all tokens of `rows`, and the norm of its gradient, in float32."""
    model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
    total, tokens = torch.zeros(()), 0
    for row in rows:
        logits = model(input_ids=torch.tensor([row.prompt_ids + row.completion_ids])).logits[0, :-1]
        targets = torch.tensor(row.completion_ids)[:, None]
        logprobs = logits.log_softmax(-1)[len(row.prompt_ids) - 1 :].gather(1, targets)[:, 0]
        weights = (logprobs.detach() - torch.tensor(row.behavior_logprobs)).exp().clamp(max=clip_max)
        total = total - (weights * logprobs).sum()
        tokens += len(row.completion_ids)
    loss = total / tokens
    loss.backward()
    squares = [p.grad.square().sum() for p in model.parameters() if p.grad is not None]
    return loss.item(), torch.stack(squares).sum().sqrt().item()


class Killer(threading.Thread):
    """Kill one training process of this Ray instance as soon as `mark` exists; `join` asserts that it did."""

    def __init__(self, mark: Path) -> None:
        super().__init__(daemon=True)
        self.mark, self.killed = mark, False
        self.start()

    def run(self) -> None:
        while not self.mark.exists():
            time.sleep(0.005)
        for process in psutil.Process().children(recursive=True):
            if "RayTrainWorker" in " ".join(process.cmdline()):
                process.kill()
                self.killed = True
                return

    def join(self, timeout: float | None = None) -> None:
        super().join(timeout)
        assert self.killed


@pytest.mark.slow
@pytest.mark.long
def test_two_zero3_workers_train_and_die(
    make_job: Callable[..., SFTJob],
    sft_rows: list[SFTRow],
    two_cpus: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    master_weights: dict[str, torch.Tensor] = {}

    def publish_and_keep_master_weights(checkpoint: Path, *others: Any, **options: Any) -> None:
        master_weights.update(get_fp32_state_dict_from_zero_checkpoint(str(checkpoint)))
        save_model(checkpoint, *others, **options)

    monkeypatch.setattr(sft.save_model, "save_model", publish_and_keep_master_weights)
    job = make_job("whole")
    result = run_sft(job)
    assert result == SFTResult(num_rows=8, num_dropped=1, global_step=STEPS)
    metrics = read_metrics(job.metrics_path)
    assert [line["step"] for line in metrics] == list(range(1, STEPS + 1))
    check_first_step(job, sft_rows, metrics[0])
    assert metrics[-1]["unweighted_loss"] < metrics[0]["unweighted_loss"]
    check_saved_model(job, master_weights, sft_rows)
    assert not job.checkpoints_dir.exists()
    assert run_sft(job) == result

    killed = make_job("killed")
    watcher = Killer(killed.checkpoints_dir / f"checkpoint-{SAVE_STEPS}" / COMPLETE_MARK)
    with pytest.raises(TrainingFailedError) as error:
        run_sft(killed)
    watcher.join()
    message = user_message(error.value) or ""
    assert message.startswith("a training process died, once more than cluster.max_failures allows")
    assert "\n" not in message


@pytest.mark.slow
@pytest.mark.long
def test_a_killed_driver_resumes_with_the_same_result(
    make_job: Callable[..., SFTJob], two_cpus: None
) -> None:
    """The job has an adapter, packed rows and offloaded optimizer state."""
    options = {"lora": {"r": 4}, "packing": True, "offload_optimizer_device": "cpu"}
    whole, killed = make_job("whole", **options), make_job("killed", **options)
    result = run_sft(whole)
    run = "import ray, sys; from sft.job import SFTJob; from sft.run import run_sft; "
    run += "ray.init(address='local', num_cpus=2); run_sft(SFTJob.model_validate_json(sys.argv[1]))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    driver = subprocess.Popen(
        [sys.executable, "-c", run, killed.model_dump_json()], env=env, start_new_session=True
    )
    mark = killed.checkpoints_dir / f"checkpoint-{SAVE_STEPS}" / COMPLETE_MARK
    while not mark.exists():
        assert driver.poll() is None
        time.sleep(0.005)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    check_resumes(killed, result, read_metrics(whole.metrics_path))
    assert weights_of(killed) == weights_of(whole)


@pytest.mark.slow
@pytest.mark.long
def test_sequence_parallel_workers_are_restarted(
    make_job: Callable[..., SFTJob], sft_rows: list[SFTRow], two_cpus: None
) -> None:
    whole, killed = (make_job(name, sp_size=2, logging_steps=1) for name in ("whole", "killed"))
    assert whole.sft.rows_per_step == 4
    result = run_sft(whole)
    metrics = read_metrics(whole.metrics_path)
    first = flatten_epochs(sft_rows, 4, whole.seed)
    loss, grad_norm = loss_by_hand(whole.model, first, clip_max=1.5)
    assert metrics[0]["loss"] == pytest.approx(loss, rel=0.02)
    assert metrics[0]["grad_norm"] == pytest.approx(grad_norm, rel=0.02)
    assert metrics[0]["num_tokens"] == sum(map(len, first))
    assert metrics[-1]["step"] == STEPS

    watcher = Killer(killed.checkpoints_dir / f"checkpoint-{SAVE_STEPS}" / COMPLETE_MARK)
    assert run_sft(killed.model_copy(update={"max_failures": 1})) == result
    watcher.join()
    assert weights_of(killed) == weights_of(whole)


@pytest.mark.slow
@pytest.mark.long
def test_an_anchor_rules_by_outcome_and_the_probe_under_zero3(
    make_job: Callable[..., SFTJob], sft_rows: list[SFTRow], two_cpus: None, tmp_path: Path
) -> None:
    kept, others = sft_rows[:4], [replace(row, outcome="expert_fallback") for row in sft_rows[4:]]
    write_rows([*kept, *others], tmp_path / "rows.parquet")
    write_rows(sft_rows, tmp_path / "probe.parquet")
    rules = {"weight": NoWeight(), "outcome_weights": {"expert_fallback": ASFTWeight(beta=50.0)}}
    job = make_job("anchored", **rules, probe_size=5).model_copy(update={"probe": tmp_path / "probe.parquet"})
    run_sft(job)
    metrics = read_metrics(job.metrics_path)

    model = AutoModelForCausalLM.from_pretrained(job.model, dtype=torch.float32)
    nll = [-logprobs_by_hand(model, row) for row in kept]
    dft = [-values.exp() * values for values in (logprobs_by_hand(model, row) for row in others)]
    assert metrics[0]["loss"] == pytest.approx(torch.cat(nll + dft).mean().item(), rel=0.02)
    assert metrics[0]["unweighted_loss/rewritten"] == pytest.approx(torch.cat(nll).mean().item(), rel=0.02)
    # A dft loss is at most 1/e; the rest is the anchor, once the model has moved.
    share = sum(len(row.completion_ids) for row in kept) / sum(len(row.completion_ids) for row in sft_rows)
    assert metrics[1]["loss"] > share * metrics[1]["unweighted_loss/rewritten"] + 1 / math.e
    # Logged after the step, over five rows shared by two ranks: the saved model is the last one.
    saved = AutoModelForCausalLM.from_pretrained(job.model_dir, dtype=torch.float32)
    ratios = torch.cat(
        [logprobs_by_hand(saved, row) - torch.tensor(row.prior_logprobs) for row in sft_rows[:5]]
    )
    assert metrics[-1]["probe/kl"] == pytest.approx((ratios.exp() - 1 - ratios).mean().item(), rel=0.05)


@torch.no_grad()
def logprobs_by_hand(model: LlamaForCausalLM, row: SFTRow) -> torch.Tensor:
    logits = model(input_ids=torch.tensor([row.prompt_ids + row.completion_ids])).logits[0, :-1]
    targets = torch.tensor(row.completion_ids)[:, None]
    return logits.log_softmax(-1)[len(row.prompt_ids) - 1 :].gather(1, targets)[:, 0]


def check_first_step(job: SFTJob, rows: list[SFTRow], logged: dict[str, float]) -> None:
    """The normaliser is global, though ranks and accumulation steps have rows of different lengths."""
    loss, grad_norm = loss_by_hand(job.model, rows, clip_max=1.5)
    assert logged["loss"] == pytest.approx(loss, rel=0.02)
    assert logged["grad_norm"] == pytest.approx(grad_norm, rel=0.02)
    assert logged["num_tokens"] == sum(len(row) for row in rows)


def check_saved_model(job: SFTJob, master_weights: dict[str, torch.Tensor], rows: list[SFTRow]) -> None:
    """The folder loads with plain transformers and computes what the trained weights compute."""
    saved = AutoModelForCausalLM.from_pretrained(job.model_dir)
    trained = AutoModelForCausalLM.from_pretrained(job.model, dtype=torch.bfloat16)
    untrained = {name: p.detach().clone() for name, p in trained.named_parameters()}
    trained.load_state_dict({name: tensor.bfloat16() for name, tensor in master_weights.items()})
    assert all(not torch.equal(p, untrained[name]) for name, p in trained.named_parameters())
    assert saved.dtype == torch.bfloat16
    assert saved.lm_head.weight is saved.model.embed_tokens.weight
    ids = torch.tensor([rows[1].prompt_ids + rows[1].completion_ids])
    torch.testing.assert_close(saved(ids).logits, trained(ids).logits, rtol=0, atol=0)
    tokenizer = load_tokenizer(job.model_dir)
    chat = [{"role": "user", "content": "one and two"}]
    base = load_tokenizer(job.model)
    assert tokenizer.apply_chat_template(chat) == base.apply_chat_template(chat)


def check_resumes(job: SFTJob, result: SFTResult, metrics: list[dict[str, float]]) -> None:
    """A second start resumes from the newest complete checkpoint and ends like an undisturbed run."""
    checkpoint = newest_complete(job.checkpoints_dir)
    assert checkpoint is not None
    resumed_step = int(checkpoint.name.removeprefix("checkpoint-"))
    assert SAVE_STEPS <= resumed_step < STEPS
    half_written = job.checkpoints_dir / "checkpoint-99"
    shutil.copytree(checkpoint, half_written)
    (half_written / COMPLETE_MARK).unlink()
    before = read_metrics(job.metrics_path)
    lines = [json.dumps({**line, "before_kill": True}) for line in before]
    job.metrics_path.write_text("".join(line + "\n" for line in lines))

    assert run_sft(job) == result
    after = read_metrics(job.metrics_path)
    assert [line["step"] for line in after] == list(range(1, STEPS + 1))
    assert [line["step"] for line in after if "before_kill" in line] == list(range(1, resumed_step + 1))
    for ours, unbroken in zip(after, metrics, strict=True):
        assert ours["loss"] == pytest.approx(unbroken["loss"], rel=1e-5)
        assert ours["ess"] == pytest.approx(unbroken["ess"], rel=1e-5)


def fake_checkpoint(folder: Path, step: int, max_steps: int, complete: bool) -> Path:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir(parents=True)
    state = {"global_step": step, "max_steps": max_steps}
    (checkpoint / "trainer_state.json").write_text(json.dumps(state))
    if complete:
        (checkpoint / COMPLETE_MARK).touch()
    return checkpoint


def test_incomplete_checkpoints_are_not_resumed(tmp_path: Path) -> None:
    assert newest_complete(tmp_path) is None
    fake_checkpoint(tmp_path, 9, 20, complete=True)
    newest = fake_checkpoint(tmp_path, 10, 20, complete=True)
    half = fake_checkpoint(tmp_path, 11, 20, complete=False)
    assert newest_complete(tmp_path) == newest
    assert not is_final(newest)
    remove_incomplete(tmp_path)
    assert not half.exists()
    assert newest_complete(tmp_path) == newest
    assert is_final(fake_checkpoint(tmp_path, 20, 20, complete=True))


@pytest.mark.parametrize("alpha", [0.25, 0.5])
def test_saved_weights_are_averaged_with_the_backbone(
    sft_model_dir: Path, tmp_path: Path, alpha: float
) -> None:
    base = AutoModelForCausalLM.from_pretrained(sft_model_dir, dtype=torch.float32)
    tuned = AutoModelForCausalLM.from_pretrained(sft_model_dir, dtype=torch.float32)
    with torch.no_grad():
        for weights in tuned.parameters():
            weights.add_(torch.randn_like(weights))
    tuned.save_pretrained(tmp_path / "checkpoint")
    save_model(
        tmp_path / "checkpoint", sft_model_dir, tmp_path / "model", "float32", [2], wise_ft_alpha=alpha
    )
    saved = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
    for found, trained, old in zip(saved.parameters(), tuned.parameters(), base.parameters(), strict=True):
        torch.testing.assert_close(found, alpha * trained + (1 - alpha) * old)


def test_metrics_after_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    assert read_metrics(path) == []
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"step"')
    truncate_metrics(path, 2)
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_wrong_rows_are_refused_before_workers_start(make_job: Callable[..., SFTJob]) -> None:
    with pytest.raises(ValueError, match="none of the 9 rows"):
        run_sft(make_job("short", max_length=3))


@pytest.mark.parametrize(
    ("rows", "vocabulary", "message"),
    [
        ([], "", "has no rows; there is nothing"),
        (None, "other ids", "belong to another tokenizer than the one of"),
    ],
)
def test_unusable_rows_are_refused(
    make_job: Callable[..., SFTJob],
    sft_rows: list[SFTRow],
    rows: list[SFTRow] | None,
    vocabulary: str,
    message: str,
) -> None:
    job = make_job("useless")
    write_rows(sft_rows, job.rows, vocabulary_hash(job.model))
    check_data(job)
    write_rows(sft_rows if rows is None else rows, job.rows, vocabulary)
    with pytest.raises(ValueError, match=message):
        run_sft(job)


def test_liger_kernels_are_refused_without_a_gpu(make_job: Callable[..., SFTJob]) -> None:
    with pytest.raises(ValueError, match="run on GPUs only; set it to false"):
        run_sft(make_job("liger", use_liger_kernel=True))


def test_folder_of_another_job_is_refused(make_job: Callable[..., SFTJob]) -> None:
    job = make_job("shared")
    job.output_dir.mkdir()
    other = {"model": str(job.model), "rows": "", "seed": 0, "sft": {}}
    (job.output_dir / "job.json").write_text(json.dumps(other))
    with pytest.raises(ValueError, match="was created with different rows, sft and cannot be resumed"):
        run_sft(job)


def test_paths_become_absolute() -> None:
    job = SFTJob(
        model=Path("base"),
        rows=Path("rows.parquet"),
        end_token_ids=(2,),
        output_dir=Path("out"),
        sft=SFTConfig(),
    )
    assert job.model.is_absolute()
    assert SFTJob.model_validate(job.model_dump(mode="json")) == job


@pytest.mark.slow
@pytest.mark.long
def test_a_second_training_in_a_process_gives_the_same_weights(
    make_job: Callable[..., SFTJob], two_cpus: None
) -> None:
    """Four trainings in one process: two of the whole model, then two of an adapter."""

    def one_after_another(jobs: list[dict[str, Any]]) -> int:
        for job in jobs:
            run_sft(SFTJob.model_validate(job))
        tensors = [o for o in gc.get_objects() if issubclass(type(o), torch.Tensor)]
        return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}.values())

    def jobs_of(kind: str, lora: dict[str, int] | None) -> list[SFTJob]:
        options = {"num_workers": 1, "bf16": False, "lora": lora}
        rates = {"first": 1e-2, "second": 1e-3, "alone": 1e-3}
        return [make_job(f"{kind}-{name}", learning_rate=rate, **options) for name, rate in rates.items()]

    kinds = [jobs_of("whole", None), jobs_of("adapter", {"r": 4})]
    jobs = [job for first, second, _ in kinds for job in (first, second)]
    here = [job.model_copy(update={"in_process": True, "threads": 1}) for job in jobs]
    task = ray.remote(num_cpus=1, runtime_env={"env_vars": {"OMP_NUM_THREADS": "1"}})(one_after_another)
    left = task.remote([job.model_dump(mode="json") for job in here])
    for *_, alone in kinds:
        run_sft(alone)
    assert ray.get(left) < 1000, "bytes of tensors; a training has megabytes"
    for first, second, alone in kinds:
        assert weights_of(second) == weights_of(alone) != weights_of(first)
        assert AutoModelForCausalLM.from_pretrained(second.model_dir).dtype == torch.float32
