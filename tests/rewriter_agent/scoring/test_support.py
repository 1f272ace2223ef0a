"""The tokens of a stated answer, in texts of every convention and tokens of any length."""

from collections.abc import Sequence
from typing import cast

import pytest
import torch
from transformers import AutoModelForCausalLM

from cluster.fleet.fleet import Fleet
from cluster.types import Scored, ScoreRequest
from reward import Anchors, RewardConfig, Verifier
from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.data.prompt_encoder import Tokens, load_tokens
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.scoring.group_scorer import AnchoredProblem, GroupScorer, Sample
from rewriter_agent.scoring.support import StatedAnswer, stated_answer
from tests.helpers.groups import EOS, ExactVerifier, LetterTokens, RecordingFleet

LETTERS = LetterTokens()


@pytest.mark.parametrize(
    ("convention", "text", "marker", "answer"),
    [
        ("####", "5 and 5 make 10.\n#### 10", "#### ", "10"),
        ("boxed", "So $5 + 5 = \\boxed{10}$, which is even.", "\\boxed{", "10"),
        ("answer_is", "5 + 5 = 10. The answer is 10.", "answer is ", "10"),
        ("plain", "We add 5 twice.\n10", "", "10"),
        ("plain", "To find the answer, we add five to five, and five is half of ten.\n10", "", "10"),
        ("choice", "Plants do.\nThe answer is (B).", "answer is (", "B"),
        ("text", "It swims.\nThe answer is the blue whale.", "answer is ", "the blue whale"),
        # The answer is a list that no part of the text holds.
        ("boxed", "So we have\n\\boxed{3} and \\boxed{5}", "", "\\boxed{3} and \\boxed{5}"),
    ],
)
def test_the_answer_and_its_marker_are_found(convention: str, text: str, marker: str, answer: str) -> None:
    ids = [*map(ord, text), EOS]
    found = stated_answer(convention, ids, LETTERS.pieces(ids))
    assert found is not None
    assert "".join(map(chr, found.answer)) == answer
    assert ids[found.start : found.start + len(answer)] == list(found.answer)
    assert "".join(map(chr, found.marker)) == marker
    assert ids[found.start - len(marker) : found.start] == list(found.marker)


@pytest.mark.parametrize("convention", ["contains", "json", "python"])
def test_an_answer_that_is_the_whole_text_has_no_tokens_of_its_own(convention: str) -> None:
    assert stated_answer(convention, [1, 2, EOS], ['{"a":', " 1}", ""]) is None


def test_tokens_of_more_than_the_answer_and_of_less_than_a_character_are_its_tokens() -> None:
    pieces = ["5 + 5", " is", " 10", "\n", "####", " 10.", ""]
    found = stated_answer("####", list(range(7)), pieces)
    assert found == StatedAnswer(start=5, marker=(4,), answer=(5,))
    # Three tokens make the first character of the answer.
    pieces = ["Sie", " fliegt.\n", "The", " answer", " is ", "", "", "鳥", "だ", ""]
    found = stated_answer("text", list(range(10)), pieces)
    assert found == StatedAnswer(start=5, marker=(3, 4), answer=(5, 6, 7, 8))


def test_a_text_that_is_only_its_answer_begins_with_it() -> None:
    assert stated_answer("text", [7, 8, EOS], ["blue", " whale", ""]) == StatedAnswer(0, (), (7, 8))


class TransformersFleet(RecordingFleet):
    """Scores under the laboratory's backbone, without an engine."""

    def __init__(self) -> None:
        super().__init__()
        self.model = AutoModelForCausalLM.from_pretrained(LAB_FOLDER, dtype=torch.float32)

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        self.asked += requests
        return [Scored(self._logprobs(request.prompt_ids, request.completion_ids)) for request in requests]

    @torch.inference_mode()
    def _logprobs(self, prompt: list[int], completion: list[int]) -> list[float]:
        following = self.model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1]
        return following.log_softmax(-1)[range(len(completion)), completion].tolist()


def test_the_backbone_finds_an_answer_more_likely_after_its_derivation_only() -> None:
    tokens = load_tokens(str(LAB_FOLDER), ModelConfig(name_or_path="lab"))
    question = "A tank holds 57 buckets of water. The garden needs 3. Rain adds 10. How many buckets are in the tank?"
    problem = Problem("tank", question, "57 - 3 = 54; 54 + 10 = 64\n#### 64", "64", "####", "test")
    anchored = AnchoredProblem(**vars(tokens.encode(problem)), anchors=Anchors(expert=-2.0, own=-0.5))
    texts = (
        "We start with 57 buckets. 57 minus 3 is 54. Then 54 plus 10 is 64.\n#### 64",
        "We start with 57 buckets. 57 minus 3 is 54. Then 54 plus 10 is 71.\n#### 64",
        "The story begins with 57 buckets and the garden.\n#### 64",
    )
    fleet, config = TransformersFleet(), RewardConfig(min_alignment=0.0, false_step="measure")
    scorer = GroupScorer(tokens, cast(Fleet, fleet), cast(Verifier, ExactVerifier()), config)
    (group,) = scorer([(anchored, [_sample(tokens, text) for text in texts])])
    derived, contradicted, asserted = (score.support for score in group.scores)
    assert derived is not None
    assert contradicted is not None
    assert asserted is not None
    assert derived > 5
    assert contradicted < 0
    assert abs(asserted) < 1
    # The three state it in the same tokens.
    assert len(fleet.asked) == len(texts) + 1


def _sample(tokens: Tokens, text: str) -> Sample:
    ids = tokens.tokenizer.encode(f"{text}{tokens.tokenizer.eos_token}")
    return Sample(text, True, tuple(ids), tuple(-0.5 for _ in ids))
