"""A prompt computed once for its candidates: the same log-probs, entropies and gradients as one row a candidate."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from peft import get_peft_model_state_dict
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, Qwen3NextConfig
from trl.trainer.utils import add_fused_lm_head

from cluster.fleet.fleet import Fleet
from reward import RewardConfig, Verifier
from rewriter_agent.data.problem import Problem
from rewriter_agent.models.attention import can_share
from rewriter_agent.scoring.group_scorer import GroupScorer
from rewriter_agent.train import shared_prefix_trainer
from rewriter_agent.train.shared_prefix import is_cheaper, pack, shared_logps
from tests.helpers.short_grpo import ShortRun, anchored, tokens_of, trainer_of
from tests.helpers.small_fleet import SmallFleet
from tests.helpers.tiny import distinct_rows

CONFIG = LlamaConfig(
    vocab_size=50,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    attn_implementation="sdpa",
)
LONG, SHORT, ONE = [5, 6, 7, 8, 9, 10, 11], [12, 13, 14], [15]
GROUPS = [(LONG, [20, 21, 22, 2]), (LONG, [20, 2]), (LONG, [2]), (SHORT, [30, 31, 32]), (SHORT, [30, 33, 2])]


@pytest.fixture
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    model = LlamaForCausalLM(CONFIG)
    add_fused_lm_head(model, temperature=0.7, outputs=("log_probs", "entropy"))
    return model


def batch(rows: Sequence[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor, int]:
    """Build a batch like TRL's: prompts padded left, completions right."""
    prompts, completions = max(len(p) for p, _ in rows), max(len(c) for _, c in rows)
    ids = [[0] * (prompts - len(p)) + p + c + [0] * (completions - len(c)) for p, c in rows]
    mask = [
        [0] * (prompts - len(p)) + [1] * (len(p) + len(c)) + [0] * (completions - len(c)) for p, c in rows
    ]
    return torch.tensor(ids), torch.tensor(mask), completions


def one_row_each(model: LlamaForCausalLM, ids: Tensor, mask: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """What TRL computes."""
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :-length] = -100
    outputs = model(input_ids=ids, attention_mask=mask, labels=labels, fused_lm_head=True)
    return outputs.log_probs[:, -length:], outputs.entropy[:, -length:]


def gradients(model: LlamaForCausalLM, loss: Tensor) -> list[Tensor]:
    model.zero_grad()
    loss.backward()
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("rows", [GROUPS, GROUPS[:1], [*GROUPS, (LONG, [40, 2]), (ONE, [2])]])
def test_numbers_and_gradients_are_those_of_one_row_a_candidate(
    model: LlamaForCausalLM, rows: list[tuple[list[int], list[int]]]
) -> None:
    ids, mask, length = batch(rows)
    packed = pack(ids, mask, length)
    weights = torch.linspace(-1, 1, ids.shape[0])[:, None]
    expected = one_row_each(model, ids, mask, length)
    expected_gradients = gradients(model, (expected[0] * weights).sum())
    found = shared_logps(model, model.base_model, packed)
    for values, wanted in zip(found, expected, strict=True):
        assert values.shape == wanted.shape
        assert values.abs().sum() > 0
        torch.testing.assert_close(values, wanted, rtol=1e-4, atol=1e-5)
    found_gradients = gradients(model, (found[0] * weights).sum())
    for gradient, wanted in zip(found_gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-3, atol=1e-5)
    again = one_row_each(model, ids, mask, length)[0]
    assert torch.equal(again, expected[0]), "all hidden states must leave the backbone again"


def test_layers_keep_one_attention_mask_for_the_backward_pass(model: LlamaForCausalLM) -> None:
    packed = pack(*batch(GROUPS))
    length = packed.input_ids.shape[1]
    masks: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.shape[-2:] == (length, length):
            masks[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logps, _ = shared_logps(model, model.base_model, packed)
    assert logps.requires_grad
    assert len(masks) == 1 < CONFIG.num_hidden_layers


def test_a_prompt_is_there_once_where_its_candidates_are_neighbours() -> None:
    ids, mask, length = batch(GROUPS)
    packed = pack(ids, mask, length)
    # 7 of the prompt, and of its candidates all tokens but the last: 3 + 1 + 0.
    assert packed.input_ids.tolist() == [[*LONG, 20, 21, 22, 20], [*SHORT, 30, 31, 30, 33, 0, 0, 0, 0]]
    assert packed.position_ids[0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 7]
    assert packed.targets.tolist() == [token for _, completion in GROUPS for token in completion]
    torn = [GROUPS[0], GROUPS[3], GROUPS[1]]
    assert len(pack(*batch(torn)).input_ids) == 3


def test_a_candidate_does_not_change_with_those_beside_it(model: LlamaForCausalLM) -> None:
    def first(others: list[list[int]]) -> Tensor:
        rows = [(LONG, [20, 21, 22, 2]), *((LONG, other) for other in others)]
        return shared_logps(model, model.base_model, pack(*batch(rows)))[0][0, :4]

    torch.testing.assert_close(first([[40, 41, 2]]), first([[42, 43, 44], [45, 2]]), rtol=1e-5, atol=1e-6)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_gradients_are_the_same_bits_whichever_thread_is_first(model: LlamaForCausalLM) -> None:
    # So many candidates that PyTorch divides the gradient of their prompt between the threads.
    packed = pack(*batch([(LONG, [20 + i % 20, 2]) for i in range(600)]))

    def once() -> list[Tensor]:
        return gradients(model, shared_logps(model, model.base_model, packed)[0].sum())

    first = once()
    for _ in range(5):
        assert all(torch.equal(one, other) for one, other in zip(first, once(), strict=True))


def test_short_prompts_before_long_candidates_do_not_pay() -> None:
    def worth(prompt: int, completion: int, count: int) -> bool:
        rows = [(list(range(1, prompt + 1)), [3] * completion)] * count
        ids, mask, length = batch(rows)
        return is_cheaper(CONFIG, ids, pack(ids, mask, length))

    assert worth(40, 10, 4)
    assert not worth(2, 400, 8)


def test_models_whose_tokens_meet_otherwise_are_left_alone() -> None:
    assert can_share(CONFIG, 10_000)
    eager = LlamaConfig(attn_implementation="eager")
    window = MistralConfig(sliding_window=100, attn_implementation="sdpa")
    recurrent = Qwen3NextConfig(num_hidden_layers=4, attn_implementation="sdpa")
    assert not can_share(eager, 10)
    assert can_share(window, 100)
    assert not can_share(window, 101)
    assert "linear_attention" in recurrent.layer_types
    assert not can_share(recurrent, 10)


def test_a_run_that_shares_prompts_learns_what_one_does_that_does_not(
    tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems = [
        Problem(id=str(i), convention="####", source="tiny", **row)
        for i, row in enumerate(distinct_rows(2, seed=5))
    ]
    run = ShortRun(tiny_backbone, anchored(tiny_backbone, problems, 24), 2, 2, 24, temperature=0.7)
    shared: list[int] = []
    monkeypatch.setattr(
        shared_prefix_trainer,
        "shared_logps",
        lambda *args: shared.append(len(args[2].input_ids)) or shared_logps(*args),
    )

    def learned(name: str, share: bool) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
        tokens = tokens_of(tiny_backbone)
        eos = tokens.tokenizer.eos_token_id
        policy, frozen = SmallFleet(tiny_backbone, eos), SmallFleet(tiny_backbone, eos)
        with Verifier(RewardConfig()) as verifier:
            scorer = GroupScorer(tokens, cast(Fleet, frozen), verifier, RewardConfig())
            trainer = trainer_of(run, (policy, frozen), scorer, 0, tmp_path / name, 4, share)
            trainer.train()
        return get_peft_model_state_dict(trainer.model), trainer.state.log_history

    expected, told = learned("plain", share=False)
    assert not shared
    found, told_too = learned("shared", share=True)
    # Four batches a step, of four candidates of one problem each.
    assert shared == [1] * 8
    assert max(weight.abs().max() for name, weight in found.items() if "lora_B" in name) > 1e-4
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=1e-2, atol=1e-5)
    for step, other in zip(told[:2], told_too[:2], strict=True):
        assert other.keys() == step.keys()
        keys = [key for key in step if key.startswith("sampling/")]
        assert len(keys) == 5
        for key in ("loss", "grad_norm", "entropy", "reward", "clip_ratio/region_mean", *keys):
            # TRL logs the mean of the batches' mean entropies, and shuffles which candidates share a batch.
            rel = 2e-2 if key == "entropy" else 1e-3
            assert other[key] == pytest.approx(step[key], rel=rel, abs=1e-5), key
