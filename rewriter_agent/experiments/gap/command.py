"""`rewriter-agent gap`: how far a data set is from the backbone, on a sample, before anything is trained."""

from dataclasses import asdict
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from cluster.session import connect
from rewriter_agent.config import RunConfig
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.problem import Problem
from rewriter_agent.data.reference_errors import ERROR_COLUMNS, error_rows, limit_fault, reference_errors
from rewriter_agent.data.step_faults import describe
from rewriter_agent.io.console import console
from rewriter_agent.io.files import batches, exclusive, write_json
from rewriter_agent.io.progress import Progress
from rewriter_agent.prepare.stage import fits, read_experts, require_some, to_drop, with_calls
from rewriter_agent.report.text_table import text_table
from rewriter_agent.rewrite.rounds import Rewriter
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.runtime.session import Session
from rewriter_agent.scoring.embedder import diversity_embed
from rewriter_agent.scoring.group_scorer import GroupScorer, mean
from rewriter_agent.scoring.retry import map_isolating_failures

from .measure import RowGap, measure_rows, summarise, try_rewriting
from .page import write_page
from .result import Gap, cost_text

TRIED = 32
"""Rows that rewriting is tried on; it costs `num_generations` rollouts each."""
BATCH = 32


def gap(config: RunConfig, sample: int) -> Gap:
    """Measure `sample` training problems; writes `gap/gap.html` and `gap/gap.json` in the run folder.

    Raises:
        ValueError: no problem fits the model's context.
    """
    progress = Progress("gap")
    # Rewriting is tried whatever the run's method is.
    config = config.model_copy(update={"method": "rewrite"})
    with connect(config.cluster, config.output_dir, console.has_log) as machines:
        session = Session(config, machines, ("encoder", "backbone"))
        with exclusive(config.folder):
            try:
                found = _measure(session, sample, progress)
            finally:
                session.close()
    files = RunFolder(config.folder).stage("gap")
    write_page(files.gap_page, found, cost_text(found), session.tokens)
    write_json(files.gap, _numbers(found))
    return found


def _measure(session: Session, sample: int, progress: Progress) -> Gap:
    config, tokens = session.config, session.tokens
    loaded, _ = with_calls(load_problems(config.data), tokens)
    for line in (*loaded.formats, *loaded.skipped):
        progress(line)
    faults = read_experts(loaded.train, session, progress)
    replies = [problem for problem in loaded.train if not problem.is_kept]
    errors = reference_errors(replies, session.verifier.verify, config.seed)
    dropped = to_drop(faults, config)
    kept = [p for p in replies if p.id not in dropped]
    problems = [p for p in kept if fits(tokens.question(p), tokens.expert(p), config)]
    require_some(problems, config)
    chosen = [tokens.encode(problem) for problem in _sample(problems, sample, config.seed)]
    progress(f"{len(chosen)} of {len(problems)} training problems; starting the backbone's engines")
    rows: list[RowGap] = []
    measure = partial(measure_rows, tokens, session.reference, config.prepare, config.seed)
    for number, batch in enumerate(batches(chosen, BATCH), start=1):
        found = map_isolating_failures(measure, batch, lambda: [session.reference])
        rows += [row for row in found if row is not None]
        progress.share(min(number * BATCH, len(chosen)), len(chosen), "problems scored")
    tried = rows[:TRIED]
    progress(f"rewriting {len(tried)} of them by prompt, {config.rewrite.num_generations} candidates each")
    by_prompt = config.rewrite.model_copy(
        update={"strategy": "best_of_n", "rewriter": None, "keep_gap": None}
    )
    embed = diversity_embed(session.embedder, [problem.solution for problem in chosen], config.reward)
    scorer = GroupScorer(tokens, session.reference, session.verifier, config.reward, embed)
    rewriter = Rewriter(by_prompt, config.seed, tokens, {"backbone": session.reference}, scorer)
    trial = try_rewriting(tried, rewriter)
    return Gap(
        name=config.name,
        model=config.model.name_or_path,
        training_rows=len(problems),
        temperature=config.prepare.temperature,
        kept=_kept(rows, config.rewrite.keep_gap),
        summary=summarise(rows),
        trial=trial,
        rows=sorted(rows, key=lambda row: row.expert.mean),
        experts_read=0 if config.data.on_false_step == "keep" else len(loaded.train),
        faults=faults,
        reference_errors=errors,
        reference_fault=limit_fault(errors, config.reward.reference),
    )


def _kept(rows: list[RowGap], keep_gap: float | None) -> float:
    return mean([float(keep_gap is not None and row.gap <= keep_gap) for row in rows])


def _sample(problems: list[Problem], count: int, seed: int) -> list[Problem]:
    return Random(seed).sample(problems, min(count, len(problems)))


def _numbers(found: Gap) -> dict[str, Any]:
    return {
        "name": found.name,
        "model": found.model,
        "training_rows": found.training_rows,
        "temperature": found.temperature,
        "kept": found.kept,
        "summary": found.summary,
        "trial": asdict(found.trial),
        "cost": found.cost,
        "experts_read": found.experts_read,
        "experts_with_false_step": len(found.faults),
        "false_steps": [fault.row() for fault in found.faults],
        "reference_errors": [error.record() for error in found.reference_errors],
        "rows": [
            {
                "problem_id": row.problem.id,
                "expert_logprob": row.expert.mean,
                "own_logprob": row.own_mean,
                "gap": row.gap,
                "expert_tail": row.expert.tail,
                "typicality": row.expert.typicality,
            }
            for row in found.rows
        ],
    }


def gap_table(found: Gap, folder: Path) -> str:
    """Format the result for the terminal."""
    s, t = found.summary, found.trial
    measures = {
        "log-prob (nats a token)": ("logprob", ".3f"),
        "tokens with p < 0.4": ("tail", ".1%"),
        "tokens a solution": ("tokens", ".0f"),
        "log-prob + entropy": ("typicality", ".3f"),
    }
    rows = [
        [label, format(s[f"expert_{key}"], spec), format(s[f"own_{key}"], spec)]
        for label, (key, spec) in measures.items()
    ]
    lines = [
        f"{found.name}: {s['rows']} of {found.training_rows} training rows, under {found.model} given the question",
        text_table(("", "expert", "own"), rows),
        f"own: sampled at temperature {found.temperature:g}",
        f"gap {s['gap']:.3f} nats a token: the expert's are {'less' if s['gap'] > 0 else 'more'} likely than its own",
        f"rewriting by prompt: {t.accepted} of {t.candidates} candidates pass ({_share(t.accepted, t.candidates)}), "
        f"{t.solved} of {t.problems} problems have one ({_share(t.solved, t.problems)})",
        f"rewriting all rows like this: {cost_text(found)}",
        *([describe(found.faults, found.experts_read)] if found.faults else []),
        *_reference_lines(found),
        f"page: {(folder / 'gap' / 'gap.html').absolute()}",
    ]
    return "\n".join(lines)


def _reference_lines(found: Gap) -> list[str]:
    if not found.reference_errors:
        return []
    lines = [
        "checks against the reference, on changed references of this data:",
        text_table(ERROR_COLUMNS, error_rows(found.reference_errors), labels=2),
    ]
    return [*lines, f"training would not start: {found.reference_fault}"] if found.reference_fault else lines


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"
