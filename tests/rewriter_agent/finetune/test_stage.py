"""What fine-tuning is given."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from rewriter_agent.config import RunConfig
from rewriter_agent.finetune.refresh import Part, Pool, next_part, staleness
from rewriter_agent.finetune.rows import problems_dropped, require_rewritten, rewritten_rows
from rewriter_agent.finetune.stage import plain
from rewriter_agent.io.files import write_table
from rewriter_agent.prepare.records import PREPARED
from rewriter_agent.rewrite.record import REWRITES
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.runtime.session import Session
from sft.config.sft import RefreshSection, SFTConfig
from sft.config.weights import NoWeight
from sft.data.rows import SFTRow
from sft.job import SFTJob


def row(outcome: str) -> SFTRow:
    return SFTRow([5], [6, 0], [-1.0, -1.0], "backbone", outcome)


def test_targets_that_are_all_the_experts_are_refused() -> None:
    require_rewritten([row("expert_fallback"), row("rewritten")], "best_of_n")
    require_rewritten([row("expert")], "expert")
    require_rewritten([row("expert_kept")], "best_of_n")
    with pytest.raises(ValueError, match="no candidate of strategy 'best_of_n' passed the gate: all 2"):
        require_rewritten([row("expert_fallback")] * 2, "best_of_n")
    with pytest.raises(ValueError, match="there is no target to train on"):
        require_rewritten([], "self_train")


@pytest.mark.parametrize(
    ("method", "outcomes", "dropped"),
    [
        ("rewrite", ["rewritten", "expert_fallback", "self_correct"], {}),
        ("accepted_only", ["rewritten", "self_correct"], {"problems_dropped": 1}),
        ("self_train", ["rewritten", "self_correct"], {"problems_dropped": 1}),
    ],
)
def test_a_method_drops_what_was_not_accepted(
    tmp_path: Path, method: str, outcomes: list[str], dropped: dict[str, int]
) -> None:
    session = made_up(tmp_path, method, ("rewritten", "expert_fallback", "self_correct"))
    rows = dict(rewritten_rows(session, session.folder.rewrite.rewrites))
    assert [row.outcome for row in rows.values()] == list(rows) == outcomes
    assert problems_dropped(session) == dropped


def made_up(folder: Path, method: str, outcomes: Sequence[str]) -> Session:
    """Session of a method after rewriting; each problem is named after its outcome."""
    prepared = {"prompt_ids": [5], "expert_ids": [7, 0], "expert_logprobs": [-2.0, -2.0]}
    run = RunFolder(folder / "r")
    write_table(run.prepare.prepared, [{"id": name, **prepared} for name in outcomes], PREPARED)
    target = {"target": 0, "target_ids": [6, 0], "behavior": "backbone", "behavior_logprobs": [-1.0, -1.0]}
    rows = [{"problem_id": name, "outcome": name, **target} for name in outcomes]
    write_table(run.rewrite.rewrites, rows, REWRITES)
    tree = {"name": "r", "output_dir": folder, "model": {}, "data": {"source": "lab"}, "method": method}
    return cast(Session, SimpleNamespace(config=RunConfig.model_validate(tree), folder=run))


def test_a_pool_of_no_accepted_targets_is_refused(tmp_path: Path) -> None:
    session = made_up(tmp_path, "accepted_only", ("expert_fallback", "expert_kept"))
    with pytest.raises(ValueError, match="no candidate of strategy 'policy' passed the gate"):
        Pool.of(session)
    assert Pool.of(made_up(tmp_path, "accepted_only", ("rewritten", "expert_kept"))).ids == ["rewritten"]


def test_the_plain_arm_has_no_weights_and_no_refresh() -> None:
    sft = SFTConfig.model_validate(
        {
            "weight": {"kind": "dft"},
            "outcome_weights": {"rewritten": {"kind": "dft"}},
            "refresh": {"steps": 3},
        }
    )
    assert plain(sft).rules == [NoWeight()]
    assert plain(sft).refresh is None


@pytest.mark.parametrize(
    ("done", "until", "limit", "behind"),
    [
        ([], 4, 0.1, 0),
        ([Part(0, 4, 0.03)], 8, 0.13, 4),
        ([Part(0, 4, 0.03), Part(4, 6, 0.15)], 10, 0.25, 6),
        ([Part(0, 9, 0.2)], 10, 0.3, 9),
    ],
)
def test_a_part_ends_where_the_next_refresh_is_due(
    done: list[Part], until: int, limit: float, behind: int
) -> None:
    refresh = RefreshSection(steps=4, probe_kl=0.1)
    sft = {"max_steps": 10, "refresh": refresh.model_dump(), "probe_steps": 2, "logging_steps": 1}
    job = SFTJob.model_validate(
        {
            "model": "m",
            "rows": "r",
            "end_token_ids": (2,),
            "output_dir": "o",
            "sft": sft,
        }
    )
    part = next_part(job, refresh, done)
    assert (part.until, part.behavior_step) == (until, behind)
    assert part.until_kl == pytest.approx(limit)
    assert next_part(job, RefreshSection(steps=4), done).until_kl is None


def test_staleness_by_hand() -> None:
    found = staleness([Part(0, 3, 0.0), Part(3, 5, 0.1)])
    assert found == {"refreshes": 1, "staleness_mean": 0.8, "staleness_max": 2}


def test_each_pass_takes_all_problems_in_an_order_of_its_own() -> None:
    pool = Pool([str(number) for number in range(20)], rows=20, seed=1)
    passes = [pool.take(first, 20) for first in (0, 20, 40)]
    assert all(sorted(found) == sorted(pool.ids) for found in passes)
    assert len({tuple(found) for found in passes}) == 3
    assert pool.take(5, 10) == passes[0][5:15]


@pytest.mark.parametrize(("rows", "steps", "problems"), [(20, 5, 4), (50, 13, 2), (10, 3, 8)])
def test_training_is_as_long_as_without_refreshes(rows: int, steps: int, problems: int) -> None:
    pool = Pool([str(number) for number in range(20)], rows, seed=0)
    sft = SFTConfig(per_device_train_batch_size=2, num_workers=2)
    assert sft.total_steps(rows) == steps
    assert sft.model_copy(update={"max_steps": 7}).total_steps(rows) == 7
    assert len(pool.take(0, sft.rows_per_step)) == problems
