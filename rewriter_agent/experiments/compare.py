"""`rewriter-agent compare`: strategies side by side on the same problems, at equal rollouts a problem."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Literal

from cluster.session import connect
from reward.alignment import tail_fraction
from rewriter_agent.config import RunConfig, make_config
from rewriter_agent.config.method import SELF_TRAIN, trains_on
from rewriter_agent.config.outcomes import EXPERTS
from rewriter_agent.config.strategies import STRATEGIES, StrategyName, uses_policy
from rewriter_agent.experiments.results import Measurement, write_measurements
from rewriter_agent.io.console import console
from rewriter_agent.io.files import exclusive, read_jsonl, read_table
from rewriter_agent.pipeline import PREPARE, REWRITE, TRAIN
from rewriter_agent.prepare.records import expert_false_share
from rewriter_agent.report.curves import REWARD_TERMS
from rewriter_agent.report.text_table import text_table
from rewriter_agent.rewrite.lesson import lesson_shares
from rewriter_agent.rewrite.record import COSTS
from rewriter_agent.rewrite.tally import Tally
from rewriter_agent.runtime.run_folder import RunFolder, StageFolder
from rewriter_agent.runtime.runner import run_stage
from rewriter_agent.runtime.session import EngineName, Session
from rewriter_agent.runtime.stage import Stage, roles_of
from rewriter_agent.scoring.dataset_diversity import dataset_diversity
from rewriter_agent.scoring.group_scorer import mean
from rewriter_agent.train.rewriter import check_rewriter

ComparedName = StrategyName | Literal["accepted_only"]
"""A strategy, or the method that drops the rows of `policy` without an accepted rewrite."""
ENGINES: dict[bool, tuple[EngineName, ...]] = {True: ("policy", "backbone"), False: ("backbone",)}
"""Engines to wait for, by whether a strategy needs the trained rewriter."""
HEADER = (
    "strategy",
    "targets",
    "rewritten",
    "accepted",
    "coverage",
    "false step",
    "log-prob",
    "tail",
    "distinct-2",
    "self-BLEU",
    "rollouts",
    "generated",
    "scored",
    "seconds",
)
COLUMNS = ("target", "outcome", "target_text", "prior_logprobs")


def compare_strategies(base: RunConfig, names: Sequence[ComparedName]) -> list[Measurement]:
    """Rewrite the training problems by each strategy, in `rewrite-<strategy>`; also writes `strategies.json`.

    A strategy that is complete is not done again. All have at most `rewrite.num_generations` rollouts a problem.
    `accepted_only` is `policy` without the rows that keep the expert's solution.

    Raises:
        ValueError: the rounds of a strategy cannot share these.
    """
    configs = {name: with_strategy(base, name) for name in names}
    stages = {name: replace(REWRITE, name=f"rewrite-{_rewriting(base, name)}") for name in names}
    with connect(base.cluster, base.output_dir, console.has_log) as machines, exclusive(base.folder):
        wanted = [roles_of((PREPARE, TRAIN, REWRITE), config) for config in configs.values()]
        session = Session(base, machines, set[str]().union(*wanted))
        session.write_config()
        check_rewriter(session)
        try:
            run_stage(PREPARE, session)
            for name, config in configs.items():
                session.use_config(config)
                if TRAIN.wanted(config):
                    run_stage(TRAIN, session)
                strategy = config.rewrite.strategy
                if STRATEGIES[strategy].rounds and not stages[name].complete(config):
                    # Outside the stage's clock: otherwise the first strategy would be charged for the start.
                    session.wait_engines(*ENGINES[uses_policy(strategy)])
                run_stage(stages[name], session)
        finally:
            session.close()
    found = [rewriting_result(name, stages[name], config, config) for name, config in configs.items()]
    write_measurements(RunFolder(base.folder).strategies, found)
    return found


def _rewriting(base: RunConfig, name: ComparedName) -> str:
    """Name the rewriting whose targets are compared; `accepted_only` shares that of `policy` if it can."""
    return "policy" if name == "accepted_only" and base.rewrite.keep_gap is None else name


def with_strategy(base: RunConfig, name: ComparedName) -> RunConfig:
    """The run with another strategy, that strategy's own rule of selection, and the method of that name.

    Raises:
        ValueError: its rounds cannot share the budget.
    """
    tree = base.model_dump(mode="json")
    strategy = "policy" if name == "accepted_only" else name
    tree["method"] = (
        "self_train" if name in SELF_TRAIN else "accepted_only" if name == "accepted_only" else "rewrite"
    )
    tree["rewrite"] |= {"strategy": strategy, "select": None}
    if strategy != "policy":
        tree["rewrite"]["rewriter"] = None
    if tree["method"] != "rewrite":
        tree["rewrite"]["keep_gap"] = None
        tree["sft"]["outcome_weights"] = {}
    return make_config(tree)


def rewriting_result(arm: str, stage: Stage, config: RunConfig, trained: RunConfig) -> Measurement:
    """Read the measurement of a rewriting that is complete.

    Its metrics: `targets` that the method trains on; shares of all targets, dropped ones included, that are
    `rewritten`, of the candidates that are `accepted` by the gate, of the targets that hold a `false_step`, and of the
    expert solutions that do (`expert_false_step`); `coverage`, the share of the expert's facts that the rewritten
    targets hold; of lessons the share of the candidates with the `right` answer, and those of the rewritten targets
    that are `lesson_named`, `lesson_hidden` or `lesson_false`; `logprob`, the targets' mean under the backbone given
    the question, in nats per token; `tail`, the share of their tokens with a probability below 0.4; diversity of the
    problems' first targets by measures that no reward pays for; costs, with `seconds` on engines that had started
    before. `training_` costs are those of the rewriter that the run of the config `trained` has trained.
    """
    manifest = stage.read_manifest(config)
    assert manifest is not None, "the stage has just been done"
    tally = Tally.of(stage.folder(config), config.method)
    lessons = lesson_shares(manifest["counts"])
    of_experts = expert_false_share(RunFolder(config.folder).prepare)
    outcomes, texts, logprobs, tails = [], [], [], []
    for row in read_table(stage.folder(config).rewrites, COLUMNS):
        outcomes.append(row["outcome"])
        if not trains_on(config.method, row["outcome"]):
            continue
        if row["target"] == 0:
            texts.append(row["target_text"])
        logprobs.append(mean(row["prior_logprobs"]))
        tails.append(tail_fraction(row["prior_logprobs"]))
    metrics = {
        "targets": tally.targets,
        "rewritten": mean([float(outcome not in EXPERTS) for outcome in outcomes]),
        **({"logprob": mean(logprobs), "tail": mean(tails)} if logprobs else {}),
        **({} if tally.accepted is None else {"accepted": tally.accepted}),
        **({} if tally.coverage is None else {"coverage": tally.coverage}),
        **({} if tally.false_share is None else {"false_step": tally.false_share}),
        **({} if of_experts is None else {"expert_false_step": of_experts}),
        **({"right": _right(stage.folder(config))} if lessons and tally.accepted is not None else {}),
        **{f"lesson_{way}": share for way, share in lessons.items()},
        **(asdict(dataset_diversity(texts)) if len(texts) > 1 else {}),
        **{cost: tally.costs[cost] for cost in COSTS},
        "seconds": manifest["wall_seconds"],
    }
    if not TRAIN.wanted(trained):
        return Measurement(arm, config.seed, metrics)
    return Measurement(
        arm, config.seed, metrics | training_cost(TRAIN, trained), curves=_reward_curves(trained)
    )


def training_cost(stage: Stage, config: RunConfig) -> dict[str, float]:
    """Read what the training of a policy has cost, in a stage that is complete."""
    manifest = stage.read_manifest(config)
    assert manifest is not None, "the policy is in use"
    counts = manifest["counts"]
    return {
        "training_rollouts": counts["rollouts"],
        "training_tokens": counts["generated_tokens"],
        # Earlier versions did not count what the backbone read.
        **({"training_scored_tokens": counts["scored_tokens"]} if "scored_tokens" in counts else {}),
        "training_seconds": manifest["wall_seconds"],
    }


def _right(folder: StageFolder) -> float:
    """Share of the candidates that end with the answer, which is a number written in one way."""
    answers = {
        row["problem_id"]: row["answer"] for row in read_table(folder.rewrites, ("problem_id", "answer"))
    }
    candidates = read_table(folder.candidates, ("problem_id", "extracted"))
    return mean([float(row["extracted"] == answers[row["problem_id"]]) for row in candidates])


def _reward_curves(config: RunConfig) -> dict[str, list[tuple[int, float]]]:
    lines = read_jsonl(RunFolder(config.folder).train.metrics)
    return {
        term: [(line["step"], line[key]) for line in lines if (key := f"reward_terms/{term}_mean") in line]
        for term in REWARD_TERMS
    }


def comparison(results: Sequence[Measurement]) -> str:
    """Format the results for the terminal."""
    training = [
        f"{r.arm}: its rewriter's training cost {r.metrics['training_rollouts']:,.0f} rollouts, "
        f"{r.metrics['training_tokens']:,.0f} generated tokens and {r.metrics['training_seconds']:.0f} seconds more"
        for r in results
        if "training_rollouts" in r.metrics
    ]
    return "\n".join([text_table(HEADER, [_cells(r) for r in results]), *training])


def _cells(result: Measurement) -> list[str]:
    metrics = result.metrics
    return [
        result.arm,
        f"{metrics['targets']:,.0f}",
        f"{metrics['rewritten']:.1%}",
        f"{metrics['accepted']:.1%}" if "accepted" in metrics else "–",
        f"{metrics['coverage']:.1%}" if "coverage" in metrics else "–",
        f"{metrics['false_step']:.1%}" if "false_step" in metrics else "–",
        f"{metrics['logprob']:.3f}" if "logprob" in metrics else "–",
        f"{metrics['tail']:.1%}" if "tail" in metrics else "–",
        f"{metrics['distinct_2']:.3f}" if "distinct_2" in metrics else "–",
        f"{metrics['self_bleu']:.3f}" if "self_bleu" in metrics else "–",
        f"{metrics['rollouts']:,.0f}",
        f"{metrics['generated_tokens']:,.0f}",
        f"{metrics['scored_tokens']:,.0f}",
        f"{metrics['seconds']:.0f}",
    ]
