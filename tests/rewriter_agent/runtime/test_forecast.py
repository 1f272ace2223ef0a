"""Standing of a run, and the time left in all."""

from pathlib import Path

import pytest

from rewriter_agent.config import RunConfig
from rewriter_agent.io.files import write_json
from rewriter_agent.pipeline import EVALUATIONS, SFT_EXPERT, SFT_REWRITTEN, STAGES
from rewriter_agent.runtime.forecast import standing
from rewriter_agent.runtime.runner import main_counts
from rewriter_agent.runtime.stage import Stage


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    return RunConfig.model_validate(
        {
            "name": "r",
            "output_dir": str(tmp_path),
            "model": {"name_or_path": "lab", "max_model_len": 512},
            "data": {"source": "gsm_symbolic"},
        }
    )


def took(config: RunConfig, stage: Stage, seconds: float, fingerprint: str | None = None) -> None:
    manifest = {"wall_seconds": seconds, "fingerprint": fingerprint or stage.fingerprint(config)}
    write_json(stage.folder(config).manifest, manifest)


def test_a_first_run_has_no_estimate_until_each_later_stage_has_a_like(config: RunConfig) -> None:
    wanted = [stage for stage in STAGES if stage.wanted(config)]
    assert standing(wanted[0], STAGES, config) == f"stage 1 of {len(wanted)}"
    for stage in wanted[: wanted.index(SFT_EXPERT)]:
        took(config, stage, 60.0)
    assert standing(SFT_EXPERT, STAGES, config) == f"stage {wanted.index(SFT_EXPERT) + 1} of {len(wanted)}"
    took(config, SFT_EXPERT, 100.0)
    # One more fine-tuning, and two evaluations like that of the base.
    place = f"stage {wanted.index(SFT_REWRITTEN) + 1} of {len(wanted)}"
    assert standing(SFT_REWRITTEN, STAGES, config) == f"{place}, about 03:40 left in all"


def test_a_repeated_run_takes_as_long_as_before(config: RunConfig) -> None:
    wanted = [stage for stage in STAGES if stage.wanted(config)]
    for stage in wanted:
        took(config, stage, 60.0, "other inputs")
    expected = f"stage 1 of {len(wanted)}, about {len(wanted):02d}:00 left in all"
    assert standing(wanted[0], STAGES, config) == expected
    # Stages that are complete take no time.
    evaluated = EVALUATIONS["rewritten"]
    took(config, evaluated, 60.0)
    assert f"about {len(wanted) - 1:02d}:00 left" in standing(wanted[0], STAGES, config)


def test_the_main_counts_leave_out_parts_and_what_did_not_happen() -> None:
    counts = {"rows": 48, "dropped": 0, "rejected/alien": 22, "accuracy": 0.0, "weight": "none"}
    assert main_counts(counts) == {"rows": 48, "accuracy": 0.0, "weight": "none"}
