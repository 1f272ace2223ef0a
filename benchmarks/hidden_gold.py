"""False acceptance of the checks against a reference, by gold answers that the run did not see.

`python -m benchmarks.hidden_gold CONFIG --column gold` reads the candidates of a finished rewriting under `reference`.
A candidate that passes all checks is a false acceptance if it does not hold the gold answer of its row; one that the
checks reject as `wrong_answer` is a false rejection if it does.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reward import Check, RewardConfig, Verdict, Verifier
from reward.judge import FalseAcceptance
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.config.data import FileData
from rewriter_agent.data.files import listed
from rewriter_agent.data.problem import problem_id
from rewriter_agent.data.read import read_file
from rewriter_agent.data.values import answer_text, decode_row, text_as_it_is
from rewriter_agent.io.files import read_table
from rewriter_agent.runtime.run_folder import RunFolder


def hidden_golds(data: FileData, column: str) -> dict[str, str]:
    """Gold answers of the training rows, by the id of the problem."""
    wanted = [data.columns.question, column]
    rows = [
        decode_row(row) for path in listed(data.train) for _, row in read_file(path, "data.train", wanted)
    ]
    question = data.columns.question
    return {problem_id(text_as_it_is(row, question)): answer_text(row, column) for row in rows}


def errors(
    candidates: Sequence[dict[str, Any]], golds: dict[str, str], convention: str
) -> dict[str, FalseAcceptance]:
    """False acceptance and false rejection of the candidates that only the checks decided."""
    decided = [row for row in candidates if row["gate"] or row["reason"] == "wrong_answer"]
    with Verifier(RewardConfig()) as verifier:
        checks = [Check(golds[row["problem_id"]], row["text"], convention) for row in decided]
        is_right = [grade.verdict is Verdict.EQUAL for grade in verifier.verify(checks)]
    pairs = list(zip(decided, is_right, strict=True))
    return {
        "false acceptance": FalseAcceptance.of([not right for row, right in pairs if row["gate"]]),
        "false rejection": FalseAcceptance.of([right for row, right in pairs if not row["gate"]]),
    }


def measure(config: RunConfig, column: str, convention: str) -> dict[str, FalseAcceptance]:
    """Errors of a finished rewriting.

    Raises:
        ValueError: the config is not one of local files under `reference`.
    """
    if not isinstance(config.data, FileData) or config.convention != "reference":
        raise ValueError("hidden_gold reads a run with data.source=file and data.convention=reference")
    candidates = list(
        read_table(RunFolder(config.folder).rewrite.candidates, ("problem_id", "gate", "reason", "text"))
    )
    return errors(candidates, hidden_golds(config.data, column), convention)


def main() -> None:
    """Print the errors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--column", required=True, help="column of the hidden gold answers")
    parser.add_argument("--convention", default="contains", help="convention that finds them in a text")
    options = parser.parse_args()
    found = measure(load_config(options.config, options.set), options.column, options.convention)
    for name, error in found.items():
        low, high = error.interval()
        print(f"{name:<18}{error.accepted:>6} of {error.trials:<6} ({low:.1%} to {high:.1%})")


if __name__ == "__main__":
    main()
