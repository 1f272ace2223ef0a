"""Ctrl-C during training, and during rewriting, whose shards are made in a thread."""

import pytest

from tests.helpers.killed_run import WholeRun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.mark.parametrize("stage", ["train", "rewrite"])
def test_interrupt_ends_with_130_and_says_how_to_go_on(whole_run: WholeRun, stage: str) -> None:
    interrupted = whole_run.ended[f"SIGINT {stage}"]
    assert interrupted.status == 130
    assert "re-run the same command to resume" in interrupted.output
    assert "Traceback" not in interrupted.output


@pytest.mark.parametrize("stage", ["train", "rewrite"])
def test_interrupt_leaves_nothing_running(whole_run: WholeRun, stage: str) -> None:
    interrupted = whole_run.ended[f"SIGINT {stage}"]
    assert interrupted.left == []
