"""The rewriting job against one bare `LLM.generate` over the same requests on the same engine: tokens sampled a second.

Twice each, in turns, after a first pass that fills the prefix cache. The job is run without scoring, to show what
shards, records and files cost, and as it is: verified, scored and written.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import pyarrow.parquet as pq
import ray

from cluster.session import connect
from cluster.types import GenerateRequest
from reward import Score
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.pipeline import PREPARE
from rewriter_agent.prepared import anchored_problems, prepared_file
from rewriter_agent.progress import Progress
from rewriter_agent.rewrite.attempt import Attempt, Rewriter
from rewriter_agent.rewrite.job import rewrite_file
from rewriter_agent.rewrite.record import Provenance
from rewriter_agent.run import Run
from rewriter_agent.scoring import AnchoredProblem, GroupScorer, Sample, ScoredGroup
from rewriter_agent.stage import run_stage
from rewriter_agent.tokens import Tokens

TIMES = 2
BAD = Score(False, "no_answer", 0.0, 0.0, 0.0, None, None, None, 0.0, 0.0, None)


class NoScores:
    """Rejects everything at once."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config.reward

    def __call__(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        return [ScoredGroup([BAD] * len(group), [None] * len(group), []) for _, group in groups]


def main() -> None:
    """Prints the rates and their ratios to the bare engine's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path, nargs="?", default=Path("configs/lab.yaml"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # The default's shards, not those of a laboratory whose data is one.
        shards = "rewrite.shard_size=64"
        ours = ["rewrite.strategy=best_of_n", f"output_dir={folder}", "tracking.report_to=none"]
        config = load_config(options.config, [shards, *options.set, *ours])
        with connect(config.cluster) as machine:
            run = Run(config, machine)
            try:
                run_stage(PREPARE, run)
                measure(run, Path(folder))
            finally:
                run.close()


def measure(run: Run, folder: Path) -> None:
    """Time the three ways in turns."""
    config, tokens = run.config, Tokens(run.tokenizer, run.config.model.system_prompt)
    scorers = {
        "the job without scoring": NoScores(config),
        "the job": GroupScorer(tokens, run.backbone, run.verifier, config.reward),
    }
    asked = requests(run, tokens)
    ways: dict[str, Callable[[], int]] = {"one LLM.generate": lambda: bare(run, asked)}
    for name, scorer in scorers.items():
        rewriter = Rewriter(
            config.rewrite, config.seed, tokens, {"backbone": run.backbone}, cast(Any, scorer)
        )
        ways[name] = lambda rewriter=rewriter: job(run, rewriter, folder)
    bare(run, asked)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TIMES):
        for name, way in ways.items():
            start = time.perf_counter()
            rates[name].append(way() / (time.perf_counter() - start))
    first = fmean(rates["one LLM.generate"])
    print(f"{len(asked)} requests, shards of {config.rewrite.shard_size} problems")
    for name, found in rates.items():
        print(f"{name:<26}{fmean(found):>9,.0f} tokens/s{fmean(found) / first:>7.2f} x")


def requests(run: Run, tokens: Tokens) -> list[GenerateRequest]:
    """All that the job asks, from its own code."""
    found: list[GenerateRequest] = []

    class Recorder:
        spec = run.backbone.spec

        def generate(self, asked: Sequence[GenerateRequest]) -> list[Any]:
            found.extend(asked)
            raise StopIteration

    writers = cast(Any, {"backbone": Recorder()})
    rewriter = Rewriter(run.config.rewrite, run.config.seed, tokens, writers, cast(Any, NoScores(run.config)))
    try:
        rewriter(list(anchored_problems(run.config).values()))
    except StopIteration:
        return found
    raise AssertionError("nothing was asked")


def bare(run: Run, asked: list[GenerateRequest]) -> int:
    """Tokens of one call."""
    (engine,) = run.backbone.engines
    completions = ray.get(engine.generate.remote(asked, run.backbone.version))
    return sum(len(completion.token_ids) for completion in completions)


def job(run: Run, attempts: Callable[[Sequence[AnchoredProblem]], list[Attempt]], folder: Path) -> int:
    """Tokens of a whole job."""
    with tempfile.TemporaryDirectory(dir=folder) as name, (Path(name) / "log").open("w") as log:
        origin = Provenance(run.config.rewrite, None, run.config.seed)
        source = prepared_file(run.config)
        tally = rewrite_file(source, Path(name), attempts, origin, Progress("rewrite", log))
        assert pq.read_metadata(Path(name) / "rewrites.parquet").num_rows == tally.problems
        return tally.costs["generated_tokens"]


if __name__ == "__main__":
    main()
