"""A fleet of vLLM engines compared with transformers on the laboratory's weights."""

import re
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
import torch
from peft import LoraConfig, get_peft_model
from ray.exceptions import RayTaskError
from transformers import AutoConfig, AutoTokenizer, LlamaForCausalLM

from cluster.engine.vllm_engine import VLLMEngine
from cluster.fleet.fleet import Fleet
from cluster.fleet.settings import FleetSettings, HealthPolicy
from cluster.fleet.supervisor import EnginesNotStartedError
from cluster.types import Completion, EngineSpec, GenerateRequest, Heartbeat, ScoreRequest
from rewriter_agent.config.data import LabData
from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.lab_world.skills import SKILLS, retention_items
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.prompt_encoder import Tokens, load_tokens
from rewriter_agent.data.prompts import user_messages
from rewriter_agent.models.lab import LAB_FOLDER
from sft.save_model import save_model
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

pytestmark = pytest.mark.slow

ITEMS = 200


@pytest.fixture(scope="module")
def spec() -> EngineSpec:
    return SPEC


@pytest.fixture(scope="module")
def fleet(spec: EngineSpec) -> Iterator[Fleet]:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    fleet = Fleet.start("policy", spec, 2, SETTINGS).wait()
    yield fleet
    fleet.shutdown()
    ray.shutdown()


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return load_tokens(str(LAB_FOLDER), ModelConfig())


@pytest.fixture(scope="module")
def prompts(tokens: Tokens) -> list[list[int]]:
    return [tokens.question(p) for p in load_problems(LabData(num_train=12, num_test=1, steps=(1, 2))).train]


@torch.no_grad()
def reference_entropies(model: LlamaForCausalLM, request: ScoreRequest) -> list[float]:
    logits = model(torch.tensor([request.prompt_ids + request.completion_ids])).logits[0].float()
    return torch.distributions.Categorical(logits=logits[len(request.prompt_ids) - 1 : -1]).entropy().tolist()


def test_logprobs_agree_with_scoring_and_with_transformers(fleet: Fleet, prompts: list[list[int]]) -> None:
    completions = fleet.generate(requests(prompts))
    assert {c.version for c in completions} == {fleet.version}
    assert all(len(c.logprobs) == len(c.token_ids) for c in completions)
    asked = score_requests(prompts, completions)
    scored = logprobs(fleet, asked)
    assert_agree([c.logprobs for c in completions], scored)
    model = load_reference(LAB_FOLDER)
    assert_agree(scored, [reference_logprobs(model, request) for request in asked])


def test_log_probs_agree_on_problems_and_skills(fleet: Fleet, tokens: Tokens) -> None:
    problems = load_problems(LabData(num_train=1, num_test=ITEMS // 2)).test
    asked = [ScoreRequest(tokens.question(problem), tokens.expert(problem)) for problem in problems]
    eos = tokens.tokenizer.eos_token_id
    for item in chain(*(retention_items(skill, ITEMS // 2 // len(SKILLS), seed=0) for skill in SKILLS)):
        answer = [*tokens.tokenizer.encode(item.answer), eos]
        asked.append(ScoreRequest(tokens.prompt(user_messages(item.prompt)), answer))
    assert len(asked) >= ITEMS
    model = load_reference(LAB_FOLDER)
    assert_agree(logprobs(fleet, asked), [reference_logprobs(model, request) for request in asked])


def test_entropies_agree_with_transformers_and_leave_logprobs_alone(
    fleet: Fleet, prompts: list[list[int]]
) -> None:
    asked = score_requests(prompts, fleet.generate(requests(prompts)))
    plain = fleet.score(asked)
    assert {scored.entropies for scored in plain} == {None}
    # Requests with and without entropies in one batch.
    mixed = fleet.score([replace(request, entropies=i % 2 == 0) for i, request in enumerate(asked)])
    assert_agree([scored.logprobs for scored in mixed], [scored.logprobs for scored in plain])
    assert all((scored.entropies is None) == (i % 2 == 1) for i, scored in enumerate(mixed))
    model = load_reference(LAB_FOLDER)
    entropies = [scored.entropies or [] for scored in mixed[::2]]
    assert_agree(entropies, [reference_entropies(model, request) for request in asked[::2]])


def test_sharing_prefixes_changes_no_logprob(fleet: Fleet, prompts: list[list[int]]) -> None:
    # Prompt lengths around block boundaries; some completions have a common beginning, and two are equal.
    long = [*chain(*prompts)]
    rest = long[200:264]
    asked = [
        ScoreRequest(long[:length], completion)
        for length in (95, 96, 97, 127)
        for completion in (rest, [*rest[:40], *rest[:24]], [*rest[:1], *rest[5:]], rest, rest[::-1])
    ]
    model = load_reference(LAB_FOLDER)
    expected = [reference_logprobs(model, request) for request in asked]
    for _ in range(2):
        assert_agree(logprobs(fleet, asked), expected)


def test_finished_means_ended_by_eos(fleet: Fleet, tokens: Tokens, prompts: list[list[int]]) -> None:
    cut = fleet.generate(requests(prompts, max_tokens=3))
    assert not any(c.finished for c in cut)
    assert all(len(c.token_ids) == 3 for c in cut)
    whole = fleet.generate(requests(prompts))
    assert any(c.finished for c in whole)
    assert all(c.finished == (c.token_ids[-1] == tokens.tokenizer.eos_token_id) for c in whole)


def test_a_seed_gives_the_same_completion_whatever_the_batch_and_order(
    fleet: Fleet, prompts: list[list[int]]
) -> None:
    asked = requests(prompts)
    together = [c.token_ids for c in fleet.generate(asked)]
    reversed_order = [c.token_ids for c in fleet.generate(asked[::-1])][::-1]
    alone = [fleet.generate([request])[0].token_ids for request in asked[:4]]
    assert reversed_order == together
    assert alone == together[:4]
    # Sampling is random: other seeds give other completions.
    others = [GenerateRequest(r.prompt_ids, r.max_tokens, r.temperature, r.seed + 1000) for r in asked]
    assert [c.token_ids for c in fleet.generate(others)] != together


def test_requests_beyond_one_chunk_keep_their_order(fleet: Fleet, prompts: list[list[int]]) -> None:
    many = [GenerateRequest(prompts[i % 12], 1 + i % 4, 1.0, i) for i in range(70)]
    completions = fleet.generate(many)
    assert [len(c.token_ids) for c in completions] == [r.max_tokens for r in many]
    assert fleet.generate([]) == []


@pytest.mark.long
def test_a_failed_batch_does_not_affect_the_next(
    spec: EngineSpec, fleet: Fleet, prompts: list[list[int]]
) -> None:
    class Breaking(VLLMEngine):
        def break_off(self) -> None:
            engine = self.llm.llm_engine
            step, left = engine.step, iter(range(3))

            def steps() -> Any:
                if next(left, None) is None:
                    engine.step = step
                    raise RuntimeError("out of memory")
                return step()

            engine.step = steps

    actor = ray.remote(Breaking).options(num_cpus=0.1, runtime_env={"env_vars": spec.env}).remote(spec)
    ray.get(actor.break_off.remote(), timeout=TIMEOUT)
    with pytest.raises(RayTaskError, match="out of memory"):
        ray.get(actor.generate.remote(requests(prompts[:6]), 0))
    asked = requests(prompts[6:9])
    expected = [completion.token_ids for completion in fleet.generate(asked)]
    assert [completion.token_ids for completion in ray.get(actor.generate.remote(asked, 0))] == expected
    ray.kill(actor)


def test_published_weights_are_served(fleet: Fleet, prompts: list[list[int]]) -> None:
    # One prompt fills whole blocks of the prefix cache, which must be reset with the weights.
    prompts = [*prompts, [*chain(*prompts)][:400]]
    asked = score_requests(prompts, fleet.generate(requests(prompts)))
    before = logprobs(fleet, asked)
    model = perturb(load_reference(LAB_FOLDER), seed=1)
    # Like the learner, which does not send a tied head.
    weights = [(name, w.detach()) for name, w in model.state_dict().items() if name != "lm_head.weight"]
    assert len(weights) == len(model.state_dict()) - 1
    version = fleet.version + 5
    fleet.publish(version, weights)
    assert fleet.version == version
    after = logprobs(fleet, asked)
    assert_agree(after, [reference_logprobs(model, request) for request in asked])
    # The tolerance is small enough to tell old weights from new ones.
    with pytest.raises(AssertionError):
        assert_agree(after, before)
    completions = fleet.generate(requests(prompts))
    assert {c.version for c in completions} == {version}
    assert_agree([c.logprobs for c in completions], logprobs(fleet, score_requests(prompts, completions)))


def test_a_loaded_checkpoint_is_served(fleet: Fleet, prompts: list[list[int]], tmp_path: Path) -> None:
    model = perturb(load_reference(LAB_FOLDER), seed=2)
    model.save_pretrained(tmp_path)
    version = fleet.version
    fleet.load(tmp_path)
    assert fleet.version == version + 1
    asked = score_requests(prompts, fleet.generate(requests(prompts)))
    assert_agree(logprobs(fleet, asked), [reference_logprobs(model, request) for request in asked])
    fleet.load(LAB_FOLDER)
    original = load_reference(LAB_FOLDER)
    assert_agree(logprobs(fleet, asked), [reference_logprobs(original, request) for request in asked])


def test_a_fine_tuned_model_is_served_with_the_same_logprobs(
    fleet: Fleet, prompts: list[list[int]], tmp_path: Path
) -> None:
    """An adapter is merged into a model with tied embeddings and saved in 16 bits."""
    adapter = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    torch.manual_seed(0)
    adapted = get_peft_model(load_reference(LAB_FOLDER), adapter)
    adapted.save_pretrained(tmp_path / "checkpoint")
    save_model(tmp_path / "checkpoint", LAB_FOLDER, tmp_path / "model", "bfloat16", [2])
    saved = load_reference(tmp_path / "model")
    assert saved.lm_head.weight is saved.model.embed_tokens.weight
    asked = score_requests(prompts, fleet.generate(requests(prompts)))
    fleet.load(tmp_path / "model")
    served = logprobs(fleet, asked)
    assert_agree(served, [reference_logprobs(saved, request) for request in asked])
    # Rounding to 16 bits changes log-probs far less than the adapter does.
    difference = torch.tensor([*chain(*served)]) - torch.tensor(
        [value for request in asked for value in reference_logprobs(adapted, request)]
    )
    moved = torch.tensor([*chain(*served)]) - torch.tensor(
        [value for request in asked for value in reference_logprobs(load_reference(LAB_FOLDER), request)]
    )
    assert moved.abs().mean() > 20 * difference.abs().mean()


def test_a_request_for_another_version_is_refused(fleet: Fleet, prompts: list[list[int]]) -> None:
    engine, other = fleet.engines[0], fleet.version + 1
    message = f"request for weights version {other}, but this engine serves {fleet.version}"
    for call in (
        engine.generate.remote(requests(prompts[:2]), other),
        engine.score.remote([ScoreRequest(prompts[0], prompts[1])], other),
    ):
        with pytest.raises(RayTaskError, match=message):
            ray.get(call, timeout=TIMEOUT)


def heartbeats(fleet: Fleet) -> list[Heartbeat]:
    return ray.get([engine.heartbeat.remote() for engine in fleet.engines], timeout=TIMEOUT)


def kill(pid: int) -> None:
    psutil.Process(pid).kill()


def test_overlapping_calls_share_a_batch(fleet: Fleet, prompts: list[list[int]]) -> None:
    engine, asked = fleet.engines[0], requests(prompts[:8])
    expected = [c.token_ids for c in ray.get(engine.generate.remote(asked, fleet.version), timeout=TIMEOUT)]
    before = heartbeats(fleet)[0].steps
    (first, second) = ray.get(
        [engine.generate.remote(asked[i : i + 4], fleet.version) for i in (0, 4)], timeout=TIMEOUT
    )
    assert [c.token_ids for c in first + second] == expected
    assert heartbeats(fleet)[0].steps - before < sum(
        max(len(c.token_ids) for c in part) for part in (first, second)
    )


@pytest.mark.parametrize("victims", [1, pytest.param(2, marks=pytest.mark.long)])
def test_killed_engines_are_replaced_and_serve_the_published_weights(
    fleet: Fleet, prompts: list[list[int]], victims: int
) -> None:
    fleet.publish(fleet.version + 1, perturb(load_reference(LAB_FOLDER), seed=3).state_dict().items())
    asked = [replace(r, max_tokens=128) for r in requests(prompts) * 4]
    expected = fleet.generate(asked)
    pids = {heartbeat.pid for heartbeat in heartbeats(fleet)}
    killed = list(pids)[:victims]
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(fleet.generate, asked)
        while not any(heartbeat.working for heartbeat in heartbeats(fleet)):
            time.sleep(0.01)
        for pid in killed:
            kill(pid)
        assert [c.token_ids for c in answer.result(TIMEOUT)] == [c.token_ids for c in expected]
    # The other engines take over meanwhile.
    assert fleet.wait() is fleet
    deadline = time.monotonic() + TIMEOUT
    while {engine.state for engine in fleet.status()} != {"healthy"} and time.monotonic() < deadline:
        time.sleep(0.05)
    assert {heartbeat.version for heartbeat in heartbeats(fleet)} == {fleet.version}
    assert not {heartbeat.pid for heartbeat in heartbeats(fleet)} & set(killed)


def test_engine_status_is_exported_for_prometheus(fleet: Fleet, prompts: list[list[int]]) -> None:
    (node,) = ray.nodes()
    url = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
    fleet.load(LAB_FOLDER)
    of_one = r'.*engine="1",fleet="policy".* '
    version = f"ray_rewriter_agent_engine_version{of_one}{fleet.version}.0"
    # On a busy machine an engine may write less than one token a second, or none between two heartbeats.
    tokens = rf"ray_rewriter_agent_engine_tokens_per_second{of_one}(?!0\.0$)\d"
    deadline = time.monotonic() + TIMEOUT
    text = ""
    while not all(re.search(line, text, re.M) for line in (version, tokens)) and time.monotonic() < deadline:
        fleet.generate(requests(prompts))
        with urllib.request.urlopen(url, timeout=10) as response:
            text = response.read().decode()
    assert re.search(version, text)
    assert re.search(tokens, text, re.M)
    assert [(s.state, s.version, s.restarts >= 0) for s in fleet.status()] == [
        ("healthy", fleet.version, True)
    ] * 2


def test_another_process_uses_a_transferred_fleet(fleet: Fleet, prompts: list[list[int]]) -> None:
    # Nested, and so pickled by value: the other process cannot import the tests.
    @ray.remote(num_cpus=0)
    def drive(policy: Fleet, weights: Any, asked: list[GenerateRequest]) -> list[Completion]:
        policy.publish(9, weights)
        return policy.generate(asked)

    fleet.reset_to_base()
    expected = [c.token_ids for c in fleet.generate(requests(prompts))]
    weights = list(perturb(load_reference(LAB_FOLDER), seed=4).state_dict().items())
    with fleet.transfer():
        written = ray.get(drive.remote(fleet, weights, requests(prompts)), timeout=TIMEOUT)
    assert {c.version for c in written} == {9}
    assert [c.token_ids for c in written] != expected
    assert fleet.version == 0
    assert [c.token_ids for c in fleet.generate(requests(prompts))] == expected


def test_an_error_names_engines_that_cannot_be_placed_and_the_free_resources(
    spec: EngineSpec, fleet: Fleet
) -> None:
    greedy = replace(spec, num_cpus=64)
    never = Fleet.start(
        "backbone", greedy, 1, FleetSettings(HealthPolicy(start_seconds=1), heartbeat_seconds=0.2)
    )
    with pytest.raises(RuntimeError, match=r"fleet 'backbone'.* 64 CPU .*cluster\.timeout"):
        never.wait()


@pytest.mark.long
def test_an_engine_without_a_kernel_for_its_model_says_so_at_its_first_start(
    spec: EngineSpec, fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = AutoConfig.from_pretrained(LAB_FOLDER, head_dim=20)
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(LAB_FOLDER).save_pretrained(tmp_path)
    capsys.readouterr()
    never = Fleet.start("backbone", replace(spec, model=str(tmp_path)), 1, SETTINGS)
    with pytest.raises(EnginesNotStartedError, match=r"engine 0 did not start: .*head_dim=20"):
        never.wait()
    assert capsys.readouterr().out.count("did not start") == 1


def test_shutdown_kills_the_engines(fleet: Fleet) -> None:
    pids = [heartbeat.pid for heartbeat in heartbeats(fleet)]
    assert len(set(pids)) == 2
    assert all(psutil.pid_exists(pid) for pid in pids)
    fleet.shutdown()
    deadline = time.monotonic() + 30
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert fleet.engines == []
