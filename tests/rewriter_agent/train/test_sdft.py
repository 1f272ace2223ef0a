"""One step of SDFT equals an independent implementation of the published loss, gradient included."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
import torch
from peft import LoraConfig, PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM, TrainerCallback

from cluster.fleet.fleet import Fleet
from cluster.types import Completion, GenerateRequest
from reward import Anchors, RewardConfig
from rewriter_agent.config import RunConfig, make_config
from rewriter_agent.data.problem import Problem
from rewriter_agent.io.files import read_table, write_table
from rewriter_agent.pipeline import STUDENT
from rewriter_agent.prepare.held_out import held_out
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.scoring.group_scorer import AnchoredProblem
from rewriter_agent.train.arguments import sdft_config
from rewriter_agent.train.problems import left_out, training_problems
from rewriter_agent.train.sdft_trainer import FleetSDFTTrainer
from rewriter_agent.train.worker import sdft_dataset
from sft.config.sft import SFTConfig
from tests.helpers.short_grpo import tokens_of
from tests.helpers.small_fleet import SmallFleet
from tests.helpers.tiny import distinct_rows

Rollout = tuple[list[int], list[int]]
"""Ids of a question prompt and of what the student wrote after it."""
Gradients = dict[str, Tensor]
LENGTH = 24
"""Most tokens of a rollout."""


class RecordingFleet(SmallFleet):
    """Fleet that keeps what it sampled."""

    def __init__(self, folder: Path, eos_id: int) -> None:
        super().__init__(folder, eos_id)
        self.rollouts: list[Rollout] = []

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        completions = super().generate(requests)
        self.rollouts += [(r.prompt_ids, c.token_ids) for r, c in zip(requests, completions, strict=True)]
        return completions


class KeepGradients(TrainerCallback):
    """Copies the gradients of each step before the optimiser takes it."""

    def __init__(self) -> None:
        self.steps: list[Gradients] = []

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        named = kwargs["model"].named_parameters()
        self.steps.append({name: p.grad.clone() for name, p in named if p.grad is not None})


def published_loss(
    model: PeftModel,
    rollouts: Sequence[tuple[list[int], list[int], list[int]]],
    temperature: float,
    skip: int,
) -> Tensor:
    """Compute the loss of SDFT (arXiv:2601.19897) row by row, without padding.

    A rollout is the question prompt q, the prompt r with the demonstration, and the student's tokens y. Its loss is
    the mean over t >= `skip` of sum_v p_T(v | r, y_<t) (log p_T(v | r, y_<t) - log p_S(v | q, y_<t)), with p_T the
    model without its adapter and p_S the model with it.
    """

    def log_distributions(prompt: list[int], written: list[int]) -> Tensor:
        logits = model(input_ids=torch.tensor([prompt + written])).logits[0]
        return torch.log_softmax(logits[len(prompt) - 1 : -1] / temperature, dim=-1)

    losses = []
    for question, demonstration, written in rollouts:
        with torch.no_grad(), model.disable_adapter():
            teacher = log_distributions(demonstration, written)
        student = log_distributions(question, written)
        divergence = (teacher.exp() * (teacher - student)).sum(-1)[skip:]
        losses.append(divergence.mean() if len(divergence) else student.sum() * 0.0)
    return torch.stack(losses).mean()


def problems_of(backbone: Path, count: int) -> dict[str, AnchoredProblem]:
    tokens = tokens_of(backbone)
    found = {}
    for i, row in enumerate(distinct_rows(count, seed=5)):
        # Prompts of different lengths.
        row["question"] = i * "Listen. " + row["question"]
        encoded = tokens.encode(Problem(id=str(i), convention="####", source="tiny", **row))
        found[str(i)] = AnchoredProblem(**vars(encoded), anchors=Anchors(-2.0, -0.5))
    return found


def config_of(backbone: Path, max_model_len: int = 512, **train: Any) -> RunConfig:
    options = {"max_steps": 1, "max_completion_length": LENGTH, "learning_rate": 1e-2, "num_generations": 2}
    return make_config(
        {
            "name": "sdft",
            "method": "sdft",
            "model": {"name_or_path": str(backbone), "dtype": "float32", "max_model_len": max_model_len},
            "data": {"source": "lab"},
            "cluster": {"device": "cpu"},
            **{stage: {"max_completion_length": LENGTH} for stage in ("prepare", "rewrite", "evaluate")},
            "train": options | {"lora": {"r": 4, "lora_alpha": 8}} | train,
        }
    )


def trainer_of(
    config: RunConfig, fleet: SmallFleet, problems: dict[str, AnchoredProblem], folder: Path, backbone: Path
) -> FleetSDFTTrainer:
    torch.set_num_threads(1)
    arguments = sdft_config(config, folder)
    # Gradients as they are.
    arguments.max_grad_norm = 0.0
    return FleetSDFTTrainer(
        fleet=cast(Fleet, fleet),
        model=AutoModelForCausalLM.from_pretrained(backbone, dtype=torch.float32),
        processing_class=tokens_of(backbone).tokenizer,
        args=arguments,
        train_dataset=sdft_dataset(problems),
        peft_config=LoraConfig(task_type="CAUSAL_LM", **config.train.lora.model_dump()),
    )


def disturb(model: PeftModel) -> None:
    """Give the adapter weights as after training: at its start B is 0, and so is the gradient of A."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if ".lora_B" in name:
                weight.copy_(torch.randn(weight.shape, generator=generator) * 0.05)


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "temperature", "skip"),
    [(4, 1, 1.0, 0), (2, 2, 1.0, 0), (1, 4, 0.7, 3), (4, 1, 0.7, 3)],
)
def test_loss_and_gradient_of_a_step_are_those_of_the_paper(
    tiny_backbone: Path, tmp_path: Path, batch_size: int, accumulation: int, temperature: float, skip: int
) -> None:
    config = config_of(
        tiny_backbone,
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=accumulation,
        temperature=temperature,
        num_loss_tokens_to_skip=skip,
    )
    problems = problems_of(tiny_backbone, 2)
    fleet = RecordingFleet(tiny_backbone, tokens_of(tiny_backbone).tokenizer.eos_token_id)
    trainer = trainer_of(config, fleet, problems, tmp_path, tiny_backbone)
    disturb(trainer.model)
    kept = KeepGradients()
    trainer.add_callback(kept)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.train()

    demonstrations = {tuple(p.prompt_ids): list(p.rewriting_prompt_ids) for p in problems.values()}
    rollouts = [(q, demonstrations[tuple(q)], y) for q, y in fleet.rollouts]
    assert len({len(q) for q, _, _ in rollouts}) > 1
    assert len({len(y) for _, _, y in rollouts}) > 1
    assert all(len(r) > len(q) for q, r, _ in rollouts)
    trainer.model.load_state_dict(before)
    trainer.model.zero_grad()
    loss = published_loss(trainer.model, rollouts, temperature, skip)
    loss.backward()

    written = read_table(tmp_path / "completions" / "completions_00001.parquet")
    ids = {tuple(problem.prompt_ids): name for name, problem in problems.items()}
    decode = tokens_of(tiny_backbone).tokenizer.decode
    assert [(row["problem_id"], row["completion"]) for row in written] == [
        (ids[tuple(q)], decode(y, skip_special_tokens=True)) for q, y in fleet.rollouts
    ]
    (step, *_) = trainer.state.log_history
    assert loss.item() > 0.01
    assert step["loss"] == pytest.approx(loss.item(), rel=1e-5)
    expected = {name: p.grad for name, p in trainer.model.named_parameters() if p.grad is not None}
    (found,) = kept.steps
    assert found.keys() == expected.keys()
    assert all(".lora_" in name for name in found)
    for name, gradient in expected.items():
        assert (found[name] - gradient).norm() < 1e-5 * gradient.norm(), name


def test_a_problem_whose_rewriting_prompt_does_not_fit_is_left_out(tiny_backbone: Path) -> None:
    tokens, problems = tokens_of(tiny_backbone), problems_of(tiny_backbone, 3)
    lengths = [len(problem.rewriting_prompt_ids) for problem in problems.values()]
    assert lengths[1] < lengths[2]
    assert len(problems["2"].prompt_ids) < lengths[1]
    config = config_of(tiny_backbone, max_model_len=lengths[1] + LENGTH + 1)
    found = training_problems(problems, config, tokens)
    assert list(found) == ["0", "1"]
    [row] = left_out(problems, found, config)
    assert row == {"reason": "prompt_too_long", "id": "2", "question": problems["2"].question}


def test_a_student_is_not_trained_on_problems_that_it_is_evaluated_on(
    tiny_backbone: Path, tmp_path: Path
) -> None:
    tokens, problems = tokens_of(tiny_backbone), problems_of(tiny_backbone, 4)
    sft = SFTConfig.model_validate({"evaluation": {"eval_steps": 1, "num_problems": 2}})
    config = config_of(tiny_backbone).model_copy(update={"output_dir": tmp_path, "sft": sft})
    ids = pa.schema([("id", pa.string())])
    write_table(RunFolder(config.folder).prepare.prepared, [{"id": name} for name in problems], ids)
    out = held_out(config)
    assert len(out) == 2
    found = training_problems(problems, config, tokens)
    assert found.keys() == problems.keys() - out
    assert not left_out(problems, found, config)


def test_the_backbone_needs_no_engines(tiny_backbone: Path) -> None:
    config = config_of(tiny_backbone)
    judged = config.model_copy(update={"reward": RewardConfig(judge=True)})
    assert set(STUDENT.roles(judged)) == {"policy", "learner"}


def test_only_the_teacher_reads_the_rewriting_prompt(tiny_backbone: Path) -> None:
    config = config_of(tiny_backbone)

    def fingerprint(method: str, show_answer: bool) -> str:
        prompts = config.prompts.model_copy(update={"show_answer": show_answer})
        return STUDENT.fingerprint(config.model_copy(update={"method": method, "prompts": prompts}))

    assert fingerprint("sdft", True) != fingerprint("sdft", False)
    assert fingerprint("grpo", True) == fingerprint("grpo", False)
