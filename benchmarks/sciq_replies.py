"""Reading questions of SciQ as data without an answer key, with a column of hidden gold answers for `hidden_gold`.

`python -m benchmarks.sciq_replies FOLDER` writes the rows, and a config for SmolLM2 that does not read `gold`.
The expert's reply is the passage's sentences that hold the answer. SciQ's licence is CC BY-NC 3.0.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import yaml

from rewriter_agent.config.data import SciqData
from rewriter_agent.data.problem import Problem
from rewriter_agent.data.reading import generate_problems
from rewriter_agent.io.files import write_jsonl

CONFIG = {
    "name": "sciq-replies",
    "model": {"name_or_path": "smollm2-135m-instruct", "max_model_len": 768},
    "prompts": {"rewrite": "instructions"},
    "prepare": {"num_own_samples": 2, "temperature": 0.7, "max_completion_length": 96, "shard_size": 16},
    "cluster": {"engines": 1, "scorers": 1, "max_num_seqs": 64, "kv_cache_gb": 0.3},
    "rewrite": {
        "strategy": "best_of_n",
        "num_generations": 4,
        "temperature": 0.7,
        "max_completion_length": 96,
        "shard_size": 16,
    },
    "tracking": {"report_to": "none"},
}


def write_replies(folder: Path, train: int, test: int = 8) -> Path:
    """Write rows and config, and return the path of the config."""
    problems = generate_problems(SciqData(num_train=train, num_test=test))
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", problems.train), ("test", problems.test)):
        write_jsonl(folder / f"{name}.jsonl", rows(part))
    data = {
        "source": "file",
        "convention": "reference",
        "columns": {"question": "question", "solution": "reply"},
        **{name: str(folder / f"{name}.jsonl") for name in ("train", "test")},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump({**CONFIG, "output_dir": str(folder), "data": data}, sort_keys=False))
    return path


def rows(problems: Sequence[Problem]) -> list[dict[str, str]]:
    """Question, reply and hidden gold of each problem."""
    return [
        {
            "question": problem.question,
            # Its last line states the answer, which a reply to a person would not.
            "reply": problem.solution.rpartition("\n")[0],
            "gold": problem.answer,
        }
        for problem in problems
    ]


def main() -> None:
    """Write the files and print the commands that follow."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=48, help="training rows")
    options = parser.parse_args()
    path = write_replies(options.folder, options.rows)
    print(f"rewriter-agent rewrite {path}\npython -m benchmarks.hidden_gold {path} --column gold")


if __name__ == "__main__":
    main()
