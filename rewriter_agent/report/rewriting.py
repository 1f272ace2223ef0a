"""Outcomes of rewriting the training data, from the run folder."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from statistics import fmean
from typing import Any

from reward.alignment import tail_fraction
from rewriter_agent.config.method import Method
from rewriter_agent.config.outcomes import DROPPED
from rewriter_agent.data.mix import source_name
from rewriter_agent.io.files import read_json, read_table
from rewriter_agent.prepare.records import expert_false_share
from rewriter_agent.rewrite.lesson import lesson_shares
from rewriter_agent.rewrite.tally import Tally
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.scoring.dataset_diversity import DatasetDiversity, dataset_diversity

from .data import CandidateScore, Count, Naturalness, Rewriting, SampleRow, Text

Row = dict[str, Any]
Pieces = Callable[[Sequence[int]], list[str]]
"""Each token's share of the text."""

EXPERT = ("id", "expert_ids", "expert_logprobs")
SCORED = ("problem_id", *(field.name for field in fields(CandidateScore)))
SHOWN_PER_OUTCOME = 3
EXPERTS, TARGETS = "expert solutions", "targets"


def rewriting(
    folder: RunFolder, rows: Sequence[Row], method: Method = "rewrite", mixed: bool = False
) -> Rewriting:
    """Summarise all targets that the method trains on, and each problem's first one; of a mix also by source."""
    tally = Tally.of(folder.rewrite, method)
    firsts = first_targets(rows)
    prepared = read_table(folder.prepare.prepared, ["expert_logprobs"])
    return Rewriting(
        strategy=rows[0]["strategy"],
        problems=tally.problems,
        dropped=tally.outcomes[DROPPED],
        outcomes=_counts(tally.outcomes, tally.problems),
        targets=tally.targets,
        fallback_reasons=_counts(tally.reasons, tally.problems),
        cost=dict(tally.costs),
        rejections=_counts(Counter(tally.rejections), tally.verdicts.total()),
        candidates=tally.verdicts.total(),
        naturalness={
            EXPERTS: _mean(naturalness(row["expert_logprobs"]) for row in prepared),
            TARGETS: _mean(naturalness(row["prior_logprobs"]) for row in firsts),
        },
        coverage=tally.coverage,
        false_steps={EXPERTS: expert_false_share(folder.prepare), TARGETS: tally.false_share},
        diversity=_diversity(firsts),
        sources=_sources(folder, rows) if mixed else {},
        lesson=lesson_shares(read_json(folder.rewrite.manifest)["counts"]),
    )


def _sources(folder: RunFolder, rows: Sequence[Row]) -> dict[str, Count]:
    """Count the targets by source of the mix."""
    prepared = read_table(folder.prepare.prepared, ["id", "source"])
    names = {row["id"]: source_name(row["source"]) for row in prepared}
    return _counts(Counter(names[row["problem_id"]] for row in rows), len(rows))


def samples(folder: RunFolder, rows: Sequence[Row], pieces: Pieces | None) -> list[SampleRow]:
    """Take the first rows of each outcome, not the best ones. Without `pieces` texts have no tokens."""
    firsts = first_targets(rows)
    outcomes = Counter(row["outcome"] for row in firsts).most_common()
    by_outcome = [[row for row in firsts if row["outcome"] == outcome] for outcome, _ in outcomes]
    chosen = [row for group in by_outcome for row in group[:SHOWN_PER_OUTCOME]]
    ids = {row["problem_id"] for row in chosen}
    experts = {row["id"]: row for row in read_table(folder.prepare.prepared, EXPERT) if row["id"] in ids}
    candidates: dict[str, list[Row]] = {problem_id: [] for problem_id in ids}
    for candidate in read_table(folder.rewrite.candidates, SCORED):
        if candidate["problem_id"] in ids:
            candidates[candidate["problem_id"]].append(candidate)
    return [_sample(row, experts[row["problem_id"]], candidates[row["problem_id"]], pieces) for row in chosen]


def first_targets(rows: Iterable[Row]) -> list[Row]:
    """One row a problem."""
    return [row for row in rows if row["target"] == 0]


def naturalness(logprobs: Sequence[float]) -> Naturalness:
    """Compute naturalness of one text from its log-probs (nats) under the backbone."""
    return Naturalness(fmean(logprobs), tail_fraction(logprobs))


def _mean(found: Iterable[Naturalness]) -> Naturalness:
    texts = list(found)
    return Naturalness(
        fmean(text.mean_logprob for text in texts), fmean(text.tail_fraction for text in texts)
    )


def _counts(counter: Counter[str], whole: int) -> dict[str, Count]:
    return {code: Count(count, count / whole) for code, count in counter.most_common()}


def _diversity(rows: Sequence[Row]) -> dict[str, DatasetDiversity]:
    columns = {EXPERTS: "expert_solution", TARGETS: "target_text"}
    return {
        name: dataset_diversity([row[column] for row in rows])
        for name, column in columns.items()
        if len(rows) > 1
    }


def _sample(row: Row, expert: Row, candidates: Sequence[Row], pieces: Pieces | None) -> SampleRow:
    return SampleRow(
        problem_id=row["problem_id"],
        question=row["question"],
        answer=row["answer"],
        expert=_text(
            row["expert_solution"],
            naturalness(expert["expert_logprobs"]),
            expert["expert_ids"],
            expert["expert_logprobs"],
            pieces,
        ),
        target=_text(
            row["target_text"],
            naturalness(row["prior_logprobs"]),
            row["target_ids"],
            row["prior_logprobs"],
            pieces,
        ),
        outcome=row["outcome"],
        reason=row["reason"],
        scores=[CandidateScore(**_fields(score)) for score in candidates],
        selected=row["selected"],
    )


def _text(
    text: str,
    natural: Naturalness,
    ids: Sequence[int],
    logprobs: Sequence[float],
    pieces: Pieces | None,
) -> Text:
    return Text(text, natural, pieces(ids), list(logprobs)) if pieces else Text(text, natural, [], [])


def _fields(score: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a score that the report shows."""
    return {field.name: score[field.name] for field in fields(CandidateScore)}
