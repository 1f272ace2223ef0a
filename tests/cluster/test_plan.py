"""The plan: what fits, what is refused and how the refusal reads."""

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cluster.config import ClusterConfig
from cluster.plan import Machine, Plan, Workload, engine_spec, make_plan, side_by_side

WORK = Workload(
    parameters=135_000_000,
    vocab_size=49_152,
    max_model_len=640,
    learner_batch=4,
    overlapped=False,
    sft_batch=2,
    sft_workers=2,
)
ROOMY = Machine(cpus=8, memory_gb=256, gpus=0)


def workload(**changed: int) -> Workload:
    return Workload(**{**vars(WORK), **changed})


def refusal(config: ClusterConfig, work: Workload, machine: Machine) -> str:
    with pytest.raises(ValueError, match="does not fit") as error:
        make_plan(config, work, machine)
    return str(error.value)


def reserved(plan: Plan, phase: str) -> float:
    return sum(role.count * role.num_cpus for role in plan.roles if role.phase == phase)


def test_too_many_engines_are_refused() -> None:
    message = refusal(ClusterConfig(engines=5), WORK, Machine(cpus=2, memory_gb=256))
    assert "role 'policy'" in message
    assert "5 x 1 thread(s) = 5 cores" in message
    assert "machine has 2 (3 short)" in message
    assert "Lower cluster.engines to 2." in message


def test_only_the_roles_that_will_start_need_room() -> None:
    config, machine = ClusterConfig(device="gpu"), Machine(cpus=8, memory_gb=64, gpus=1)
    assert "phase 'rollout' does not fit" in refusal(config, WORK, machine)
    plan = make_plan(config, WORK, machine, ("backbone",))
    assert [role.name for role in plan.roles] == ["backbone"]
    assert plan.phases == ["rollout"]
    assert make_plan(config, WORK, machine, ()).roles == ()


def test_learner_and_engines_that_work_at_once_share_the_cores() -> None:
    machine = Machine(cpus=8, memory_gb=256)
    for engines, threads in ((1, 2), (2, 2), (6, 1)):
        plan = make_plan(ClusterConfig(engines=engines), workload(overlapped=True), machine)
        assert {plan.role(name).threads for name in ("policy", "backbone", "learner")} == {threads}
    assert make_plan(ClusterConfig(), WORK, machine).role("learner").threads == 8


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


def test_where_one_key_is_not_enough_both_are_named() -> None:
    message = refusal(ClusterConfig(engines=9, threads=9), WORK, ROOMY)
    assert message.endswith("Lower cluster.engines and cluster.threads.")


def test_too_many_sft_workers_are_refused() -> None:
    message = refusal(ClusterConfig(threads=1), workload(sft_workers=3), Machine(cpus=2, memory_gb=256))
    assert "role 'sft'" in message
    assert "(1 short)" in message
    # cluster.threads has no say in what a fine-tuning worker takes.
    assert message.endswith("Lower sft.num_workers to 2.")


def test_too_little_memory_is_refused_by_phase_and_largest_role() -> None:
    message = refusal(ClusterConfig(), workload(learner_batch=64), Machine(cpus=8, memory_gb=16))
    assert "phase 'rollout'" in message
    assert "machine has 16.0 GiB" in message
    assert "largest role is 'learner'" in message
    assert "batch size" in message
    assert "model.max_model_len" in message


def test_memory_of_fine_tuning_is_checked_too() -> None:
    message = refusal(ClusterConfig(), workload(sft_batch=64), Machine(cpus=8, memory_gb=16))
    assert "phase 'sft'" in message
    assert "largest role is 'sft'" in message


def test_too_few_gpus_are_refused() -> None:
    message = refusal(ClusterConfig(device="gpu", engines=2), WORK, Machine(cpus=8, memory_gb=256, gpus=2))
    assert "phase 'rollout'" in message
    assert "policy 2 x 1, backbone 1 x 1, learner 1 x 1 = 4 GPUs" in message
    assert "cluster has 2 (2 short)" in message
    for key in ("cluster.engines", "cluster.scorers", "sft.num_workers", "cluster.device=cpu"):
        assert key in message


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
def test_what_is_planned_fits_the_cores(
    cpus: int, engines: int, scorers: int, workers: int, threads: int | None
) -> None:
    assume(max(engines, scorers) * (threads or 1) <= cpus)
    assume(workers <= cpus)
    config = ClusterConfig(engines=engines, scorers=scorers, threads=threads)
    plan = make_plan(config, workload(sft_workers=workers), Machine(cpus=cpus, memory_gb=1e6))
    assert all(role.count * role.threads <= cpus for role in plan.roles)
    assert all(role.num_cpus > 0 for role in plan.roles)
    # Ray takes fractions below one CPU only.
    assert all(role.num_cpus < 1 or role.num_cpus == int(role.num_cpus) for role in plan.roles)
    # Otherwise Ray would never place the last actor.
    assert reserved(plan, "rollout") <= cpus
    assert reserved(plan, "sft") <= cpus


def test_engines_share_all_cores_where_threads_are_not_given() -> None:
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
    assert (
        make_plan(ClusterConfig(device="gpu"), workload(learner_batch=64), small).role("learner").memory_gb
        == 0
    )


def test_an_engine_starts_with_its_roles_threads_and_resources() -> None:
    config = ClusterConfig(engines=2, kv_cache_gb=3, max_num_seqs=7)
    plan = make_plan(config, WORK, ROOMY)
    spec = engine_spec(config, plan.role("policy"), "folder", "bfloat16", 640)
    assert (spec.threads, spec.num_cpus, spec.num_gpus) == (4, 1, 0)
    assert (spec.max_num_seqs, spec.max_model_len, spec.kv_cache_gb) == (7, 640, 3)
    assert spec.env["OMP_NUM_THREADS"] == spec.env["MKL_NUM_THREADS"] == "4"


def test_an_encoder_is_a_role_only_where_the_reward_needs_one() -> None:
    assert "encoder" not in {role.name for role in make_plan(ClusterConfig(), WORK, ROOMY).roles}
    plan = make_plan(ClusterConfig(), workload(encoder_parameters=22_000_000), ROOMY)
    encoder = plan.role("encoder")
    assert (encoder.count, encoder.num_cpus, encoder.num_gpus) == (1, 0, 0)
    assert encoder.memory_gb == pytest.approx(1.08, abs=0.01)


def test_the_backbone_as_encoder_takes_a_gpu() -> None:
    work = workload(encoder_parameters=WORK.parameters, encoder_on_gpu=True)
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
        (Machine(cpus=8, memory_gb=10), 2, 9, (1, 4)),
    ],
)
def test_trainings_side_by_side_share_cores_and_memory(
    machine: Machine, workers: int, jobs: int, expected: tuple[int, int]
) -> None:
    plan = make_plan(ClusterConfig(), workload(sft_workers=workers), machine, {"sft"})
    assert side_by_side(plan, "sft", jobs) == expected


def test_trainings_side_by_side_share_gpus() -> None:
    plan = make_plan(ClusterConfig(device="gpu"), WORK, Machine(cpus=16, memory_gb=256, gpus=8), {"sft"})
    assert side_by_side(plan, "sft", 9)[0] == 4


def test_what_fine_tuning_keeps_beside_a_gpu_counts() -> None:
    machine = Machine(cpus=16, memory_gb=16, gpus=8)
    large = workload(parameters=7_000_000_000)
    make_plan(ClusterConfig(device="gpu"), large, machine, {"sft"})
    offloaded = workload(parameters=7_000_000_000, sft_offload=True)
    with pytest.raises(ValueError, match="phase 'sft' does not fit"):
        make_plan(ClusterConfig(device="gpu"), offloaded, machine, {"sft"})


def test_an_adapter_takes_less_and_an_anchor_more() -> None:
    def memory(**changed: int) -> float:
        return make_plan(ClusterConfig(), workload(**changed), ROOMY).role("sft").memory_gb

    assert memory(sft_adapter=True) < memory() < memory(sft_reference=True)
    assert (
        memory(sft_adapter=True) < memory(sft_adapter=True, sft_reference=True) < memory(sft_reference=True)
    )
