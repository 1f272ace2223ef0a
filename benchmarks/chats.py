"""Chat rows through `prepare`, rewriting and the data set without engines: rows per second, and peak memory over rows.

Conversations of three turns are read from JSON Lines by the stages' own code, with the laboratory's tokenizer and
engines that answer at once. Each number of rows has processes of its own, one for the file, `prepare` and rewriting
each, so that every peak is that of one stage.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

from cluster.types import Completion, GenerateRequest, Scored, ScoreRequest
from reward import StepCheck, StepReport
from rewriter_agent.config import RunConfig, make_config
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.io.files import read_table
from rewriter_agent.io.progress import Progress
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.prepare.records import prepared_file
from rewriter_agent.prepare.stage import prepare
from rewriter_agent.rewrite.dataset import write_dataset
from rewriter_agent.rewrite.job import rewrite_file
from rewriter_agent.rewrite.record import Provenance
from rewriter_agent.rewrite.rounds import Rewriter
from rewriter_agent.runtime.run_folder import RunFolder

from .rewriting import IDS, LOGPROBS, Cost, FakeScorer, FakeTokens, peak_mb

WORDS = "some words that stand for what a person and a model would say to each other about it "
T = TypeVar("T")


def main() -> None:
    """Print the costs of all sizes, and the ratio of the peaks of the last to the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=(10_000, 100_000, 1_000_000))
    sizes = {rows: measure(rows) for rows in parser.parse_args().rows}
    stages = list(next(iter(sizes.values())))
    print(f"{'rows':>10}" + "".join(f"{f'{stage} rows/s':>18}{'peak MB':>10}" for stage in stages))
    for rows, costs in sizes.items():
        print(
            f"{rows:>10,}" + "".join(f"{rows / c.seconds:>18,.0f}{c.peak_mb:>10.0f}" for c in costs.values())
        )
    first, *_, last = sizes.values()
    for stage in stages:
        print(f"{stage}: peak memory, most rows to fewest: {last[stage].peak_mb / first[stage].peak_mb:.2f}")


def measure(rows: int) -> dict[str, Cost]:
    """Cost of each stage on so many conversations."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _alone(_write_chats, folder, rows)
        return {"prepare": _alone(_prepare, folder, rows), "rewrite": _alone(_rewrite, folder, rows)}


def _alone(work: Callable[..., T], *arguments: object) -> T:
    """Run a stage in a fresh process and return its result."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def _write_chats(folder: Path, rows: int) -> None:
    for name, count in (("train", rows), ("test", 10)):
        with (folder / f"{name}.jsonl").open("w") as lines:
            for number in range(count):
                messages = [
                    {"role": "system", "content": "Be helpful."},
                    {"role": "user", "content": f"{WORDS * 3}{name} {number}"},
                    {"role": "assistant", "content": WORDS * 3},
                    {"role": "user", "content": WORDS},
                    {"role": "assistant", "content": f"{WORDS}\n#### 5"},
                ]
                lines.write(json.dumps({"messages": messages}) + "\n")


def _config(folder: Path) -> RunConfig:
    files = {name: str(folder / f"{name}.jsonl") for name in ("train", "test")}
    return make_config(
        {
            "name": "chats",
            "output_dir": str(folder),
            "model": {"name_or_path": "lab", "max_model_len": 4096},
            "data": {"source": "file", **files},
            "rewrite": {"strategy": "best_of_n", "num_generations": 2, "shard_size": 500},
        }
    )


def _prepare(folder: Path, rows: int) -> Cost:
    config, engine = _config(folder), FakeEngine()
    session = SimpleNamespace(
        config=config,
        tokens=load_tokens(str(LAB_FOLDER), config.model),
        reference=engine,
        backbone_identity=("lab", "float32"),
        verifier=SimpleNamespace(check_steps=_no_steps, verify=list),
    )
    before, start = peak_mb(), time.monotonic()
    with (folder / "log").open("w") as log:
        prepare(cast(Any, session), RunFolder(config.folder).prepare.path, Progress("prepare", log))
    return Cost(rows, time.monotonic() - start, peak_mb(), peak_mb() - before)


def _rewrite(folder: Path, rows: int) -> Cost:
    config = _config(folder)
    before, start = peak_mb(), time.monotonic()
    source, target = prepared_file(config), RunFolder(config.folder).rewrite
    fakes: tuple[Any, Any, Any] = FakeTokens(), FakeEngine(), FakeScorer()
    rewriter = Rewriter(config.rewrite, 0, fakes[0], {"backbone": fakes[1]}, fakes[2])
    with (folder / "log").open("w") as log:
        origin = Provenance(config.rewrite, None, 0)
        rewrite_file(source, target.path, rewriter, origin, _no_steps, Progress("rewrite", log))
    write_dataset(folder / "dataset", target, config, source)
    assert sum(1 for _ in read_table(target.rewrites, ("problem_id",))) == rows
    return Cost(rows, time.monotonic() - start, peak_mb(), peak_mb() - before)


def _no_steps(checks: Sequence[StepCheck]) -> list[StepReport | None]:
    """Report no claims: the stages' own cost is measured."""
    return [StepReport(0, (), ())] * len(checks)


class FakeEngine:
    """Answers at once."""

    engines = (None,)
    spec = SimpleNamespace(max_model_len=4096)

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        return [Completion(IDS, LOGPROBS, True, 0) for _ in requests]

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        return [Scored([-1.0] * len(request.completion_ids)) for request in requests]


if __name__ == "__main__":
    main()
