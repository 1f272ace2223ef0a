"""How much a model thinks."""

from reward import Verifier
from reward.config import RewardConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.evaluate.answers import Answer
from rewriter_agent.evaluate.presets import PromptFormat
from rewriter_agent.evaluate.result import ModelResult
from rewriter_agent.evaluate.summary import counts
from rewriter_agent.evaluate.task import grade
from rewriter_agent.evaluate.thinking import thinking
from tests.helpers.local_fleet import make_tokenizer


def test_reasoning_is_counted_wherever_it_was_opened() -> None:
    replies = ["<think>\none two\n</think>\n5", "one two three four</think>5", "<think></think>5", "5"]
    assert thinking(replies) == {"thinks": 0.5, "reasoning_words": 3.0}
    # What does not think has no measures, and results of before stay as they were.
    assert thinking(["5", "<think>\n\n</think>\n\n5"]) == {}


def test_the_answer_part_is_graded_and_the_counts_tell_of_the_reasoning() -> None:
    problems = [Problem(f"p{number}", f"q{number}", "#### 7", "7", "####", "test") for number in range(2)]
    texts = ["<think>\nIs it #### 8?\n</think>\n\n#### 7", "<think>\n#### 7\n</think>\n\nI do not know."]
    answers = [Answer(one.id, 0, text, 9, True) for one, text in zip(problems, texts, strict=True)]
    with Verifier(RewardConfig(max_verifiers=1)) as verifier:
        part = grade("task", problems, answers, PromptFormat(make_tokenizer(), "chat"), verifier.verify, "")
    assert part.scores["strict"] == {"p0": 1.0, "p1": 0.0}
    found = counts(ModelResult(part, [part]))
    assert (found["task/thinks"], found["task/reasoning_words"]) == (1.0, 3.0)
