"""`rewriter-agent compare`: strategies side by side on the same problems, at equal rollouts a problem."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from cluster.session import connect
from reward.alignment import tail_fraction
from rewriter_agent.config import RunConfig, make_config
from rewriter_agent.config.outcomes import EXPERTS
from rewriter_agent.config.strategies import STRATEGIES, StrategyName, uses_policy
from rewriter_agent.io.files import exclusive, read_table, write_json
from rewriter_agent.pipeline import PREPARE, REWRITE, TRAIN
from rewriter_agent.report.text_table import text_table
from rewriter_agent.rewrite.tally import Tally
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.runtime.runner import run_stage
from rewriter_agent.runtime.session import EngineName, Session
from rewriter_agent.runtime.stage import Stage, roles_of
from rewriter_agent.scoring.dataset_diversity import DatasetDiversity, dataset_diversity
from rewriter_agent.scoring.group_scorer import mean
from rewriter_agent.train.rewriter import check_rewriter

ENGINES: dict[bool, tuple[EngineName, ...]] = {True: ("policy", "backbone"), False: ("backbone",)}
"""Engines to wait for, by whether a strategy needs the trained rewriter."""
HEADER = (
    "strategy",
    "rewritten",
    "accepted",
    "log-prob",
    "tail",
    "distinct-2",
    "self-BLEU",
    "rollouts",
    "generated",
    "scored",
    "seconds",
)
COLUMNS = (*Tally.columns, "target_text", "behavior_logprobs")


@dataclass(frozen=True)
class TrainingCost:
    """Cost of training the rewriter, before it wrote anything; zeros if this run trained none."""

    rollouts: int = 0
    generated_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class StrategyResult:
    """Targets that a strategy made of the training problems, and their cost."""

    strategy: str
    targets: int
    rewritten: float
    """Share of the targets that are not the expert's solution."""
    accepted: float | None
    """Share of the candidates that pass the gate; None without candidates."""
    logprob: float
    """Mean over the targets under the backbone given the question, nats per token."""
    tail: float
    """Share of a target's tokens with a probability below 0.4; mean over the targets."""
    diversity: DatasetDiversity | None
    """Diversity of the problems' first targets, by measures that no reward pays for; None for a single problem."""
    cost: dict[str, int]
    seconds: float
    """Seconds of the job, on engines that had started before."""
    training: TrainingCost


def compare(base: RunConfig, names: Sequence[StrategyName]) -> list[StrategyResult]:
    """Rewrite the training problems by each strategy, in `rewrite-<strategy>`; also writes `strategies.json`.

    A strategy that is complete is not done again. All have `rewrite.num_generations` rollouts a problem.

    Raises:
        ValueError: the rounds of a strategy cannot share these.
    """
    configs = {name: with_strategy(base, name) for name in names}
    stages = {name: replace(REWRITE, name=f"rewrite-{name}") for name in names}
    with connect(base.cluster, base.output_dir) as machines, exclusive(base.folder):
        wanted = [roles_of((PREPARE, TRAIN, REWRITE), config) for config in configs.values()]
        run = Session(base, machines, set[str]().union(*wanted))
        run.write_config()
        check_rewriter(run)
        try:
            run_stage(PREPARE, run)
            for name, config in configs.items():
                run.use_config(config)
                if TRAIN.wanted(config):
                    run_stage(TRAIN, run)
                if STRATEGIES[name].rounds and not stages[name].complete(config):
                    # Outside the stage's clock: otherwise the first strategy would be charged for the start.
                    run.wait_engines(*ENGINES[uses_policy(name)])
                run_stage(stages[name], run)
        finally:
            run.close()
    found = [strategy_result(name, stages[name], config) for name, config in configs.items()]
    write_json(RunFolder(base.folder).strategies, [asdict(result) for result in found])
    return found


def with_strategy(base: RunConfig, name: StrategyName) -> RunConfig:
    """The run with another strategy and that strategy's own rule of selection.

    Raises:
        ValueError: its rounds cannot share the budget.
    """
    tree = base.model_dump(mode="json")
    tree["rewrite"] |= {"strategy": name, "select": None, "behavior": "backbone"}
    if name != "policy":
        tree["rewrite"]["rewriter"] = None
    return make_config(tree)


def strategy_result(name: str, stage: Stage, config: RunConfig) -> StrategyResult:
    """The numbers of a strategy that is complete."""
    manifest = stage.read_manifest(config)
    assert manifest is not None, "the stage has just been done"
    tally, outcomes, texts, logprobs, tails = Tally(), [], [], [], []
    for row in read_table(stage.folder(config).rewrites, COLUMNS):
        tally.add(row)
        outcomes.append(row["outcome"])
        if row["target"] == 0:
            texts.append(row["target_text"])
        logprobs.append(mean(row["behavior_logprobs"]))
        tails.append(tail_fraction(row["behavior_logprobs"]))
    return StrategyResult(
        strategy=name,
        targets=tally.targets,
        rewritten=mean([float(outcome not in EXPERTS) for outcome in outcomes]),
        accepted=tally.accepted,
        logprob=mean(logprobs),
        tail=mean(tails),
        diversity=dataset_diversity(texts) if len(texts) > 1 else None,
        cost=dict(tally.costs),
        seconds=manifest["wall_seconds"],
        training=training_cost(config) if TRAIN.wanted(config) else TrainingCost(),
    )


def training_cost(config: RunConfig) -> TrainingCost:
    """Read the cost of the rewriter that the run has trained."""
    manifest = TRAIN.read_manifest(config)
    assert manifest is not None, "the strategy that needs it is complete"
    counts = manifest["counts"]
    return TrainingCost(counts["rollouts"], counts["generated_tokens"], manifest["wall_seconds"])


def comparison(results: Sequence[StrategyResult]) -> str:
    """Format the results for the terminal."""
    training = [
        f"{r.strategy}: its rewriter's training cost {r.training.rollouts:,} rollouts, "
        f"{r.training.generated_tokens:,} generated tokens and {r.training.seconds:.0f} seconds more"
        for r in results
        if r.training.rollouts
    ]
    return "\n".join([text_table(HEADER, [_cells(r) for r in results]), *training])


def _cells(r: StrategyResult) -> list[str]:
    return [
        r.strategy,
        f"{r.rewritten:.1%}",
        "–" if r.accepted is None else f"{r.accepted:.1%}",
        f"{r.logprob:.3f}",
        f"{r.tail:.1%}",
        f"{r.diversity.distinct_2:.3f}" if r.diversity else "–",
        f"{r.diversity.self_bleu:.3f}" if r.diversity else "–",
        f"{r.cost['rollouts']:,}",
        f"{r.cost['generated_tokens']:,}",
        f"{r.cost['scored_tokens']:,}",
        f"{r.seconds:.0f}",
    ]
