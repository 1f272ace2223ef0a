from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
import trl
from torch import Tensor
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from sft.collator import SFTCollator
from sft.config import DFTWeight, NoWeight, TokenISWeight, Weight
from sft.rows import SFTRow, to_dataset
from sft.trainer import WeightedSFTTrainer

MakeTrainer = Callable[..., WeightedSFTTrainer]


def arguments(folder: Path, **options: Any) -> trl.SFTConfig:
    return trl.SFTConfig(
        output_dir=str(folder),
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        **options,
    )


@pytest.fixture
def make_trainer(
    sft_model: LlamaForCausalLM,
    sft_tokenizer: PreTrainedTokenizerFast,
    sft_rows: list[SFTRow],
    tmp_path: Path,
) -> MakeTrainer:
    def make(weight: Weight, **options: Any) -> WeightedSFTTrainer:
        return WeightedSFTTrainer(
            model=sft_model,
            args=arguments(tmp_path, **options),
            data_collator=SFTCollator(pad_token_id=0),
            train_dataset=to_dataset(sft_rows),
            processing_class=sft_tokenizer,
            weight=weight,
        )

    return make


def hand_loss(
    model: LlamaForCausalLM, rows: list[SFTRow], weigh: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Weighted loss per completion token of all rows, one row at a time and without padding."""
    total, tokens = torch.zeros(()), 0
    for row in rows:
        ids = torch.tensor([row.prompt_ids + row.completion_ids])
        logprobs = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
        start = len(row.prompt_ids) - 1
        taken = logprobs[start:].gather(1, torch.tensor(row.completion_ids)[:, None])[:, 0]
        weights = weigh(taken.detach(), torch.tensor(row.behavior_logprobs))
        total = total - (weights * taken).sum()
        tokens += len(row.completion_ids)
    return total / tokens


RULES: list[tuple[Weight, Callable[[Tensor, Tensor], Tensor]]] = [
    (NoWeight(), lambda p, b: torch.ones_like(p)),
    (DFTWeight(), lambda p, b: p.exp()),
    (TokenISWeight(clip_max=1.5), lambda p, b: (p - b).exp().clamp(max=1.5)),
]


def gradients(model: LlamaForCausalLM) -> dict[str, Tensor]:
    found = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return found


@pytest.mark.parametrize(("weight", "loss_type"), [(NoWeight(), "nll"), (DFTWeight(), "dft")])
def test_loss_and_gradient_equal_trl(
    make_trainer: MakeTrainer,
    sft_model: LlamaForCausalLM,
    sft_rows: list[SFTRow],
    weight: Weight,
    loss_type: str,
) -> None:
    trainer = make_trainer(weight, loss_type=loss_type)
    batch = trainer.data_collator([asdict(row) for row in sft_rows])
    num_items = torch.tensor(123)
    ours = trainer.compute_loss(sft_model, dict(batch), num_items_in_batch=num_items)
    ours.backward()
    our_gradients = gradients(sft_model)
    del batch["behavior_logprobs"]
    theirs = trl.SFTTrainer.compute_loss(trainer, sft_model, batch, num_items_in_batch=num_items)
    theirs.backward()
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)
    for name, gradient in gradients(sft_model).items():
        torch.testing.assert_close(our_gradients[name], gradient, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("weight", "weigh"), RULES)
@pytest.mark.parametrize(("batch_size", "accumulation"), [(8, 1), (2, 4), (3, 3)])
def test_one_step_has_the_gradient_computed_by_hand(
    make_trainer: MakeTrainer,
    sft_model: LlamaForCausalLM,
    sft_rows: list[SFTRow],
    weight: Weight,
    weigh: Callable[[Tensor, Tensor], Tensor],
    batch_size: int,
    accumulation: int,
) -> None:
    """One normaliser over accumulation: rows have 3 to 24 tokens, so a mean of means would differ."""
    loss = hand_loss(sft_model, sft_rows, weigh)
    loss.backward()
    expected = gradients(sft_model)
    before = {name: p.detach().clone() for name, p in sft_model.named_parameters()}
    trainer = make_trainer(
        weight,
        optim="sgd",
        learning_rate=0.5,
        lr_scheduler_type="constant",
        max_grad_norm=0.0,
        max_steps=1,
        logging_steps=1,
        per_device_train_batch_size=batch_size,
        gradient_accumulation_steps=accumulation,
    )
    trainer.train()
    for name, parameter in sft_model.named_parameters():
        step = (before[name] - parameter.detach()) / 0.5
        torch.testing.assert_close(step, expected[name], rtol=1e-4, atol=1e-5)
    logged = trainer.state.log_history[0]
    assert logged["loss"] == pytest.approx(loss.item(), rel=1e-3)


def test_metrics_cover_all_tokens_since_the_last_log(
    make_trainer: MakeTrainer, sft_model: LlamaForCausalLM, sft_rows: list[SFTRow]
) -> None:
    weigh = RULES[2][1]
    with torch.no_grad():
        unweighted = hand_loss(sft_model, sft_rows, RULES[0][1]).item()
        mean_weight = hand_loss(sft_model, sft_rows, lambda p, b: -weigh(p, b) / p).item()
        clipped = hand_loss(sft_model, sft_rows, lambda p, b: -((p - b).exp() > 1.5).float() / p).item()
    trainer = make_trainer(
        TokenISWeight(clip_max=1.5),
        learning_rate=1e-12,
        max_steps=2,
        logging_steps=2,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
    )
    trainer.train()
    logged = trainer.state.log_history[0]
    assert logged["unweighted_loss"] == pytest.approx(unweighted, rel=1e-4)
    assert logged["clip_fraction"] == pytest.approx(clipped, abs=1e-6)
    assert 0 < logged["clip_fraction"] < 1
    assert logged["ratio_mean"] > mean_weight
    assert logged["ratio_max"] > 1.5
    assert 0 < logged["ess"] < 1
    assert logged["num_tokens"] == sum(len(row) for row in sft_rows)
    assert 0 <= logged["mean_token_accuracy"] <= 1
