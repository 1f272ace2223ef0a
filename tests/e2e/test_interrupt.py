"""Ctrl-C during rewriting, whose shards are made in a thread."""

import pytest

from tests.helpers.killed_run import WholeRun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_interrupt_ends_with_130_and_says_how_to_resume(whole_run: WholeRun) -> None:
    interrupted = whole_run.ended["SIGINT rewrite"]
    assert interrupted.status == 130
    assert "re-run the same command to resume" in interrupted.output
    assert "Traceback" not in interrupted.output


def test_interrupt_leaves_nothing_running(whole_run: WholeRun) -> None:
    assert whole_run.ended["SIGINT rewrite"].left == []
