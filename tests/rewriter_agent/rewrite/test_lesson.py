"""How rewritten targets get over the new step of a lesson, counted for the manifest."""

from pathlib import Path

from rewriter_agent.config.data import GsmSymbolicData, LabData, MixData
from rewriter_agent.data.lab_world.problems import generate_problems
from rewriter_agent.io.files import write_table
from rewriter_agent.rewrite.lesson import lesson_counts, lesson_shares
from rewriter_agent.rewrite.record import REWRITES

DATA = LabData(task="lessons", style="backward", num_train=6, num_test=1)


def targets(path: Path) -> Path:
    """Two targets that name the lesson, one without a calculation, and three of the expert's."""
    outcomes = ["rewritten"] * 3 + ["expert_fallback"] * 3
    rows = [
        {
            "problem_id": problem.id,
            "target": 0,
            "target_text": "So be it." if number == 2 else problem.solution,
            "outcome": outcome,
        }
        for number, (problem, outcome) in enumerate(zip(generate_problems(DATA).train, outcomes, strict=True))
    ]
    write_table(path / "rewrites.parquet", rows, REWRITES)
    return path / "rewrites.parquet"


def test_only_rewritten_targets_of_lessons_count(tmp_path: Path) -> None:
    rewrites = targets(tmp_path)
    counts = lesson_counts(DATA, rewrites)
    assert counts == {"lesson/named": 2, "lesson/hidden": 0, "lesson/false": 1}
    assert lesson_shares(counts) == {"named": 2 / 3, "hidden": 0.0, "false": 1 / 3}
    mixed = MixData(sources={"new": DATA, "old": GsmSymbolicData()})
    assert lesson_counts(mixed, rewrites) == counts


def test_other_data_holds_no_lessons(tmp_path: Path) -> None:
    assert lesson_counts(LabData(), tmp_path / "none") == {}
    assert lesson_shares({"rewritten": 3}) == {}


def test_nothing_rewritten_has_no_share() -> None:
    shares = lesson_shares({f"lesson/{way}": 0 for way in ("named", "hidden", "false")})
    assert shares == {"named": 0.0, "hidden": 0.0, "false": 0.0}
