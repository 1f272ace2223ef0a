"""SciQ without its answer key, for the measurement by hidden gold answers."""

from pathlib import Path

from benchmarks.hidden_gold import hidden_golds
from benchmarks.sciq_replies import write_replies
from reward.answers.formats.contains import holds
from rewriter_agent.config import load_config
from rewriter_agent.config.data import FileData
from rewriter_agent.data.load import load_problems


def test_the_run_reads_no_gold_and_the_measurement_finds_each(tmp_path: Path) -> None:
    config = load_config(write_replies(tmp_path, train=6))
    problems = load_problems(config.data)
    assert isinstance(config.data, FileData)
    golds = hidden_golds(config.data, "gold")
    assert len(problems.train) == 6
    for problem in problems.train:
        assert problem.convention == "reference"
        assert problem.answer == problem.solution
        assert "The answer is" not in problem.solution
        assert holds(problem.solution, golds[problem.id])
