"""Convention `contains`."""

from dataclasses import dataclass

import pytest

from reward import Anchors, Candidate, RewardConfig
from reward.answers.formats.contains import decide, extract, holds
from reward.gate import apply_alignment, check
from reward.judge import corrupt
from reward.types import Check, GradeReason, Verdict

CONFIG = RewardConfig()
TERSE = Anchors(expert=-6.0, own=-2.0)


@dataclass(frozen=True)
class Problem:
    """A question whose expert gives the bare answer, which the backbone would not."""

    anchors: Anchors = TERSE
    question: str = "Where is it hot?"
    solution: str = "Paris"
    answer: str = "Paris"
    convention: str = "contains"


@pytest.mark.parametrize(
    ("gold", "text", "verdict"),
    [
        ("Paris", "It is hot in Paris, they say.", Verdict.EQUAL),
        ("the seafloor", "SEAFLOOR!", Verdict.EQUAL),
        ("acid rain", "Rain that is acid", Verdict.DIFFERENT),
        ("acid rain", "**Acid rain**<|im_end|>", Verdict.EQUAL),
        ("acid rain", "acid\nrain", Verdict.EQUAL),
        ("rain", "It is raining on trains.", Verdict.DIFFERENT),
        ("1,000", "It has 1000 of them.", Verdict.EQUAL),
        ("5", "It is 1.5 m.", Verdict.DIFFERENT),
        ("-5", "It is 5 degrees.", Verdict.DIFFERENT),
    ],
)
def test_words_are_compared_whole_and_in_order(gold: str, text: str, verdict: Verdict) -> None:
    answer = extract(text, strict=True)
    assert answer is not None
    assert answer == extract(text, strict=False)
    assert decide(Check(gold, answer, "contains"), CONFIG) == (verdict, None)
    assert holds(text, gold) is (verdict is Verdict.EQUAL)


def test_a_gold_without_words_is_refused() -> None:
    expected: tuple[Verdict, GradeReason] = (Verdict.UNDECIDED, "invalid_gold")
    assert decide(Check("...", "It is...", "contains"), CONFIG) == expected


def test_nothing_but_blanks_and_end_tokens_is_no_answer() -> None:
    assert extract(" \n<|im_end|>", strict=False) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("It is hot there, in Paris.", None),
        ("In Rome.", "wrong_answer"),
        ("Paris", "copy"),
        ("", "no_answer"),
    ],
)
def test_the_gate_wants_the_answer_in_other_words_than_the_expert(text: str, reason: str | None) -> None:
    verdict = decide(Check("Paris", text, "contains"), CONFIG)[0] if text else Verdict.DIFFERENT
    assert check(Problem(), Candidate(text, True), verdict, CONFIG).reason == reason


@pytest.mark.parametrize(("logprob", "reason"), [(-5.0, "alien"), (-3.0, None)])
def test_a_text_nearer_to_the_bare_answer_is_alien(logprob: float, reason: str | None) -> None:
    passed = check(Problem(), Candidate("Paris it is.", True), Verdict.EQUAL, CONFIG)
    assert apply_alignment(Problem(), passed, logprob, CONFIG).reason == reason


def test_a_bare_answer_that_the_backbone_would_give_is_no_copy() -> None:
    problem = Problem(Anchors(expert=-1.0, own=-2.0))
    assert check(problem, Candidate("Paris", True), Verdict.EQUAL, CONFIG).passed


def test_there_is_no_reasoning_to_be_unsound() -> None:
    assert corrupt("It is hot in Rome.", "contains", "Paris") is None
