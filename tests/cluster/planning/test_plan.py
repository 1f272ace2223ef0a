"""The plan: layouts that fit, layouts that do not, and the messages."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cluster.config import ClusterConfig
from cluster.planning.machine import Machine, machines_from_ray, parse_machines
from cluster.planning.memory import activations
from cluster.planning.plan import Plan, concurrent_jobs, engine_spec
from cluster.planning.plan import make_plan as plan_for
from cluster.planning.workload import ModelShape, TrainerWorkload, Workload

SMOLLM2 = ModelShape(135_000_000, 49_152, 30, 576, 3, 64, 30 * (11 * 576 + 3 * 1536))
LARGE = replace(SMOLLM2, parameters=7_000_000_000, layers=32, kv_heads=8, head_size=128)
WORK = Workload(
    model=SMOLLM2,
    max_model_len=640,
    learner=TrainerWorkload(workers=1, batch=4, length=640, adapter_rank=16),
    sft=TrainerWorkload(workers=2, batch=2, length=640),
)
ROOMY = Machine(cpus=8, memory_gb=256, gpus=0)
GPU_NODE = Machine(cpus=64, memory_gb=512, gpus=8, gpu_memory_gb=80)


def make_plan(
    config: ClusterConfig, work: Workload, machine: Machine, roles: Collection[str] | None = None
) -> Plan:
    return plan_for(config, work, [machine], roles)


def workload(sft: dict[str, Any] | None = None, learner_batch: int = 4, **changed: Any) -> Workload:
    """`WORK` with changes."""
    learner = replace(WORK.learner, batch=learner_batch)
    return replace(WORK, learner=learner, sft=replace(WORK.sft, **(sft or {})), **changed)


def refusal(
    config: ClusterConfig, work: Workload, *machines: Machine, roles: Collection[str] | None = None
) -> str:
    with pytest.raises(ValueError, match="does not fit") as error:
        plan_for(config, work, machines, roles)
    return str(error.value)


def reserved(plan: Plan, phase: str) -> float:
    return sum(role.count * role.num_cpus for role in plan.roles if role.phase == phase)


def test_too_many_engines_are_refused() -> None:
    message = refusal(ClusterConfig(engines=5), WORK, Machine(cpus=2, memory_gb=256))
    assert "role 'policy'" in message
    assert "5 x 1 thread(s) = 5 cores" in message
    assert "machine has 2 (3 short)" in message
    assert "Lower cluster.engines to 2." in message


def test_only_roles_that_will_start_are_checked() -> None:
    config, machine = ClusterConfig(device="gpu"), Machine(cpus=8, memory_gb=64, gpus=1)
    assert "phase 'rollout' does not fit" in refusal(config, WORK, machine)
    plan = make_plan(config, WORK, machine, ("backbone",))
    assert [role.name for role in plan.roles] == ["backbone"]
    assert plan.phases == ["rollout"]
    assert make_plan(config, WORK, machine, ()).roles == ()


def test_a_student_is_served_if_it_is_named_and_is_no_role_of_a_run() -> None:
    work = workload(students=1)
    assert make_plan(ClusterConfig(), work, ROOMY, ("backbone", "student")).role("student").count == 1
    assert "student" not in [role.name for role in make_plan(ClusterConfig(), work, ROOMY).roles]
    message = refusal(
        ClusterConfig(device="gpu"), work, replace(GPU_NODE, gpus=2), roles=("backbone", "policy", "student")
    )
    assert "policy 1 x 1, backbone 1 x 1, student 1 x 1 = 3 GPUs" in message


def test_learner_and_engines_that_work_at_once_share_the_cores() -> None:
    machine = Machine(cpus=8, memory_gb=256)
    for engines, threads in ((1, 2), (2, 2), (6, 1)):
        plan = make_plan(ClusterConfig(engines=engines), workload(overlapped=True), machine)
        assert {plan.role(name).threads for name in ("policy", "backbone", "learner")} == {threads}
    assert make_plan(ClusterConfig(), WORK, machine).role("learner").threads == 8


def test_two_cores_are_enough_for_learner_and_engines_at_once() -> None:
    plan = make_plan(ClusterConfig(), workload(overlapped=True), Machine(cpus=2, memory_gb=64))
    assert [role.threads for role in plan.roles_in("rollout")] == [1, 1, 1]


def test_too_many_scorers_are_refused_with_the_given_threads() -> None:
    message = refusal(ClusterConfig(scorers=3, threads=4), WORK, ROOMY)
    assert "role 'backbone'" in message
    assert "(4 short)" in message
    assert "Lower cluster.scorers to 2 or cluster.threads to 2." in message


def test_too_many_threads_of_a_single_engine_name_only_threads() -> None:
    message = refusal(ClusterConfig(threads=9), WORK, ROOMY)
    assert "(1 short)" in message
    assert "Lower cluster.threads to 8." in message
    assert "cluster.engines" not in message


def test_both_keys_are_named_if_one_is_not_enough() -> None:
    message = refusal(ClusterConfig(engines=9, threads=9), WORK, ROOMY)
    assert message.endswith("Lower cluster.engines and cluster.threads.")


def test_too_many_sft_workers_are_refused() -> None:
    message = refusal(ClusterConfig(threads=1), workload({"workers": 3}), Machine(cpus=2, memory_gb=256))
    assert "role 'sft'" in message
    assert "(1 short)" in message
    # cluster.threads does not apply to fine-tuning workers.
    assert message.endswith("Lower sft.num_workers to 2.")


def test_too_little_memory_is_refused_by_phase_and_largest_role() -> None:
    message = refusal(ClusterConfig(), workload(learner_batch=64), Machine(cpus=8, memory_gb=16))
    assert "phase 'rollout'" in message
    assert "machine has 16.0 GiB" in message
    assert "largest role is 'learner'" in message
    assert "batch size" in message
    assert "model.max_model_len" in message


def test_memory_of_fine_tuning_is_checked_too() -> None:
    message = refusal(ClusterConfig(), workload({"batch": 64}), Machine(cpus=8, memory_gb=16))
    assert "phase 'sft'" in message
    assert "largest role is 'sft'" in message


def test_too_few_gpus_are_refused() -> None:
    message = refusal(ClusterConfig(device="gpu", engines=2), WORK, Machine(cpus=8, memory_gb=256, gpus=2))
    assert "phase 'rollout'" in message
    assert "policy 2 x 1, backbone 1 x 1, learner 1 x 1 = 4 GPUs" in message
    assert "cluster has 2 (2 short)" in message
    for key in ("cluster.engines", "cluster.scorers", "sft.num_workers", "cluster.device=cpu"):
        assert key in message
    one = refusal(ClusterConfig(device="gpu", engines=2), WORK, Machine(cpus=8, memory_gb=256, gpus=1))
    assert "One GPU holds a run with cluster.engines=1" in one


def test_tensor_parallel_engines_take_their_gpus() -> None:
    config = ClusterConfig(device="gpu", tensor_parallel_size=2)
    assert "(1 short)" in refusal(config, WORK, Machine(cpus=8, memory_gb=256, gpus=4))
    plan = make_plan(config, WORK, Machine(cpus=8, memory_gb=256, gpus=5))
    assert [plan.role(name).num_gpus for name in ("policy", "backbone", "learner")] == [2, 2, 1]


@given(
    cpus=st.integers(1, 200),
    engines=st.integers(1, 16),
    scorers=st.integers(1, 16),
    workers=st.integers(1, 16),
    threads=st.none() | st.integers(1, 16),
)
# Three roles of two thirds of a core each.
@example(cpus=2, engines=1, scorers=1, workers=2, threads=None)
def test_a_plan_fits_the_cores(
    cpus: int, engines: int, scorers: int, workers: int, threads: int | None
) -> None:
    assume(max(engines, scorers) * (threads or 1) <= cpus)
    assume(workers <= cpus)
    config = ClusterConfig(engines=engines, scorers=scorers, threads=threads)
    plan = make_plan(config, workload({"workers": workers}), Machine(cpus=cpus, memory_gb=1e6))
    assert all(role.count * role.threads <= cpus for role in plan.roles)
    assert all(role.num_cpus > 0 for role in plan.roles)
    # Ray takes fractions below one CPU only.
    assert all(role.num_cpus < 1 or role.num_cpus == int(role.num_cpus) for role in plan.roles)
    # Otherwise Ray could not place the last actor.
    assert reserved(plan, "rollout") <= cpus
    assert reserved(plan, "sft") <= cpus


def test_engines_share_all_cores_by_default() -> None:
    plan = make_plan(ClusterConfig(engines=2, scorers=1), WORK, ROOMY)
    assert (plan.role("policy").threads, plan.role("backbone").threads) == (4, 8)
    assert (plan.role("sft").count, plan.role("sft").threads) == (2, 4)


def test_roles_that_work_in_turns_reserve_a_third_of_their_threads() -> None:
    plan = make_plan(ClusterConfig(threads=6), WORK, ROOMY)
    assert plan.role("policy").num_cpus == 2
    assert make_plan(ClusterConfig(threads=1), WORK, ROOMY).role("policy").num_cpus == pytest.approx(
        1 / 3, abs=1e-3
    )


def test_gpu_memory_is_not_counted_as_host_memory() -> None:
    small = Machine(cpus=8, memory_gb=16, gpus=3)
    learner = make_plan(ClusterConfig(device="gpu"), workload(learner_batch=64), small).role("learner")
    assert learner.gpu.activations > 16 > learner.memory_gb
    assert learner.host.activations == 0


def test_an_engine_starts_with_its_roles_threads_and_resources() -> None:
    config = ClusterConfig(engines=2, kv_cache_gb=3, max_num_seqs=7)
    plan = make_plan(config, WORK, ROOMY)
    spec = engine_spec(config, plan.role("policy"), "folder", "bfloat16", 640, (2,))
    assert (spec.threads, spec.num_cpus, spec.num_gpus) == (4, 1, 0)
    assert (spec.max_num_seqs, spec.max_model_len, spec.kv_cache_gb) == (7, 640, 3)
    assert spec.env["OMP_NUM_THREADS"] == spec.env["MKL_NUM_THREADS"] == "4"


def test_an_encoder_is_a_role_only_if_the_reward_needs_one() -> None:
    assert "encoder" not in {role.name for role in make_plan(ClusterConfig(), WORK, ROOMY).roles}
    plan = make_plan(ClusterConfig(), workload(encoder_parameters=22_000_000), ROOMY)
    encoder = plan.role("encoder")
    assert (encoder.count, encoder.num_cpus, encoder.num_gpus) == (1, 0, 0)
    assert encoder.memory_gb == pytest.approx(1.08, abs=0.01)


def test_the_backbone_as_encoder_takes_a_gpu() -> None:
    work = workload(encoder_parameters=SMOLLM2.parameters, encoder_on_gpu=True)
    plan = make_plan(ClusterConfig(device="gpu"), work, Machine(cpus=8, memory_gb=256, gpus=4))
    assert plan.role("encoder").num_gpus == 1
    message = refusal(ClusterConfig(device="gpu"), work, Machine(cpus=8, memory_gb=256, gpus=3))
    assert "encoder 1 x 1" in message


@pytest.mark.parametrize(
    ("machine", "workers", "jobs", "expected"),
    [
        (Machine(cpus=2, memory_gb=256), 2, 9, (1, 1)),
        (Machine(cpus=8, memory_gb=256), 2, 9, (4, 1)),
        (Machine(cpus=8, memory_gb=256), 2, 2, (2, 2)),
        (Machine(cpus=8, memory_gb=256), 1, 1, (1, 8)),
        (Machine(cpus=8, memory_gb=14), 2, 9, (1, 4)),
    ],
)
def test_concurrent_trainings_share_cores_and_memory(
    machine: Machine, workers: int, jobs: int, expected: tuple[int, int]
) -> None:
    plan = make_plan(ClusterConfig(), workload({"workers": workers}), machine, {"sft"})
    assert concurrent_jobs(plan, "sft", jobs) == expected


def test_concurrent_trainings_share_gpus() -> None:
    plan = make_plan(ClusterConfig(device="gpu"), WORK, Machine(cpus=16, memory_gb=256, gpus=8), {"sft"})
    assert concurrent_jobs(plan, "sft", 9)[0] == 4


def test_host_memory_of_offloaded_states_counts() -> None:
    machine = Machine(cpus=16, memory_gb=32, gpus=8)
    make_plan(ClusterConfig(device="gpu"), workload(model=LARGE), machine, {"sft"})
    offloaded = workload({"offload": True}, model=LARGE)
    with pytest.raises(ValueError, match="phase 'sft' does not fit"):
        make_plan(ClusterConfig(device="gpu"), offloaded, machine, {"sft"})


def test_an_adapter_takes_less_and_an_anchor_more() -> None:
    def memory(**changed: Any) -> float:
        return make_plan(ClusterConfig(), workload(changed), ROOMY).role("sft").memory_gb

    adapter = {"adapter_rank": 8}
    assert memory(**adapter) < memory() < memory(reference=True)
    assert memory(**adapter) < memory(**adapter, reference=True) < memory(reference=True)


def test_a_learner_has_the_states_of_its_adapter_only() -> None:
    memory = make_plan(ClusterConfig(), WORK, ROOMY).role("learner").host
    adapter = 16 * SMOLLM2.linear_widths / 2**30
    # In 32 bits: gradients, and two moments.
    assert (memory.gradients, memory.optimizer) == pytest.approx((4 * adapter, 8 * adapter))


def test_states_of_fine_tuning_are_shared_by_its_workers() -> None:
    def states(workers: int, weight_bytes: int) -> tuple[float, float]:
        work = workload({"workers": workers, "weight_bytes": weight_bytes})
        memory = make_plan(ClusterConfig(), work, ROOMY).role("sft").host
        return memory.gradients, memory.optimizer

    gib = SMOLLM2.parameters / 2**30
    # Gradients in the precision of the weights; two moments and DeepSpeed's copy of the weights in 32 bits.
    assert states(1, 2) == pytest.approx((2 * gib, 12 * gib))
    assert states(2, 2) == pytest.approx((gib, 6 * gib))
    assert states(1, 4) == pytest.approx((4 * gib, 12 * gib))


def test_only_several_workers_gather_weights() -> None:
    def weights(**changed: Any) -> float:
        return make_plan(ClusterConfig(), workload(changed), ROOMY).role("sft").host.weights

    gib = 2 * SMOLLM2.parameters / 2**30
    assert weights(workers=1) == pytest.approx(gib)
    # Its part, and the whole that a layer's passes gather.
    assert weights(workers=2) == pytest.approx(gib / 2 + gib)
    assert weights(workers=1, offload=True) == pytest.approx(2 * gib)


def test_the_optimizers_step_takes_the_place_of_few_activations() -> None:
    # Of 16-bit gradients, one piece and its copy in 32 bits: six bytes a parameter.
    large = replace(SMOLLM2, parameters=1_000_000_000)
    few = workload({"workers": 1, "batch": 1, "length": 8}, model=large)
    assert make_plan(ClusterConfig(), few, ROOMY).role("sft").host.activations == pytest.approx(6e9 / 2**30)
    many = workload({"workers": 1, "batch": 64}, model=large)
    assert make_plan(ClusterConfig(), many, ROOMY).role("sft").host.activations == activations(
        large, many.sft, on_gpu=False
    )


def test_checkpointing_and_shared_rows_take_less_activations() -> None:
    def of(**changed: Any) -> float:
        return activations(SMOLLM2, replace(WORK.sft, **changed), on_gpu=True)

    assert of(checkpointing=True) < of()
    assert of(sp_size=2) == pytest.approx(of() / 2)
    assert of(length=1280) == pytest.approx(2 * of())
    # The head's buffer: 2 rows of 640 tokens by 32,768 logits of 16 bits.
    layers = 2 * 2 * 640 * SMOLLM2.linear_widths
    assert of() * 2**30 == pytest.approx(layers + 1280 * 32_768 * 2)
    # It is not larger for more than 4,096 tokens.
    assert of(length=3200) * 2**30 == pytest.approx(5 * layers + 4096 * 32_768 * 2)


def test_on_a_cpu_the_head_takes_more_for_a_larger_vocabulary() -> None:
    def head(vocabulary: int) -> float:
        model = replace(SMOLLM2, vocab_size=vocabulary)
        both = [activations(model, WORK.sft, on_gpu) for on_gpu in (False, True)]
        return (both[0] - both[1]) * 2**30

    # A second buffer of 16 bits, and seven tensors of 32 bits and one of a byte, as large as a tile of logits.
    buffer = 2 * 1280 * 32_768
    assert head(512) == pytest.approx(buffer + 29 * 1280 * 512)
    assert head(32_768) == head(49_152) == pytest.approx(buffer + 29 * 1280 * 32_768)


def test_divergences_need_all_logits_of_model_and_reference() -> None:
    anchored = replace(WORK.sft, reference=True)
    layers, logits = 2 * 1280 * SMOLLM2.linear_widths, 12 * 1280 * SMOLLM2.vocab_size
    assert activations(SMOLLM2, anchored, on_gpu=True) * 2**30 == pytest.approx(2 * (layers + logits))


def test_a_shared_prompt_takes_memory_once() -> None:
    def of(batch: int, group: int) -> tuple[int, int]:
        training = replace(WORK.learner, batch=batch, length=640, group=group, completion=128)
        return training.tokens, training.predicted

    assert of(4, 0) == (4 * 640, 4 * 640)
    assert of(4, 4) == (4 * 128 + 512, 4 * 128)
    assert of(16, 4) == (16 * 128 + 4 * 512, 16 * 128)
    assert of(2, 4) == (2 * 128 + 512, 2 * 128)
    # Of three groups: the ends of two and a whole one.
    assert of(6, 4) == (6 * 128 + 3 * 512, 6 * 128)


def test_rows_with_a_shared_prompt_have_an_attention_mask() -> None:
    shared = replace(WORK.learner, batch=8, length=640, group=4, completion=128)
    # Two rows: a prompt of 512 tokens, and four completions.
    assert (shared.prompts, shared.row) == (2, 1024)

    def masks(on_gpu: bool, checkpointing: bool = False) -> float:
        training = replace(shared, checkpointing=checkpointing)
        widths = SMOLLM2.linear_widths
        kept = widths // SMOLLM2.layers + SMOLLM2.hidden_size * SMOLLM2.layers if checkpointing else widths
        head = 8 * 128 * 32_768 * (2 if on_gpu else 2 * 2 + 29)
        return activations(SMOLLM2, training, on_gpu) * 2**30 - 2 * (2 * 1024) * kept - head

    # A byte of truth values, and two of a summand: in each layer on a GPU, and of one at a time with checkpointing.
    assert masks(on_gpu=False) == pytest.approx(2 * 1024**2 * (1 + 2))
    assert masks(on_gpu=True) == pytest.approx(2 * 1024**2 * (1 + 2 * SMOLLM2.layers))
    assert masks(on_gpu=True, checkpointing=True) == pytest.approx(2 * 1024**2 * (1 + 2))


def test_a_gpus_share_goes_to_weights_first_and_to_the_kv_cache_then() -> None:
    config = ClusterConfig(device="gpu", gpu_memory_utilization=0.5)
    engine = make_plan(config, workload(model=LARGE), GPU_NODE).role("policy").gpu
    assert engine.weights == pytest.approx(14e9 / 2**30)
    assert engine.weights + engine.kv_cache + engine.activations == pytest.approx(0.5 * 80)
    half = make_plan(
        ClusterConfig(device="gpu", tensor_parallel_size=2), workload(model=LARGE), GPU_NODE
    ).role("policy")
    assert half.gpu.weights == pytest.approx(engine.weights / 2)


def test_an_engine_that_cannot_hold_one_sequence_is_refused() -> None:
    small = replace(GPU_NODE, gpu_memory_gb=15)
    message = refusal(ClusterConfig(device="gpu"), workload(model=LARGE), small)
    assert "role 'policy' does not fit: of 0.85 x 15.0 GiB" in message
    assert "one sequence of 640 tokens takes 0.1" in message
    assert "Raise cluster.tensor_parallel_size" in message


def test_scoring_memory_outside_an_engines_share_is_checked() -> None:
    config = ClusterConfig(device="gpu", gpu_memory_utilization=0.98)
    message = refusal(config, WORK, GPU_NODE)
    assert "role 'backbone' does not fit: about" in message
    assert "on each GPU, which has 80.0" in message
    assert "Lower cluster.gpu_memory_utilization" in message


@pytest.mark.parametrize(
    ("work", "role", "advice"),
    [
        (workload(learner_batch=256), "learner", "train.gradient_checkpointing=true"),
        (workload({"batch": 256}), "sft", "sft.gradient_checkpointing=true"),
    ],
)
def test_a_batch_that_is_too_large_for_a_gpu_is_refused(work: Workload, role: str, advice: str) -> None:
    message = refusal(ClusterConfig(device="gpu"), work, GPU_NODE)
    assert f"role '{role}' does not fit" in message
    assert advice in message


def test_a_gpu_of_unknown_size_is_not_checked_unless_the_config_says_it() -> None:
    unknown, work = replace(GPU_NODE, gpu_memory_gb=None), workload(learner_batch=256)
    plan = make_plan(ClusterConfig(device="gpu"), work, unknown)
    assert all("GPU" not in limit.name for limit in plan.limits)
    assert "role 'learner'" in refusal(ClusterConfig(device="gpu", gpu_memory_gb=80), work, unknown)


def test_published_weights_are_kept_twice_on_each_machine() -> None:
    whole = make_plan(ClusterConfig(), WORK, ROOMY)
    assert whole.store_gb == pytest.approx(2 * 2 * SMOLLM2.parameters / 2**30)
    assert make_plan(ClusterConfig(), WORK, ROOMY, {"backbone"}).store_gb == 0
    assert make_plan(ClusterConfig(), WORK, ROOMY, {"sft"}).store_gb == 0


def test_the_tightest_limit_is_named_first() -> None:
    plan = make_plan(ClusterConfig(device="gpu"), workload(learner_batch=64), GPU_NODE)
    assert [limit.name for limit in plan.limits][:2] == [
        "role backbone, memory of a GPU",
        "role policy, memory of a GPU",
    ]
    shares = [limit.share for limit in plan.limits]
    assert shares == sorted(shares, reverse=True)
    assert str(plan.limits[0]).endswith("of 80.0 GiB (88%)")
    assert make_plan(ClusterConfig(), WORK, ROOMY).limits[0].name == "phase rollout, memory of the machine"


def test_no_process_is_spread_over_two_machines() -> None:
    config = ClusterConfig(device="gpu", tensor_parallel_size=4)
    node = replace(GPU_NODE, gpus=6)
    message = refusal(config, WORK, node, replace(node, gpus=3))
    assert "does not fit: none of 2 machines has capacity for process" in message
    assert "missing: GPUs" in message
    plan = plan_for(config, WORK, [node, replace(node, gpus=8)])
    assert [sum(node.processes.values()) for node in plan.allocations["rollout"]] == [1, 2]


def test_threads_fit_on_each_machine() -> None:
    pair = [Machine(cpus=3, memory_gb=64), Machine(cpus=5, memory_gb=64)]
    for engines, threads in ((1, 5), (2, 3), (3, 2), (4, 1), (8, 1)):
        plan = plan_for(ClusterConfig(engines=engines), WORK, pair)
        assert plan.role("policy").threads == threads
    assert "9 x 1 thread(s) = 9 cores" in refusal(ClusterConfig(engines=9), WORK, *pair)


def test_dead_nodes_are_no_machines() -> None:
    gib = 2**30
    cpu = {"CPU": 4.0, "memory": 6.0 * gib, "object_store_memory": 2.0 * gib}
    nodes = [
        {"Alive": True, "Resources": cpu, "Labels": {}},
        {"Alive": False, "Resources": cpu, "Labels": {}},
        {"Alive": True, "Resources": {**cpu, "GPU": 8.0}, "Labels": {"ray.io/accelerator-type": "H100"}},
        {"Alive": True, "Resources": {**cpu, "GPU": 8.0}, "Labels": {"ray.io/accelerator-type": "A100"}},
    ]
    found = machines_from_ray(nodes)
    assert [(m.cpus, m.memory_gb, m.gpus, m.gpu_memory_gb) for m in found] == [
        (4, 8.0, 0, None),
        (4, 8.0, 8, 79.2),
        (4, 8.0, 8, None),
    ]
    assert found[1].labels == {"ray.io/accelerator-type": "H100"}


@pytest.mark.parametrize(
    ("wanted", "labels", "expected"),
    [
        ("a", {"pool": "a"}, True),
        ("a", {"pool": "b"}, False),
        ("a", {}, False),
        ("!a", {"pool": "b"}, True),
        ("!a", {"pool": "a"}, False),
        ("in(a, b)", {"pool": "b"}, True),
        ("in(a, b)", {"pool": "c"}, False),
        ("!in(a,b)", {"pool": "c"}, True),
        ("!in(a,b)", {"pool": "b"}, False),
    ],
)
def test_labels_are_asked_for_in_rays_syntax(wanted: str, labels: dict[str, str], expected: bool) -> None:
    assert Machine(4, 8.0, labels=labels).has_labels({"pool": wanted}) is expected


def test_a_role_goes_to_machines_with_its_labels() -> None:
    machines = [ROOMY, replace(ROOMY, labels={"pool": "trainers"})]
    config = ClusterConfig(label_selector={"learner": {"pool": "trainers"}, "policy": {"pool": "!trainers"}})
    first, second = plan_for(config, WORK, machines).allocations["rollout"]
    assert first.processes["policy"] == second.processes["learner"] == 1
    assert "missing: labels" in refusal(config, WORK, machines[0])


@pytest.mark.parametrize(
    ("text", "machines"),
    [
        ("cpus=4,memory=16", [Machine(4, 16)]),
        ("2 x cpus=64, memory=512, gpus=8, gpu_memory=80", [GPU_NODE, GPU_NODE]),
    ],
)
def test_a_description_of_machines_is_parsed(text: str, machines: list[Machine]) -> None:
    assert parse_machines(text) == machines


@pytest.mark.parametrize(
    "text",
    [
        "",
        "cpus=4",
        "cpus=0,memory=4",
        "cpus=four,memory=4",
        "0 x cpus=4,memory=4",
        "cpus=4,memory=4,gpu=1",
        "2 cpus",
        "cpus=4,memory=-4",
        "cpus=4,memory=nan",
        "cpus=4,memory=4,gpus=-1",
        "cpus=4,memory=4,gpus=1,gpu_memory=-80",
    ],
)
def test_an_invalid_description_of_machines_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"describes no machines; write cpus=64,memory=512"):
        parse_machines(text)


SHARED = ClusterConfig(enable_lora=True, scorers=0)


def test_engines_that_serve_the_backbone_too_have_memory_to_score() -> None:
    gpus = SHARED.model_copy(update={"device": "gpu"})
    policy = make_plan(gpus, WORK, GPU_NODE, {"policy", "learner"}).role("policy")
    apart = make_plan(ClusterConfig(device="gpu"), WORK, GPU_NODE)
    assert (
        policy.gpu.activations
        == apart.role("backbone").gpu.activations
        > apart.role("policy").gpu.activations
    )
    # Of rank 16, at two bytes.
    room = 2 * 16 * SMOLLM2.linear_widths / 2**30
    assert policy.gpu.weights == pytest.approx(apart.role("policy").gpu.weights + room)


def test_shared_engines_are_the_only_engines() -> None:
    plan = make_plan(SHARED, WORK, ROOMY)
    assert [role.name for role in plan.roles_in("rollout")] == ["policy", "learner"]
    # Adapters are read from the run folder.
    assert plan.store_gb == 0


def test_an_adapter_of_a_rank_that_no_engine_serves_is_refused() -> None:
    work = replace(WORK, learner=replace(WORK.learner, adapter_rank=1024))
    with pytest.raises(ValueError, match=r"lower train\.lora\.r, or set cluster\.enable_lora=false"):
        make_plan(SHARED, work, ROOMY)
    assert make_plan(ClusterConfig(), work, ROOMY)


def test_processes_kept_to_some_machines_share_the_cores_of_those() -> None:
    machines = [ROOMY, replace(ROOMY, labels={"pool": "trainers"})]
    apart = ClusterConfig(label_selector={"sft": {"pool": "trainers"}})
    assert plan_for(ClusterConfig(), WORK, machines).role("sft").threads == 8
    assert plan_for(apart, WORK, machines).role("sft").threads == 4
