"""A short GRPO run in the laboratory raises alignment while correctness holds."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from rewriter_agent.config.data import LabData
from rewriter_agent.data.load import load_problems
from rewriter_agent.models.lab import LAB_FOLDER
from tests.helpers.short_grpo import ShortRun, anchored, learn

pytestmark = [pytest.mark.slow, pytest.mark.long]

SEEDS = (0, 1)
LENGTH = 112


def test_alignment_rises_while_correctness_holds(tmp_path: Path) -> None:
    problems = load_problems(LabData(steps=(1, 2), num_train=16, num_test=1)).train
    run = ShortRun(LAB_FOLDER, anchored(LAB_FOLDER, problems, LENGTH), 10, 2, LENGTH, temperature=1.0)
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        runs = [
            [processes.submit(learn, run, weights, seed, tmp_path) for seed in SEEDS]
            for weights in (None, {"alignment_weight": 1.0})
        ]
        before, after = [[run.result() for run in seeds] for seeds in runs]
    print(before, after, sep="\n")
    for start, end in zip(before, after, strict=True):
        assert end.alignment > start.alignment
        assert end.gate >= start.gate
