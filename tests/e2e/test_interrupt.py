"""Ctrl-C during training."""

import pytest
from killed_run import WholeRun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_interrupt_ends_with_130_and_says_how_to_go_on(whole_run: WholeRun) -> None:
    interrupted = whole_run.ended["SIGINT train"]
    assert interrupted.status == 130
    assert "the same command goes on" in interrupted.output
    assert "Traceback" not in interrupted.output


def test_interrupt_leaves_nothing_running(whole_run: WholeRun) -> None:
    interrupted = whole_run.ended["SIGINT train"]
    assert interrupted.left == []
    assert interrupted.seconds < 40
