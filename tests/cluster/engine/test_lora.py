"""Engines that serve adapters and the base model, compared with PEFT on the same weights."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import ray
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from ray.exceptions import RayTaskError

from cluster.engine.lora import supported_rank
from cluster.fleet.base_model_view import BaseModelView
from cluster.fleet.fleet import Fleet
from cluster.types import Completion, Heartbeat, Scored, ScoreRequest
from rewriter_agent.config.data import LabData
from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.train.weight_sync import publish
from tests.helpers.engine_checks import (
    SETTINGS,
    SPEC,
    TIMEOUT,
    assert_agree,
    load_reference,
    logprobs,
    perturb,
    reference_logprobs,
    requests,
    score_requests,
)

RANK = 6
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    spec = replace(SPEC, max_lora_rank=supported_rank(RANK))
    fleet = Fleet.start("policy", spec, 2, SETTINGS).wait()
    yield fleet
    fleet.shutdown()
    ray.shutdown()


@pytest.fixture(scope="module")
def prompts() -> list[list[int]]:
    tokens = load_tokens(str(LAB_FOLDER), ModelConfig())
    return [tokens.question(p) for p in load_problems(LabData(num_train=12, num_test=1, steps=(1, 2))).train]


def adapted(seed: int, targets: str | list[str] = "all-linear") -> PeftModel:
    """The laboratory's backbone with an adapter of large random weights."""
    config = LoraConfig(task_type="CAUSAL_LM", r=RANK, lora_alpha=2 * RANK, target_modules=targets)
    model = get_peft_model(load_reference(LAB_FOLDER), config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.copy_(0.1 * torch.randn(weight.shape, generator=generator))
    return model


def reference(model: PeftModel, asked: list[ScoreRequest]) -> list[list[float]]:
    return [reference_logprobs(model, request) for request in asked]


def backbone_reference(asked: list[ScoreRequest]) -> list[list[float]]:
    model = load_reference(LAB_FOLDER)
    return [reference_logprobs(model, request) for request in asked]


@slow
def test_the_adapter_and_the_base_model_are_served(
    fleet: Fleet, prompts: list[list[int]], tmp_path: Path
) -> None:
    backbone = BaseModelView("backbone", fleet)
    for version in (1, 2):
        model = adapted(version)
        publish(fleet, version, model, tmp_path)
        completions = fleet.generate(requests(prompts))
        assert {completion.version for completion in completions} == {version}
        asked = score_requests(prompts, completions)
        expected, beneath = reference(model, asked), backbone_reference(asked)
        assert_agree([completion.logprobs for completion in completions], expected)
        assert_agree(logprobs(fleet, asked), expected)
        assert_agree(logprobs(backbone, asked), beneath)
        with pytest.raises(AssertionError):
            assert_agree(expected, beneath)
    assert [path.name for path in (tmp_path / "published").iterdir()] == ["version-000002"]


@slow
@pytest.mark.long
def test_both_are_scored_at_the_same_time(fleet: Fleet, prompts: list[list[int]], tmp_path: Path) -> None:
    model = adapted(3)
    publish(fleet, fleet.version + 1, model, tmp_path)
    asked = score_requests(prompts, fleet.generate(requests(prompts)))
    groups = [asked[i : i + 3] for i in range(0, len(asked), 3)]
    above, beneath = (fleet.submit("score", groups), BaseModelView("backbone", fleet).submit("score", groups))
    found = [[scored.logprobs for answer in side for scored in answer.result()] for side in (above, beneath)]
    assert_agree(found[0], reference(model, asked))
    assert_agree(found[1], backbone_reference(asked))


@slow
def test_one_batch_may_mix_both(fleet: Fleet, prompts: list[list[int]], tmp_path: Path) -> None:
    model = adapted(3)
    publish(fleet, fleet.version + 1, model, tmp_path)
    sampled = [replace(request, use_base_model=bool(i % 2)) for i, request in enumerate(requests(prompts))]
    (batch,) = fleet.submit("generate", [sampled])
    completions = batch.result()
    asked = score_requests(prompts, completions)
    above, beneath = reference(model, asked), backbone_reference(asked)
    expected = [pair[i % 2] for i, pair in enumerate(zip(above, beneath, strict=True))]
    assert_agree([completion.logprobs for completion in completions], expected)
    (scored,) = fleet.submit("score", [[replace(r, use_base_model=bool(i % 2)) for i, r in enumerate(asked)]])
    assert_agree([each.logprobs for each in scored.result()], expected)


@slow
@pytest.mark.long
def test_a_version_may_be_published_again_with_other_weights(
    fleet: Fleet, prompts: list[list[int]], tmp_path: Path
) -> None:
    version = fleet.version + 1
    publish(fleet, version, adapted(4), tmp_path)
    before = fleet.generate(requests(prompts))
    fleet.reset_to_base()
    plain = fleet.generate(requests(prompts))
    assert_agree(
        [completion.logprobs for completion in plain], backbone_reference(score_requests(prompts, plain))
    )
    publish(fleet, version, adapted(5), tmp_path)
    after = fleet.generate(requests(prompts))
    assert [c.token_ids for c in after] != [c.token_ids for c in before]
    asked = score_requests(prompts, after)
    assert_agree(logprobs(fleet, asked), reference(adapted(5), asked))


@slow
@pytest.mark.long
def test_an_adapter_after_a_checkpoint_is_on_the_base_weights(
    fleet: Fleet, prompts: list[list[int]], tmp_path: Path
) -> None:
    other = perturb(load_reference(LAB_FOLDER), seed=1)
    other.save_pretrained(tmp_path / "model")
    backbone = BaseModelView("backbone", fleet)
    fleet.load(tmp_path / "model")
    asked = score_requests(prompts, fleet.generate(requests(prompts)))
    assert_agree(logprobs(fleet, asked), [reference_logprobs(other, request) for request in asked])
    with pytest.raises(RayTaskError, match="request for the base model, but this engine serves a checkpoint"):
        backbone.score(asked)
    model = adapted(6)
    publish(fleet, fleet.version + 1, model, tmp_path)
    assert_agree(logprobs(fleet, asked), reference(model, asked))
    assert_agree(logprobs(backbone, asked), backbone_reference(asked))
    fleet.load(tmp_path / "model")
    assert_agree(logprobs(backbone.wait(), asked), backbone_reference(asked))


@slow
@pytest.mark.long
def test_a_killed_engine_is_restarted_with_the_adapter(
    fleet: Fleet, prompts: list[list[int]], tmp_path: Path
) -> None:
    publish(fleet, fleet.version + 1, adapted(7), tmp_path)
    asked = requests(prompts, max_tokens=200)
    expected = fleet.generate(asked)

    def sample(_: int) -> list[Completion]:
        return fleet.generate(asked)

    with ThreadPoolExecutor(1) as pool:
        again = pool.submit(sample, 0)
        heartbeats: list[Heartbeat] = ray.get(
            [engine.heartbeat.remote() for engine in fleet.engines], timeout=TIMEOUT
        )
        psutil.Process(heartbeats[0].pid).kill()
        found = again.result(TIMEOUT)
    assert [c.token_ids for c in found] == [c.token_ids for c in expected]


@slow
@pytest.mark.long
def test_another_process_drives_both(fleet: Fleet, prompts: list[list[int]], tmp_path: Path) -> None:
    if fleet.version:
        fleet.reset_to_base()
    model, sampled = adapted(8), requests(prompts)

    # Nested, and so pickled by value: the other process cannot import this file.
    def drive(job: dict[str, Fleet]) -> tuple[list[Completion], list[list[Scored]]]:
        publish(job["policy"], 1, model, tmp_path)
        completions = job["policy"].generate(sampled)
        asked = [ScoreRequest(r.prompt_ids, c.token_ids) for r, c in zip(sampled, completions, strict=True)]
        return completions, [fleet.score(asked) for fleet in job.values()]

    with fleet.transfer(), BaseModelView("backbone", fleet).transfer() as backbone:
        driven = ray.remote(num_cpus=0)(drive).remote({"policy": fleet, "backbone": backbone})
        completions, scored = ray.get(driven, timeout=TIMEOUT)
    asked = score_requests(prompts, completions)
    for found, expected in zip(scored, (reference(model, asked), backbone_reference(asked)), strict=True):
        assert_agree([each.logprobs for each in found], expected)


@pytest.mark.parametrize(("rank", "supported"), [(1, 1), (2, 8), (8, 8), (16, 16), (65, 128), (512, 512)])
def test_ranks_are_rounded_up_to_those_that_vllm_supports(rank: int, supported: int) -> None:
    assert supported_rank(rank) == supported


def test_a_rank_above_vllms_maximum_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rank is 600, and vLLM serves up to 512; lower train\.lora\.r"):
        supported_rank(600)


def test_an_adapter_on_the_head_is_refused(tmp_path: Path) -> None:
    spec = replace(SPEC, max_lora_rank=8)
    model = adapted(0, targets=["q_proj", "lm_head"])
    with pytest.raises(ValueError, match=r"target_modules puts an adapter on the model's head"):
        publish(Fleet("policy", [], spec, SETTINGS), 1, model, tmp_path)
    assert not list(tmp_path.iterdir())
