"""Stages `rewrite` and `dataset`: targets for every training problem, and the same as a data set for others."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cluster.fleet.fleet import Fleet
from rewriter_agent.config.rewrite import RewriteConfig
from rewriter_agent.config.strategies import STRATEGIES, Writer, uses_policy
from rewriter_agent.io.files import read_table
from rewriter_agent.io.progress import Progress
from rewriter_agent.prepare.records import prepared_file
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session
from rewriter_agent.runtime.stage import require_space
from rewriter_agent.scoring.embedder import diversity_embed
from rewriter_agent.scoring.group_scorer import AnchoredProblem, GroupScorer
from rewriter_agent.scoring.unverified import UnverifiedScorer
from rewriter_agent.tracking.axis import REWRITING
from rewriter_agent.tracking.stage_log import stage_log
from rewriter_agent.tracking.tables import rewrites
from rewriter_agent.train.rewriter import ADAPTER, MODEL, read_rewriter, rewriter_folder

from .check_logprobs import check_logprobs
from .dataset import write_dataset
from .job import Log, rewrite_file
from .lesson import lesson_counts
from .record import Provenance
from .rounds import Attempt, Rewriter
from .tally import Tally


def rewrite(session: Session, folder: Path, progress: Progress) -> dict[str, Any]:
    """Candidates for every problem, the best that pass as targets, else the expert's solution."""
    config = session.config
    missing = pq.read_metadata(prepared_file(config)).num_rows - _problems_done(folder, config.rewrite)
    require_space(folder, disk_gb(config.rewrite, missing), "rewrite")
    with stage_log(config, folder) as log:
        metrics = partial(log.metrics, REWRITING)
        tally = rewrite_problems(session, prepared_file(config), folder, progress, config.seed, metrics)
        if config.tracking.table_rows:
            log.table(REWRITING, "samples", rewrites(StageFolder(folder), config.tracking.table_rows))
    counts = tally.counts() | lesson_counts(config.data, StageFolder(folder).rewrites)
    if STRATEGIES[config.rewrite.strategy].rounds:
        progress("scoring some rows again to check their log-probs")
        counts |= check_logprobs(
            StageFolder(folder).rewrites,
            prepared_file(config),
            _writers(session),
            config.rewrite.temperature,
            config.seed,
        )
    return counts


def rewrite_problems(
    session: Session, source: Path, folder: Path, progress: Progress, seed: int, log: Log | None = None
) -> Tally:
    """Rewrite the prepared problems in `source` as the strategy says, with the engines as they are."""
    config = session.config
    version = load_rewriter(session, progress) if uses_policy(config.rewrite.strategy) else None
    attempts = make_rewriter(session, seed) if STRATEGIES[config.rewrite.strategy].rounds else _untouched
    origin = Provenance(config.rewrite, version, seed)
    # On GPUs one shard is written while another is scored; on a CPU engines share cores and take turns.
    side_by_side = 2 if config.cluster.device == "gpu" else 1
    return rewrite_file(
        source, folder, attempts, origin, session.verifier.check_steps, progress, side_by_side, log
    )


def dataset(session: Session, folder: Path, progress: Progress) -> dict[str, Any]:
    """The targets in TRL's form, with a card."""
    prepared = prepared_file(session.config)
    return write_dataset(folder, session.folder.rewrite, session.config, prepared)


def disk_gb(config: RewriteConfig, problems: int) -> float:
    """Estimate the size of the records: the texts of candidates, and the ids and log-probs of targets."""
    texts = sum(config.rollouts) * config.max_completion_length * 4
    targets = config.num_targets * config.max_completion_length * 12
    # Shards and the file that they are joined to.
    return 2 * problems * (texts + targets) / 1024**3


def _problems_done(folder: Path, config: RewriteConfig) -> int:
    return config.shard_size * sum(1 for _ in folder.glob("shards/part-*"))


def load_rewriter(session: Session, progress: Progress) -> int:
    """Put the rewriter's weights into the policy's engines; returns the steps that it was trained for."""
    folder = rewriter_folder(session.config)
    card = read_rewriter(folder, session.backbone_identity[0], session.tokens.tokenizer)
    progress(f"loading the rewriter, trained for {card.steps} steps, into the engines")
    session.start_engines("policy", "backbone")
    if session.cluster.enable_lora:
        session.actor.load_lora(session.actor.version + 1, folder / ADAPTER)
    else:
        session.actor.load((folder / MODEL).absolute())
    return card.steps


def _untouched(problems: Sequence[AnchoredProblem]) -> list[Attempt]:
    """Attempts of a strategy without candidates, for which no engine starts."""
    return [Attempt(problem) for problem in problems]


def make_rewriter(session: Session, seed: int) -> Rewriter:
    """Join the engines and the gate of the config's strategy, which must have candidates."""
    return Rewriter(session.config.rewrite, seed, session.tokens, _writers(session), _scorer(session))


def _scorer(session: Session) -> GroupScorer | UnverifiedScorer:
    config, tokens = session.config, session.tokens
    accepts = STRATEGIES[config.rewrite.strategy].accepts
    if accepts == "finished":
        return UnverifiedScorer(tokens, session.reference)
    reward = config.reward.without_expert() if accepts == "own" else config.reward
    solutions = (row["solution"] for row in read_table(prepared_file(config), ["solution"]))
    embed = diversity_embed(session.embedder, list(solutions) if session.embedder else [], reward)
    return GroupScorer(tokens, session.reference, session.verifier, reward, embed)


def _writers(session: Session) -> dict[Writer, Fleet]:
    """The engines that the strategy needs."""
    policy: dict[Writer, Fleet] = (
        {"policy": session.actor} if uses_policy(session.config.rewrite.strategy) else {}
    )
    return policy | {"backbone": session.reference}
