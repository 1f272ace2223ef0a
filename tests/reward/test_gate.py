from dataclasses import dataclass

import pytest

from reward import Anchors, Candidate, RewardConfig, Verdict, check
from reward.gate import find_leak, overlap_share

EXPERT = (
    "Janet's ducks lay sixteen eggs per day and she eats three of them for breakfast every single morning "
    "so she sells thirteen eggs for two dollars each\n#### 26"
)
OWN = "We start from 16 eggs. After breakfast 13 are left, and each brings 2 dollars.\n#### 26"


ANCHORS = Anchors(expert=-2.0, own=-0.5)


@dataclass(frozen=True)
class Problem:
    anchors: Anchors = ANCHORS
    question: str = "How much does Janet earn?"
    solution: str = EXPERT
    answer: str = "26"
    convention: str = "####"


def reason(
    text: str, verdict: Verdict | None = Verdict.EQUAL, finished: bool = True, problem: Problem | None = None
) -> str | None:
    return check(problem or Problem(), Candidate(text, finished), verdict, RewardConfig()).reason


def test_each_broken_rule_has_its_code() -> None:
    assert reason(OWN) is None
    assert reason(OWN, finished=False) == "unfinished"
    assert reason(OWN.replace("#### ", "")) == "no_answer"
    assert reason(OWN, Verdict.DIFFERENT) == "wrong_answer"
    assert reason(OWN, Verdict.UNDECIDED) == "undecided"
    assert reason(f"As the Reference  Solution says, it is 26.\n{OWN}") == "leak"
    assert reason(EXPERT) == "copy"


def test_text_rules_come_before_the_verdict() -> None:
    assert reason(EXPERT, Verdict.DIFFERENT) == "copy"
    assert reason(EXPERT, None) == "copy"
    pending = check(Problem(), Candidate(OWN, True), None, RewardConfig())
    assert pending.passed
    assert pending.extracted == "26"


def test_a_copy_passes_where_the_expert_is_in_distribution() -> None:
    assert reason(EXPERT, problem=Problem(Anchors(expert=-0.52, own=-0.5))) is None
    assert reason(EXPERT, problem=Problem(Anchors(expert=-0.3, own=-0.5))) is None


def test_a_lightly_edited_copy_is_still_one() -> None:
    assert reason(EXPERT.replace("two dollars each", "two dollars apiece today")) == "copy"


def test_a_phrase_of_the_question_is_no_leak() -> None:
    phrases = ["original solution"]
    assert find_leak("The original solution has 3 l acid.", "Dilute a solution.", phrases) == phrases[0]
    assert find_leak("The original solution has 3 l acid.", "The original solution ...", phrases) is None
    assert find_leak("These original solutions", "", phrases) is None


@pytest.mark.parametrize(
    ("text", "share"),
    [("a b c d", 1.0), ("a b x d", 0.0), ("b c d e f", 2 / 3), ("A,  B.", 0.0), ("", 0.0)],
)
def test_overlap_share(text: str, share: float) -> None:
    assert overlap_share(text, "a b c d e", 3) == pytest.approx(share)


def test_overlap_of_texts_shorter_than_an_ngram_compares_them_whole() -> None:
    assert overlap_share("It is 5.", "it is  5", 8) == 1.0
    assert overlap_share("It is 6.", "it is  5", 8) == 0.0
