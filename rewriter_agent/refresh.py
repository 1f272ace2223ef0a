"""Fine-tuning on rewritten targets that are made on the way: each part's by, and for, the student as it is by then."""

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count, cycle, islice
from math import ceil
from pathlib import Path

from sft.config import SFTConfig
from sft.job import SFTJob, SFTResult, run_part, run_sft
from sft.refresh_config import RefreshSection
from sft.rows import SFTRow, drop_long_rows, read_rows, write_rows
from sft.tokenizer import vocabulary_hash

from .anchor_cache import AnchorCache
from .files import read_jsonl, write_json, write_table
from .inputs import model_identity
from .prepare import anchors
from .prepared import PREPARED, anchored_problems
from .progress import Progress
from .rewrite.stage import rewrite_problems
from .run import Run
from .seeds import request_seed
from .sft_rows import rewritten_rows
from .tokens import Tokens

REWRITES = "rewrites.parquet"


@dataclass(frozen=True)
class Part:
    """A stretch of steps on rows that were rewritten for the student at its beginning."""

    first: int
    """Steps that the student had taken."""
    last: int
    """Steps at its end."""
    probe_kl: float
    """`probe/kl` when it was last measured, nats a token; 0 before."""


def train_refreshed(
    run: Run, job: SFTJob, folder: Path, progress: Progress, shown: dict[str, str]
) -> SFTResult:
    """Do the parts that are missing, in order; `folder/parts.json` has those that are done.

    The first part's rows are those of the stage `rewrite`, whose student is the backbone.
    """
    refresh = job.sft.refresh
    assert refresh is not None, "asked where a refresh is configured"
    job = job.model_copy(update={"sft": job.sft.model_copy(update={"max_steps": total_steps(run, job.sft)})})
    done = read_parts(folder)
    while (first := done[-1].last if done else 0) < job.sft.max_steps:
        part = next_part(job, refresh, done)
        _write_part_rows(run, part, folder, progress)
        run.release_engines()
        with progress.follow(job.metrics_path, shown):
            last = run_part(part)
        done.append(Part(first, last, _probe_kl(job.metrics_path)))
        write_json(folder / "parts.json", [asdict(part) for part in done])
    result = run_sft(job)
    shutil.rmtree(job.student_dir, ignore_errors=True)
    return result


def next_part(job: SFTJob, refresh: RefreshSection, done: list[Part]) -> SFTJob:
    """The job up to where the next refresh is due."""
    first, kl = (done[-1].last, done[-1].probe_kl) if done else (0, 0.0)
    changes = {
        "until": min(first + refresh.steps, job.sft.max_steps),
        "until_kl": kl + refresh.probe_kl if refresh.probe_kl else None,
        "behavior_step": first,
    }
    return job.model_copy(update=changes)


def staleness(parts: list[Part]) -> dict[str, float]:
    """How many refreshes there were, and by how many steps a step's model was ahead of that of its rows' log-probs."""
    steps = [step - part.first for part in parts for step in range(part.first, part.last)]
    return {
        "refreshes": len(parts) - 1,
        "staleness_mean": round(sum(steps) / len(steps), 2),
        "staleness_max": max(steps),
    }


def read_parts(folder: Path) -> list[Part]:
    """Those that are done."""
    path = folder / "parts.json"
    return [Part(**part) for part in json.loads(path.read_text())] if path.exists() else []


def total_steps(run: Run, sft: SFTConfig) -> int:
    """Of the whole training; a problem counts as often as it may have targets."""
    if sft.max_steps > 0:
        return sft.max_steps
    rows = len(anchored_problems(run.config)) * run.config.rewrite.num_targets
    return max(1, ceil(sft.num_train_epochs * rows / sft.rows_per_step))


def shuffled(ids: list[str], seed: int) -> Iterator[str]:
    """The ids over and over, each time in another order."""
    for epoch in count():
        order = list(ids)
        random.Random(request_seed(seed, "refresh", epoch)).shuffle(order)
        yield from order


def _write_part_rows(run: Run, part: SFTJob, folder: Path, progress: Progress) -> None:
    """Put the part's rows behind those that have been trained on."""
    first, size = part.behavior_step, part.sft.rows_per_step
    assert part.until is not None
    wanted, targets = (part.until - first) * size, run.config.rewrite.num_targets
    start = first * size // targets
    order = shuffled(list(anchored_problems(run.config)), run.config.seed)
    ids = list(islice(order, start, start + ceil(wanted / targets)))
    if first == 0:
        source = run.stage_folder("rewrite")
    else:
        source = folder / "parts" / f"{first:06d}"
        if not (source / REWRITES).exists():
            _rewrite(run, part, list(dict.fromkeys(ids)), source, progress)
    by_problem: dict[str, list[SFTRow]] = {problem_id: [] for problem_id in ids}
    for problem_id, row in rewritten_rows(run, source / REWRITES):
        if problem_id in by_problem:
            by_problem[problem_id].append(row)
    rows = drop_long_rows([row for problem_id in ids for row in by_problem[problem_id]], part.sft.max_length)
    if not rows:
        raise ValueError(
            f"the {len(ids)} problems of steps {first} to {part.until} have no target of at most "
            f"sft.max_length={part.sft.max_length} tokens; raise it"
        )
    before = read_rows(part.rows)[: first * size] if first else []
    # A problem may have fewer targets than it could.
    write_rows([*before, *islice(cycle(rows), wanted)], part.rows, vocabulary_hash(Path(run.model_path)))


def _rewrite(run: Run, part: SFTJob, ids: list[str], target: Path, progress: Progress) -> None:
    """Measure and rewrite some problems with the student in the backbone's engines."""
    progress(f"refresh at step {part.behavior_step}: rewriting {len(ids)} problems for the student")
    run.start_engines("backbone")
    run.backbone.load(part.student_dir)
    problems = anchored_problems(run.config)
    tokens = Tokens(run.tokenizer, run.config.model.system_prompt)
    identity = model_identity(str(part.student_dir)), run.config.model.dtype
    with AnchorCache(target / "anchors.sqlite") as cache:
        rows = anchors([problems[problem_id] for problem_id in ids], tokens, run, cache, identity)
    write_table(target / "prepared.parquet", rows, PREPARED)
    seed = request_seed(run.config.seed, "refresh", part.behavior_step)
    rewrite_problems(run, target / "prepared.parquet", target, progress, seed)


def _probe_kl(metrics: Path) -> float:
    measured = [line["probe/kl"] for line in read_jsonl(metrics) if "probe/kl" in line]
    return measured[-1] if measured else 0.0
