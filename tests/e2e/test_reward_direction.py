"""GRPO raises the rewarded terms: diversity rises against a run in which its weight is zero.

Alignment has its test in the laboratory, in which diversity is high from the start.
"""

from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import pytest

from rewriter_agent.data.problem import Problem
from tests.helpers import tiny
from tests.helpers.short_grpo import ShortRun, anchored, learn

pytestmark = [pytest.mark.slow, pytest.mark.long]

SEEDS = (0, 1)
LENGTH = 40
# Phrasings of the backbone mixed up.
SOLUTION = "First there are {a} {t}, then {b} more. That makes {s} {t}.\n#### {s}"


def test_diversity_rises_against_a_run_without_it(tiny_backbone: Path, tmp_path: Path) -> None:
    problems = [
        Problem(str(i), row["question"], SOLUTION.format(**row), row["answer"], "####", "test")
        for i, row in enumerate(islice(tiny.worlds(seed=5), 24))
    ]
    # Colder than the backbone, whose phrasings are equally likely: diversity has room to rise, too.
    run = ShortRun(tiny_backbone, anchored(tiny_backbone, problems, LENGTH), 25, 4, LENGTH, temperature=0.5)
    settings = [{}, {"diversity_weight": 3.0}]
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        runs = [
            [processes.submit(learn, run, weights, seed, tmp_path) for seed in SEEDS] for weights in settings
        ]
        without, diverse = [[run.result() for run in seeds] for seeds in runs]
    for plain, paid in zip(without, diverse, strict=True):
        assert paid.diversity > plain.diversity
        assert paid.gate > plain.gate - 0.1
