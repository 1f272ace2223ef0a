"""Test questions with the replies of backbone and student, for methods that leave no rows to read."""

from collections.abc import Mapping

from rewriter_agent.evaluate.result import STRICT, ModelResult
from rewriter_agent.io.files import read_jsonl
from rewriter_agent.runtime.run_folder import RunFolder

from .data import Replies, Reply

SHOWN = 3


def replies(folder: RunFolder, results: Mapping[str, ModelResult]) -> list[Replies]:
    """Take the first test questions, not the best ones, with the greedy replies of `base` and `rewritten`."""
    problems = read_jsonl(folder.prepare.test_problems)[:SHOWN]
    return [
        Replies(
            problem["question"],
            problem["answer"],
            *(_reply(results[arm], problem["id"]) for arm in ("base", "rewritten")),
        )
        for problem in problems
    ]


def _reply(result: ModelResult, problem_id: str) -> Reply:
    (sample,) = [sample for sample in result.task.samples if sample["id"] == problem_id]
    return Reply(sample["text"], bool(result.task.scores[STRICT][problem_id]))
