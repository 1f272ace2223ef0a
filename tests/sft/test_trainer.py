import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import trl
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from sft.config.sft import SFTConfig
from sft.config.weights import (
    ASFTWeight,
    DFTWeight,
    EAFTWeight,
    IWSFTWeight,
    LowPerplexityMask,
    NoWeight,
    PriorRatioWeight,
    PriorWeight,
    SequenceISWeight,
    TokenISWeight,
    Weight,
)
from sft.data.collator import SFTCollator
from sft.data.dataset import to_dataset
from sft.data.rows import SFTRow
from sft.job import SFTJob
from sft.loss.forward import fused_completions, referenced_completions
from sft.loss.probe import Probe
from sft.resume import has_ended
from sft.runtime.metrics import MetricsWriter, read_metrics
from sft.runtime.stop import StopAt
from sft.trainer import WeightedSFTTrainer
from tests.helpers.plain_sft import plain_sft

MakeTrainer = Callable[..., WeightedSFTTrainer]


@pytest.fixture
def make_trainer(
    sft_model: LlamaForCausalLM,
    sft_tokenizer: PreTrainedTokenizerFast,
    sft_rows: list[SFTRow],
    tmp_path: Path,
) -> MakeTrainer:
    def make(
        weight: Weight,
        rows: list[SFTRow] = sft_rows,
        outcomes: dict[str, Weight] | None = None,
        reference: LlamaForCausalLM | None = None,
        probe_rows: Sequence[dict[str, Any]] = (),
        probe_steps: int = 1,
        pack_length: int | None = None,
        model: nn.Module = sft_model,
        **options: Any,
    ) -> WeightedSFTTrainer:
        return WeightedSFTTrainer(
            model=model,
            args=plain_sft(tmp_path, **options),
            data_collator=SFTCollator(pad_token_id=0, padding_free=pack_length is not None),
            train_dataset=to_dataset(rows, tuple(outcomes or ()), pack_length),
            processing_class=sft_tokenizer,
            rules=outcomes or {"all": weight},
            reference=reference,
            probe_rows=probe_rows,
            probe_steps=probe_steps,
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


def gradients(model: nn.Module) -> dict[str, Tensor]:
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
    batch = trainer.data_collator(to_dataset(sft_rows).to_list())
    num_items = torch.tensor(123)
    ours = trainer.compute_loss(sft_model, dict(batch), num_items_in_batch=num_items)
    ours.backward()
    our_gradients = gradients(sft_model)
    del batch["behavior_logprobs"], batch["prior_logprobs"], batch["outcome"]
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
    """The normaliser spans accumulation: with rows of 3 to 24 tokens, a mean of means would differ."""
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


@pytest.mark.parametrize(
    "weight",
    [
        NoWeight(),
        TokenISWeight(),
        SequenceISWeight(),
        IWSFTWeight(),
        EAFTWeight(),
        LowPerplexityMask(max_perplexity=9),
        PriorWeight(),
        PriorRatioWeight(),
    ],
)
def test_packing_changes_neither_loss_nor_gradient(
    make_trainer: MakeTrainer, sft_model: LlamaForCausalLM, sft_rows: list[SFTRow], weight: Weight
) -> None:
    losses, found = [], []
    for pack_length in (None, 40):
        trainer = make_trainer(weight, pack_length=pack_length)
        examples = trainer.train_dataset.to_list()
        assert (len(examples) < len(sft_rows)) == (pack_length is not None)
        loss = trainer.compute_loss(sft_model, trainer.data_collator(examples))
        loss.backward()
        losses.append(loss.detach())
        found.append(gradients(sft_model))
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-6)
    for name in found[0]:
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-4, atol=1e-5)


def test_logprobs_keep_their_precision_under_deepspeed(
    make_trainer: MakeTrainer, sft_rows: list[SFTRow], monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = make_trainer(NoWeight())

    def to_bfloat16(_: object, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        return {
            name: value.bfloat16() if value.is_floating_point() else value for name, value in inputs.items()
        }

    monkeypatch.setattr(trl.SFTTrainer, "_prepare_inputs", to_bfloat16)
    batch = trainer.data_collator(to_dataset(sft_rows).to_list())
    prepared = trainer._prepare_inputs(batch)
    assert prepared.keys() == batch.keys()
    for name in ("behavior_logprobs", "prior_logprobs"):
        torch.testing.assert_close(prepared[name], batch[name], rtol=0, atol=0)


@pytest.mark.parametrize("weight", [ASFTWeight(beta=0.3), PriorWeight(mass=0.5)])
def test_the_reference_of_an_adapter_is_the_model_without_it(
    make_trainer: MakeTrainer, sft_model: LlamaForCausalLM, sft_rows: list[SFTRow], weight: Weight
) -> None:
    plain = copy.deepcopy(sft_model).requires_grad_(False)
    adapted = get_peft_model(sft_model, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    alone = make_trainer(weight, model=adapted)
    batch = alone.data_collator(to_dataset(sft_rows).to_list())
    found = alone.compute_loss(adapted, dict(batch))
    found.backward()
    ours = gradients(adapted)
    beside = make_trainer(weight, model=adapted, reference=plain)
    expected = beside.compute_loss(adapted, dict(batch))
    expected.backward()
    torch.testing.assert_close(found, expected)
    assert any("lora_A" in name for name in ours)
    for name, gradient in gradients(adapted).items():
        torch.testing.assert_close(ours[name], gradient)


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


def test_each_outcome_has_its_rule_and_its_loss_in_the_log(
    make_trainer: MakeTrainer, sft_model: LlamaForCausalLM, sft_rows: list[SFTRow]
) -> None:
    kept, others = sft_rows[:5], [replace(row, outcome="expert_fallback") for row in sft_rows[5:]]
    plain, dft = RULES[0][1], RULES[1][1]
    tokens = [sum(len(row.completion_ids) for row in rows) for rows in (kept, others)]
    losses = hand_loss(sft_model, kept, plain) * tokens[0], hand_loss(sft_model, others, dft) * tokens[1]
    expected = (sum(losses) / sum(tokens)).item()
    by_outcome = [hand_loss(sft_model, rows, plain).item() for rows in (kept, others)]
    trainer = make_trainer(
        NoWeight(),
        rows=kept + others,
        outcomes={"expert_fallback": DFTWeight(), "rewritten": NoWeight()},
        learning_rate=1e-12,
        max_steps=1,
        logging_steps=1,
        per_device_train_batch_size=3,
        gradient_accumulation_steps=3,
    )
    trainer.train()
    logged = trainer.state.log_history[0]
    assert logged["loss"] == pytest.approx(expected, rel=1e-4)
    assert logged["unweighted_loss/rewritten"] == pytest.approx(by_outcome[0], rel=1e-4)
    assert logged["unweighted_loss/expert_fallback"] == pytest.approx(by_outcome[1], rel=1e-4)


def test_eaft_reads_the_entropy_of_each_token(
    make_trainer: MakeTrainer, sft_model: LlamaForCausalLM, sft_rows: list[SFTRow]
) -> None:
    row = sft_rows[1]
    with torch.no_grad():
        ids = torch.tensor([row.prompt_ids + row.completion_ids])
        logprobs = sft_model(input_ids=ids).logits[0, len(row.prompt_ids) - 1 : -1].log_softmax(-1)
        entropies = -(logprobs.exp() * logprobs).sum(-1)
        chosen = logprobs.gather(1, torch.tensor(row.completion_ids)[:, None])[:, 0]
        # High enough that no share is clipped at 1.
        expected = -(entropies / math.log(1000) * chosen).mean()
    trainer = make_trainer(EAFTWeight(top_k=1000))
    loss = trainer.compute_loss(sft_model, trainer.data_collator(to_dataset([row]).to_list()))
    torch.testing.assert_close(loss.detach(), expected, rtol=1e-5, atol=1e-6)


def test_asft_is_dft_and_the_divergence_from_the_reference(
    make_trainer: MakeTrainer, sft_model: LlamaForCausalLM, sft_rows: list[SFTRow]
) -> None:
    reference = copy.deepcopy(sft_model).requires_grad_(False)
    with torch.no_grad():
        for parameter in sft_model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    model, ours = make_trainer(ASFTWeight(beta=0.3), reference=reference), sft_model
    batch = model.data_collator(to_dataset(sft_rows).to_list())
    model.compute_loss(ours, dict(batch)).backward()
    found = gradients(ours)

    total, tokens = hand_loss(ours, sft_rows, RULES[1][1]), 0
    divergence = torch.zeros(())
    for row in sft_rows:
        ids = torch.tensor([row.prompt_ids + row.completion_ids])
        start = len(row.prompt_ids) - 1
        theta = ours(input_ids=ids).logits[0, start:-1].log_softmax(-1)
        ref = reference(input_ids=ids).logits[0, start:-1].log_softmax(-1)
        divergence = divergence + (ref.exp() * (ref - theta)).sum()
        tokens += len(row.completion_ids)
    (total + 0.3 * divergence / tokens).backward()
    for name, gradient in gradients(ours).items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pack_length", [None, 40])
def test_a_nucleus_is_that_of_the_reference(
    make_trainer: MakeTrainer, sft_model: LlamaForCausalLM, sft_rows: list[SFTRow], pack_length: int | None
) -> None:
    reference = copy.deepcopy(sft_model).requires_grad_(False)
    with torch.no_grad():
        for parameter in sft_model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    trainer = make_trainer(PriorWeight(mass=0.5), reference=reference, pack_length=pack_length)
    loss = trainer.compute_loss(sft_model, trainer.data_collator(trainer.train_dataset.to_list()))
    total, kept, tokens = torch.zeros(()), 0, 0
    for row in sft_rows:
        ids = torch.tensor([row.prompt_ids + row.completion_ids])
        start = len(row.prompt_ids) - 1
        probabilities = reference(input_ids=ids).logits[0, start:-1].softmax(-1)
        logprobs = completion_logprobs(sft_model, row)
        for position, token in enumerate(row.completion_ids):
            ranked = probabilities[position].sort(descending=True)
            size = int((ranked.values.cumsum(0) < 0.5).sum()) + 1
            in_nucleus = token in ranked.indices[:size]
            total = total - logprobs[position] * in_nucleus
            kept, tokens = kept + in_nucleus, tokens + 1
    assert 0 < kept < tokens
    torch.testing.assert_close(loss.detach(), total / tokens, rtol=1e-5, atol=1e-6)


def test_the_reference_path_gives_what_the_fused_head_gives(
    make_trainer: MakeTrainer, sft_model: LlamaForCausalLM, sft_rows: list[SFTRow]
) -> None:
    trainer = make_trainer(NoWeight())
    batch = trainer.data_collator(to_dataset(sft_rows).to_list())
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask", "labels")}
    fused, _ = fused_completions(sft_model, inputs)
    found, _ = referenced_completions(sft_model, sft_model, inputs)
    for name in ("logprobs", "entropies", "is_top1", "mask"):
        torch.testing.assert_close(
            getattr(found, name).float(), getattr(fused, name).float(), rtol=1e-4, atol=1e-5
        )
    assert found.divergences is not None
    torch.testing.assert_close(found.divergences, torch.zeros_like(found.divergences), atol=1e-5, rtol=0)


@torch.no_grad()
def completion_logprobs(model: LlamaForCausalLM, row: SFTRow) -> Tensor:
    ids = torch.tensor([row.prompt_ids + row.completion_ids])
    logprobs = model(input_ids=ids).logits[0, len(row.prompt_ids) - 1 : -1].log_softmax(-1)
    return logprobs.gather(1, torch.tensor(row.completion_ids)[:, None])[:, 0]


@pytest.mark.parametrize("learning_rate", [1e-12, 0.05])
def test_the_probe_shows_how_far_the_model_has_moved(
    make_trainer: MakeTrainer, sft_model: LlamaForCausalLM, sft_rows: list[SFTRow], learning_rate: float
) -> None:
    before = [completion_logprobs(sft_model, row) for row in sft_rows[:3]]
    probe = [
        replace(row, prior_logprobs=values.tolist()) for row, values in zip(sft_rows[:3], before, strict=True)
    ]
    trainer = make_trainer(
        NoWeight(),
        probe_rows=to_dataset(probe).to_list(),
        learning_rate=learning_rate,
        max_steps=2,
        logging_steps=2,
        per_device_train_batch_size=2,
    )
    trainer.train()
    ratios = torch.cat([completion_logprobs(sft_model, row) for row in sft_rows[:3]]) - torch.cat(before)
    expected = (ratios.exp() - 1 - ratios).mean().item()
    assert trainer.state.log_history[0]["probe/kl"] == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert (expected > 0.01) == (learning_rate > 0.01)
    assert sft_model.training


def test_ranks_share_the_probe_in_equal_numbers_of_passes(
    make_trainer: MakeTrainer, sft_model: LlamaForCausalLM, sft_rows: list[SFTRow]
) -> None:
    collator = make_trainer(NoWeight()).data_collator
    rows = to_dataset(sft_rows[:5]).to_list()
    whole = Probe(rows, collator, 2, 0, 1)
    shares = [Probe(rows, collator, 2, rank, 3) for rank in range(3)]
    assert [len(share.batches) for share in shares] == [1, 1, 1]
    device = torch.device("cpu")
    together = sum(share.sums(sft_model, device) for share in shares)
    # Float32 products of batches of different shapes, summed in float64.
    torch.testing.assert_close(together, whole.sums(sft_model, device), rtol=1e-5, atol=1e-6)


def test_a_part_stops_when_the_probe_reaches_its_limit(
    make_trainer: MakeTrainer, sft_model: LlamaForCausalLM, sft_rows: list[SFTRow], tmp_path: Path
) -> None:
    before = completion_logprobs(sft_model, sft_rows[0])
    probe = to_dataset([replace(sft_rows[0], prior_logprobs=before.tolist())]).to_list()
    trainer = make_trainer(NoWeight(), probe_rows=probe, learning_rate=0.05, max_steps=9, logging_steps=2)
    trainer.add_callback(MetricsWriter(tmp_path / "metrics.jsonl"))
    trainer.add_callback(StopAt(5, probe_kl=1e-6))
    trainer.train()
    assert trainer.state.global_step == 2
    assert (tmp_path / "checkpoint-2").exists()
    job = SFTJob(
        model=tmp_path, rows=tmp_path, end_token_ids=(2,), output_dir=tmp_path, sft=SFTConfig(), until=5
    )
    assert not has_ended(tmp_path / "checkpoint-2", job)
    assert has_ended(tmp_path / "checkpoint-2", job.model_copy(update={"until_kl": 1e-6}))
    assert has_ended(tmp_path / "checkpoint-2", job.model_copy(update={"until": 2}))


@pytest.mark.parametrize(("every", "measured"), [(1, [2, 4, 6, 7]), (3, [4, 6, 7]), (4, [4, 7]), (50, [7])])
def test_the_probe_is_measured_every_probe_steps_and_at_the_end(
    make_trainer: MakeTrainer, sft_rows: list[SFTRow], tmp_path: Path, every: int, measured: list[int]
) -> None:
    trainer = make_trainer(
        NoWeight(),
        probe_rows=to_dataset(sft_rows[:1]).to_list(),
        probe_steps=every,
        max_steps=7,
        logging_steps=2,
    )
    trainer.add_callback(MetricsWriter(tmp_path / "metrics.jsonl"))
    trainer.train()
    metrics = read_metrics(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in metrics] == [2, 4, 6, 7]
    assert [line["step"] for line in metrics if "probe/kl" in line] == measured
