"""Engine and learner on one GPU: which machines, what each gets, and what does not fit."""

from dataclasses import replace
from typing import Any

import pytest

from cluster.config import ClusterConfig
from cluster.planning.colocation import ASLEEP_GB, FILLED_SHARE, colocates
from cluster.planning.machine import Machine
from cluster.planning.memory import sequence_gb
from cluster.planning.plan import Plan, engine_spec, make_plan
from cluster.planning.workload import ModelShape, TrainerWorkload, Workload

# Sizes of Mistral 7B and Qwen2.5 1.5B: linear_widths sums inputs and outputs of all linear layers.
MODEL_7B = ModelShape(
    7_250_000_000, 32_768, 32, 4096, 8, 128, 32 * (2 * 8192 + 2 * 5120 + 3 * (4096 + 14336))
)
MODEL_1_5B = ModelShape(
    1_540_000_000, 151_936, 28, 1536, 2, 128, 28 * (2 * 3072 + 2 * 1792 + 3 * (1536 + 8960))
)
ONE = Machine(cpus=16, memory_gb=128, gpus=1, gpu_memory_gb=79.2)
SHARED = ClusterConfig(device="gpu", colocate=True, enable_lora=True, scorers=0)
NAMES = ("policy", "learner")


def work(model: ModelShape = MODEL_7B, batch: int = 8, **changed: Any) -> Workload:
    trainer = TrainerWorkload(
        workers=1,
        batch=batch,
        length=2048,
        adapter_rank=16,
        checkpointing=True,
        group=8,
        completion=1024,
    )
    return Workload(
        model=model, max_model_len=2048, learner=trainer, sft=replace(trainer, group=0, batch=2), **changed
    )


def plan(workload: Workload, machine: Machine = ONE, config: ClusterConfig = SHARED) -> Plan:
    return make_plan(config, workload, [machine])


@pytest.mark.parametrize(("model", "gpu_gb"), [(MODEL_7B, 79.2), (MODEL_1_5B, 23.6)])
def test_a_whole_run_with_adapters_is_planned_on_one_gpu(model: ModelShape, gpu_gb: float) -> None:
    found = plan(work(model, batch=4), replace(ONE, gpu_memory_gb=gpu_gb))
    policy, learner = (found.role(name) for name in NAMES)
    assert 0 < policy.num_gpus + learner.num_gpus <= 1
    assert found.num_gpus("rollout") == found.num_gpus("sft") == 1
    assert policy.gpu.kv_cache > 8 * sequence_gb(SHARED, work(model))
    resident = learner.gpu.weights + learner.gpu.optimizer + learner.gpu.other
    assert policy.gpu.total + resident <= FILLED_SHARE * gpu_gb + 1e-6
    assert ASLEEP_GB + learner.gpu.total <= gpu_gb


def test_an_engine_that_sleeps_has_more_memory_when_it_works() -> None:
    turns, at_once = (plan(work(overlapped=overlapped)).role("policy") for overlapped in (False, True))
    assert (turns.sleeps, at_once.sleeps) == (True, False)
    learner = plan(work()).role("learner").gpu
    # Weights and optimizer stay on the GPU in any case.
    freed = learner.activations + learner.gradients
    assert turns.gpu.kv_cache - at_once.gpu.kv_cache == pytest.approx(freed)
    assert turns.host.weights == turns.gpu.weights > at_once.host.weights == 0


def test_an_engine_gets_at_most_its_configured_share() -> None:
    small = SHARED.model_copy(update={"gpu_memory_utilization": 0.3})
    policy = plan(work(), config=small).role("policy")
    assert policy.gpu_memory_utilization == 0.3
    spec = engine_spec(small, policy, "folder", "bfloat16", 2048, (2,), 16)
    assert (spec.gpu_memory_utilization, spec.sleep_mode, spec.num_gpus) == (0.3, True, policy.num_gpus)


def test_a_role_that_starts_alone_has_the_whole_gpu() -> None:
    policy = make_plan(SHARED, work(), [ONE], {"policy"}).role("policy")
    assert (policy.num_gpus, policy.sleeps) == (1, False)
    assert policy.gpu_memory_utilization == SHARED.gpu_memory_utilization


def test_an_encoder_on_the_gpu_takes_its_part() -> None:
    found = plan(work(MODEL_1_5B, encoder_parameters=MODEL_1_5B.parameters, encoder_on_gpu=True))
    assert [found.role(name).num_gpus for name in (*NAMES, "encoder")] == [0.333] * 3
    without = plan(work(MODEL_1_5B)).role("policy")
    assert found.role("policy").gpu_memory_utilization <= without.gpu_memory_utilization
    assert found.num_gpus("rollout") == 1


def test_limits_name_both_turns() -> None:
    names = [limit.name for limit in plan(work()).limits]
    assert "policy, learner on one GPU, the engine working" in names
    assert "policy, learner on one GPU, the learner working" in names
    assert "role policy, memory of a GPU" not in names
    at_once = [limit.name for limit in plan(work(overlapped=True)).limits]
    assert "policy, learner on one GPU" in at_once


def test_a_model_that_is_too_large_for_both_is_refused() -> None:
    with pytest.raises(ValueError, match=r"role 'policy' does not fit: .*cluster\.colocate=false"):
        plan(work(), replace(ONE, gpu_memory_gb=23.6))


def test_a_batch_that_leaves_no_room_for_a_sleeping_engine_is_refused() -> None:
    def refusal(batch: int) -> str | None:
        try:
            plan(work(batch=batch))
        except ValueError as error:
            return str(error)
        return None

    refusals = [message for batch in range(8, 400, 8) if (message := refusal(batch))]
    assert refusals[0].startswith("cluster.colocate: policy, learner on one GPU, the learner working: about")
    assert "Lower train.per_device_train_batch_size" in refusals[0]


def test_a_gpu_of_unknown_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"set cluster\.gpu_memory_gb"):
        plan(work(), replace(ONE, gpu_memory_gb=None))
    known = SHARED.model_copy(update={"gpu_memory_gb": 79.2})
    assert plan(work(), replace(ONE, gpu_memory_gb=None), known) == plan(work())


@pytest.mark.parametrize(
    ("given", "gpus", "expected"),
    [
        ({}, [1], True),
        ({}, [1, 0], True),
        ({}, [2], False),
        ({}, [1, 1], False),
        ({}, [0], False),
        ({"engines": 2}, [1], False),
        ({"device": "cpu"}, [1], False),
        ({"colocate": False}, [1], False),
        ({"colocate": True}, [8], True),
    ],
)
def test_one_gpu_in_all_is_shared_by_default(given: dict[str, Any], gpus: list[int], expected: bool) -> None:
    config = ClusterConfig.model_validate({"device": "gpu"} | given)
    assert colocates(config, [replace(ONE, gpus=count) for count in gpus]) is expected


def test_a_7b_model_in_4_bits_is_learned_beside_its_engine_on_a_small_gpu() -> None:
    small = replace(ONE, gpu_memory_gb=31.5)
    with pytest.raises(ValueError, match="does not fit"):
        plan(work(batch=8), small)
    quantized = work(batch=8)
    quantized = replace(
        quantized,
        learner=replace(quantized.learner, load_in_4bit=True),
        sft=replace(quantized.sft, load_in_4bit=True),
    )
    found = plan(quantized, small)
    # Embeddings and head stay in 16 bits.
    whole = 2 * MODEL_7B.vocab_size * MODEL_7B.hidden_size
    gib = (2 * whole + 0.52 * (MODEL_7B.parameters - whole)) / 2**30
    adapter = 4 * 16 * MODEL_7B.linear_widths / 2**30
    assert found.role("learner").gpu.weights == pytest.approx(gib + adapter)
    assert found.role("learner").host.weights == pytest.approx(2 * MODEL_7B.parameters / 2**30)
