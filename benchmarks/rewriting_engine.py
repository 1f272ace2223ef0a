"""The rewriting job against bare calls of `LLM.generate` with the same requests on the same engine: tokens sampled
per second.

Each is timed twice, in turns, after a first pass that fills the prefix cache. The job without scoring is compared with
one call that samples everything; the whole job, verified and scored, with that call and another that scores everything.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import ray

from cluster.fleet.fleet import Fleet
from cluster.session import connect
from cluster.types import Completion, GenerateRequest, Scored, ScoreRequest
from reward import Score
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.io.progress import Progress
from rewriter_agent.pipeline import PREPARE
from rewriter_agent.prepare.records import prepared_file
from rewriter_agent.rewrite.job import rewrite_file
from rewriter_agent.rewrite.record import Provenance
from rewriter_agent.rewrite.rounds import Rewriter
from rewriter_agent.runtime.runner import run_stage
from rewriter_agent.runtime.session import Session
from rewriter_agent.scoring.group_scorer import AnchoredProblem, GroupScorer, Sample, ScoredGroup

from .options import config_options

TIMES = 2
SAMPLING, BOTH = "LLM.generate, all sampled", "LLM.generate, all sampled, scored"
BAD = Score(False, "no_answer", 0.0, 0.0, 0.0, None, None, None, 0.0, 0.0, None)


class NoScores:
    """Rejects everything at once."""

    def __init__(self, config: RunConfig) -> None:
        self.config, self.backbone = config.reward, None

    def __call__(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        return [ScoredGroup(group, [BAD] * len(group), [None] * len(group), []) for _, group in groups]


def main() -> None:
    """Print the rates and their ratios to the bare engine's."""
    options = config_options(__doc__, "configs/lab.yaml")
    with tempfile.TemporaryDirectory() as folder:
        # The default shard size, not the laboratory's, whose data is a single shard.
        shards = "rewrite.shard_size=64"
        ours = ["rewrite.strategy=best_of_n", f"output_dir={folder}", "tracking.report_to=none"]
        config = load_config(options.config, [shards, *options.set, *ours])
        with connect(config.cluster) as machines:
            session = Session(config, machines)
            try:
                run_stage(PREPARE, session)
                measure(session, Path(folder))
            finally:
                session.close()


def measure(session: Session, folder: Path) -> None:
    """Time the four ways in turns."""
    recorder = Recorder(session.reference)
    scorer = GroupScorer(_tokens(session), cast(Any, recorder), session.verifier, session.config.reward)
    job(session, recorder, scorer, folder)
    ways: dict[str, Callable[[], int]] = {
        SAMPLING: lambda: bare(session, recorder.generated, []),
        "the job, nothing scored": lambda: job(session, session.reference, NoScores(session.config), folder),
        BOTH: lambda: bare(session, recorder.generated, recorder.scored),
        "the job": lambda: job(session, session.reference, _scorer(session), folder),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TIMES):
        for name, way in ways.items():
            start = time.perf_counter()
            rates[name].append(way() / (time.perf_counter() - start))
    means = {name: fmean(found) for name, found in rates.items()}
    print(
        f"{len(recorder.generated)} requests to sample and {len(recorder.scored)} to score, shards of "
        f"{session.config.rewrite.shard_size} problems"
    )
    for name, against in zip(ways, (SAMPLING, SAMPLING, BOTH, BOTH), strict=True):
        print(f"{name:<30}{means[name]:>9,.0f} tokens/s{means[name] / means[against]:>7.2f} x")


class Recorder:
    """The backbone's fleet and all its requests."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.engines, self.spec = fleet, fleet.engines, fleet.spec
        self.generated: list[GenerateRequest] = []
        self.scored: list[ScoreRequest] = []

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        self.generated += requests
        return self.fleet.generate(requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        self.scored += requests
        return self.fleet.score(requests)


def _tokens(session: Session) -> Tokens:
    return session.tokens


def _scorer(session: Session) -> GroupScorer:
    return GroupScorer(_tokens(session), session.reference, session.verifier, session.config.reward)


def bare(session: Session, sampled: list[GenerateRequest], scored: list[ScoreRequest]) -> int:
    """Tokens sampled by one call, followed by another that scores."""
    (engine,) = session.reference.engines
    completions = ray.get(engine.generate.remote(sampled, session.reference.version))
    if scored:
        ray.get(engine.score.remote(scored, session.reference.version))
    return sum(len(completion.token_ids) for completion in completions)


def job(session: Session, fleet: Any, scorer: Any, folder: Path) -> int:
    """Tokens sampled by a whole job."""
    config = session.config
    rewriter = Rewriter(config.rewrite, config.seed, _tokens(session), {"backbone": fleet}, scorer)
    with tempfile.TemporaryDirectory(dir=folder) as name, (Path(name) / "log").open("w") as log:
        origin = Provenance(config.rewrite, None, config.seed)
        check_steps, progress = session.verifier.check_steps, Progress("rewrite", log)
        tally = rewrite_file(prepared_file(config), Path(name), rewriter, origin, check_steps, progress)
        return tally.costs["generated_tokens"]


if __name__ == "__main__":
    main()
