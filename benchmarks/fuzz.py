"""Hostile answers, and claims made of them, through the verifier: `python -m benchmarks.fuzz --count 100000 --seed 0`.

Exits with 1 on an exception, a hang, a pair that breaks a law of equivalence, or memory that grows.
"""

import argparse
import faulthandler
import itertools
import json
import os
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reward.config import RewardConfig
from reward.sandbox.verifier import Verifier
from reward.types import Check, Grade, StepCheck, Verdict
from tests.helpers.mutate import answers, mutated

CORPUS = Path(__file__).parents[1] / "tests" / "reward" / "answers" / "corpus"
CONVENTIONS = (
    "boxed",
    "####",
    "answer_is",
    "plain",
    "boxed",
    "boxed",
    "boxed",
    "boxed",
    "choice",
    "text",
    "json",
)
BATCH = 250
GRACE = 5.0
"""Seconds beyond the limit that ending a pair may take on a busy machine."""
GROWTH_MB = 100.0
"""MiB by which the parent may grow between the middle and the end."""


@dataclass
class Outcome:
    """Observations of a run; `latencies` in seconds per pair, `memory` in MiB as (when, parent, children)."""

    pairs: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    steps: int = 0
    """Claims that were decided in the answers."""
    false_steps: int = 0
    faults: list[str] = field(default_factory=list)
    memory: list[tuple[str, float, list[float]]] = field(default_factory=list)


def corpus_texts() -> list[str]:
    """The gold answers and the answers of the corpus that are written out."""
    rows = [
        json.loads(line)
        for path in sorted(CORPUS.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    return [row[key] for row in rows for key in ("gold", "answer") if isinstance(row.get(key), str)]


def hostile_checks(seed: int) -> Iterator[Check]:
    """Yield checks without end: two of three golds are corpus answers, a third of the answers are mutations of their
    gold, the rest is hostile."""
    rng = random.Random(seed)
    texts = corpus_texts()
    hostile = answers(rng, texts)
    while True:
        gold = rng.choice((rng.choice(texts), rng.choice(texts), next(hostile)))
        answer = rng.choice((mutated(rng, gold, texts), next(hostile), next(hostile)))
        yield Check(gold, answer, rng.choice(CONVENTIONS))


def rss(pid: int) -> float:
    """Resident memory of a process in MiB, 0 if it has ended."""
    try:
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return resident * os.sysconf("SC_PAGE_SIZE") / 2**20


def run(verifier: Verifier, config: RewardConfig, outcome: Outcome, count: int, seed: int) -> Iterator[None]:
    """Add `count` pairs to `outcome`; for a tenth each also the mirrored pair, and the answer against itself.

    Pauses after each batch.
    """
    checks = itertools.islice(hostile_checks(seed), count)
    while batch := list(itertools.islice(checks, BATCH)):
        _judge(batch, verifier.verify(batch), config, outcome)
        _read_steps(batch, verifier, outcome)
        some = batch[::10]
        mirrored = [Check(check.answer, check.gold, check.convention) for check in some]
        same = [Check(check.answer, check.answer, check.convention) for check in some]
        there, back = verifier.verify(some), verifier.verify(mirrored)
        for check, one, other in zip(some, there, back, strict=True):
            if {one.verdict, other.verdict} == {Verdict.EQUAL, Verdict.DIFFERENT}:
                outcome.faults.append(f"not symmetric: {check}")
        for check, grade in zip(same, verifier.verify(same), strict=True):
            if not is_reflexive(check, grade):
                outcome.faults.append(f"not reflexive: {check}: {grade.verdict.value} {grade.reason}")
        yield


def is_reflexive(check: Check, grade: Grade) -> bool:
    """Tell whether an answer compared with itself is equal, as it must be unless it is no answer."""
    refused = grade.verdict is Verdict.UNDECIDED and (
        grade.reason == "invalid_gold" or (check.convention == "json" and grade.reason == "unparsable")
    )
    return grade.verdict is Verdict.EQUAL or refused


def _judge(batch: list[Check], grades: list[Grade], config: RewardConfig, outcome: Outcome) -> None:
    for check, grade in zip(batch, grades, strict=True):
        outcome.pairs += 1
        outcome.verdicts[grade.verdict.value] += 1
        if grade.reason:
            outcome.reasons[grade.reason] += 1
        outcome.latencies.append(grade.seconds)
        if grade.seconds > config.timeout + GRACE:
            outcome.faults.append(f"took {grade.seconds:.1f} s: {check}")


def _read_steps(batch: list[Check], verifier: Verifier, outcome: Outcome) -> None:
    """Check the steps of each answer, with the gold as its question, and of both as the sides of one claim."""
    texts = [text for check in batch for text in (check.answer, f"{check.gold} = {check.answer}")]
    given = [check.gold for check in batch for _ in range(2)]
    steps = [StepCheck(text, gold, "####") for text, gold in zip(texts, given, strict=True)]
    for step, report in zip(steps, verifier.check_steps(steps), strict=True):
        if report is None:
            outcome.faults.append(f"no report on steps: {step}")
        else:
            outcome.steps += report.checked
            outcome.false_steps += len(report.false)


def measure(when: str, verifier: Verifier, outcome: Outcome) -> None:
    """Record the resident memory of this process and of the children."""
    outcome.memory.append((when, rss(os.getpid()), [rss(pid) for pid in verifier.pids()]))


def memory_faults(outcome: Outcome, config: RewardConfig) -> list[str]:
    """Find violations in the memory samples: a child above its limit, or a parent that grew at the end."""
    limit = config.memory_limit_gb * 1024
    over = [
        f"a child held {mb:.0f} MiB" for _, _, children in outcome.memory for mb in children if mb > limit
    ]
    (_, middle, _), (_, end, _) = outcome.memory[-2:]
    grown = [f"the parent grew from {middle:.0f} to {end:.0f} MiB"] if end > middle + GROWTH_MB else []
    return over + grown


def _report(outcome: Outcome, verifier: Verifier, seconds: float) -> None:
    latencies = statistics.quantiles(outcome.latencies, n=100)
    print(
        f"\n{outcome.pairs} pairs in {seconds:.0f} s: {outcome.pairs / seconds:.0f} pairs/s with the extra checks"
    )
    print("verdicts:", dict(outcome.verdicts.most_common()))
    print("reasons:", dict(outcome.reasons.most_common()))
    print(f"steps: {outcome.steps} checked, {outcome.false_steps} false")
    print(f"timeouts: {verifier.timeouts}, crashes: {verifier.crashes}")
    print(f"latency of a pair: p50 {latencies[49] * 1e3:.2f} ms, p99 {latencies[98] * 1e3:.1f} ms")
    for when, parent, children in outcome.memory:
        print(f"memory, {when}: parent {parent:.0f} MiB, children {[round(child) for child in children]} MiB")


def main() -> int:
    """Run the benchmark; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="pairs to verify")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=1.0, help="seconds a pair")
    arguments = parser.parse_args()
    config = RewardConfig(timeout=arguments.timeout)
    outcome, start = Outcome(), time.monotonic()
    batches = -(-arguments.count // BATCH)
    with Verifier(config) as verifier:
        verifier.verify([Check(r"\sqrt{8}", r"2\sqrt{2}", "boxed")])
        measure("start", verifier, outcome)
        for done, _ in enumerate(run(verifier, config, outcome, arguments.count, arguments.seed), start=1):
            # A batch that outlasts every limit added up hangs: the watchdog prints all stacks and exits with 1.
            faulthandler.dump_traceback_later(2 * BATCH * (config.timeout + GRACE), exit=True)
            if done == batches // 2 or done == batches:
                measure("end" if done == batches else "middle", verifier, outcome)
            if done % max(1, batches // 20) == 0:
                print(
                    f"{outcome.pairs:>8} pairs, {outcome.pairs / (time.monotonic() - start):.0f}/s",
                    flush=True,
                )
        faulthandler.cancel_dump_traceback_later()
        _report(outcome, verifier, time.monotonic() - start)
    faults = outcome.faults + memory_faults(outcome, config)
    print(f"faults: {len(faults)}", *faults[:50], sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
