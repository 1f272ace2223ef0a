"""Fine-tuning whose targets are rewritten on the way, for the student as it is at the start of each part."""

import shutil
from dataclasses import asdict, dataclass, replace
from itertools import cycle, islice
from math import ceil
from pathlib import Path

from rewriter_agent.io.files import batches, read_json, read_jsonl, write_json, write_table
from rewriter_agent.io.progress import Progress
from rewriter_agent.io.seeds import request_seed
from rewriter_agent.io.value_cache import ValueCache
from rewriter_agent.prepare.records import PREPARED, anchored_problems
from rewriter_agent.prepare.stage import anchors
from rewriter_agent.rewrite.stage import rewrite_problems
from rewriter_agent.runtime.fingerprints import model_identity
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session
from sft.config.sft import RefreshSection, SFTConfig
from sft.data.dataset import shuffled_epochs
from sft.data.rows import SFTRow, drop_long_rows, read_rows, write_rows
from sft.data.tokenizer import vocabulary_hash
from sft.job import SFTJob
from sft.run import SFTResult, run_part, run_sft

from .rows import require_rewritten, rewritten_rows


@dataclass(frozen=True)
class Part:
    """Consecutive steps on rows that were rewritten for the student at their start."""

    first: int
    """Steps that the student had taken."""
    last: int
    """Steps at its end."""
    probe_kl: float
    """`probe/kl` when it was last measured, nats a token; 0 before."""
    dropped: int = 0
    """Targets longer than `max_length`, in whose place others of the part are repeated."""


def train_refreshed(
    session: Session, job: SFTJob, folder: Path, progress: Progress, shown: dict[str, str]
) -> SFTResult:
    """Train the missing parts, in order; `folder/parts.json` lists the finished ones.

    The first part uses the rows of the stage `rewrite`, whose student is the backbone.
    """
    refresh = job.sft.refresh
    assert refresh is not None, "called only if a refresh is configured"
    pool = Pool.of(session)
    steps = job.sft.total_steps(pool.rows)
    # Validated again: the steps may contradict other options.
    sft = SFTConfig.model_validate(job.sft.model_dump() | {"max_steps": steps})
    job = job.model_copy(update={"sft": sft})
    done = read_parts(folder)
    while (first := done[-1].last if done else 0) < steps:
        part = next_part(job, refresh, done)
        dropped = _write_part_rows(session, pool, part, folder, progress)
        session.release_engines()
        session.wait_for_capacity("sft")
        with progress.follow(job.metrics_path, shown):
            last = run_part(part)
        done.append(Part(first, last, _probe_kl(job.metrics_path), dropped))
        write_json(StageFolder(folder).parts, [asdict(part) for part in done])
    result = run_sft(job)
    shutil.rmtree(job.student_dir, ignore_errors=True)
    return replace(result, num_dropped=sum(part.dropped for part in done))


def next_part(job: SFTJob, refresh: RefreshSection, done: list[Part]) -> SFTJob:
    """Return the job up to the next refresh."""
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
    """Read the finished parts."""
    path = StageFolder(folder).parts
    return [Part(**part) for part in read_json(path)] if path.exists() else []


@dataclass(frozen=True)
class Pool:
    """Problems that parts take from, epoch after epoch, each in another order."""

    ids: list[str]
    rows: int
    """Targets of all of them, as the stage `rewrite` has found them; a part expects as many a problem."""
    seed: int

    @classmethod
    def of(cls, session: Session) -> "Pool":
        """Collect the problems that the stage `rewrite` has targets of.

        Raises:
            ValueError: no target was accepted.
        """
        found = list(rewritten_rows(session, session.folder.rewrite.rewrites))
        require_rewritten([row for _, row in found], session.config.rewrite.strategy)
        return cls(
            list(dict.fromkeys(problem_id for problem_id, _ in found)), len(found), session.config.seed
        )

    def take(self, first: int, wanted: int) -> list[str]:
        """Problems for `wanted` rows, after those for the `first` rows."""
        start, end = first * len(self.ids) // self.rows, ceil((first + wanted) * len(self.ids) / self.rows)
        return list(islice(shuffled_epochs(self.ids, self.seed), start, end))


def _write_part_rows(session: Session, pool: Pool, part: SFTJob, folder: Path, progress: Progress) -> int:
    """Append the part's rows to the rows trained on before; returns how many targets were too long."""
    first, size = part.behavior_step, part.sft.rows_per_step
    assert part.until is not None
    wanted = (part.until - first) * size
    ids = pool.take(first * size, wanted)
    source = StageFolder(folder / "parts" / f"{first:06d}") if first else session.folder.rewrite
    if not source.rewrites.exists():
        _rewrite(session, part, list(dict.fromkeys(ids)), source, progress)
    by_problem: dict[str, list[SFTRow]] = {problem_id: [] for problem_id in ids}
    for problem_id, row in rewritten_rows(session, source.rewrites):
        if problem_id in by_problem:
            by_problem[problem_id].append(row)
    targets = [row for problem_id in ids for row in by_problem[problem_id]]
    require_rewritten(targets, session.config.rewrite.strategy)
    rows = drop_long_rows(targets, part.sft.max_length)
    if not rows:
        raise ValueError(
            f"none of the {len(targets)} targets of steps {first} to {part.until} has at most "
            f"sft.max_length={part.sft.max_length} tokens; raise it"
        )
    before = read_rows(part.rows)[: first * size] if first else []
    # Some may have been too long, or a problem may have fewer targets this time.
    write_rows([*before, *islice(cycle(rows), wanted)], part.rows, vocabulary_hash(Path(session.model_path)))
    return len(targets) - len(rows)


def _rewrite(session: Session, part: SFTJob, ids: list[str], target: StageFolder, progress: Progress) -> None:
    """Measure and rewrite some problems with the student in the backbone's engines."""
    progress(f"refresh at step {part.behavior_step}: rewriting {len(ids)} problems for the student")
    session.start_engines("backbone")
    session.reference.load(part.student_dir)
    problems = anchored_problems(session.config)
    tokens = session.tokens
    identity = model_identity(str(part.student_dir)), session.config.model.dtype
    with ValueCache(target.path / "anchors.sqlite") as cache:
        rows = [
            row
            for some in batches(ids, session.config.prepare.shard_size)
            for row in anchors(
                [problems[problem_id] for problem_id in some], tokens, session, cache, identity
            )
        ]
    write_table(target.prepared, rows, PREPARED)
    seed = request_seed(session.config.seed, "refresh", part.behavior_step)
    rewrite_problems(session, target.prepared, target.path, progress, seed)


def _probe_kl(metrics: Path) -> float:
    measured = [line["probe/kl"] for line in read_jsonl(metrics) if "probe/kl" in line]
    return measured[-1] if measured else 0.0
