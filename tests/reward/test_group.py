from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward import Anchors, Candidate, GradedProblem, RewardConfig, Verdict, score_group
from reward.exact import decide

ANCHORS = Anchors(expert=-2.0, own=-1.0)


@dataclass(frozen=True)
class Problem:
    question: str = "What is 3 + 4?"
    solution: str = "three plus four makes seven as everyone who can count well knows\n#### 7"
    answer: str = "7"
    convention: str = "####"
    anchors: Anchors = ANCHORS


@dataclass
class Recorder:
    """Verifier and backbone in one, which remember their calls; every token has log-prob -1.5."""

    verified: list[list[tuple[str, str]]] = field(default_factory=list)
    scored: list[list[str]] = field(default_factory=list)

    def verify(self, pairs: list[tuple[str, str]]) -> list[Verdict]:
        self.verified.append(pairs)
        return [decide(*pair) or Verdict.UNDECIDED for pair in pairs]

    def backbone(self, problem: GradedProblem, candidates: list[Candidate]) -> list[Sequence[float]]:
        self.scored.append([candidate.text for candidate in candidates])
        return [[-1.5] * len(candidate.text.split()) for candidate in candidates]


RIGHT = "We add 3 and 4.\n#### 7"
OTHER_RIGHT = "Counting on from 3: 4, 5, 6, 7.\n#### 7"
GROUP = [
    Candidate(RIGHT, True),
    Candidate("We add.\n#### 8", True),
    Candidate(OTHER_RIGHT, True),
    Candidate("We add 3 and", False),
    Candidate("The reference solution says so.\n#### 7", True),
    Candidate("Hm.\n#### 9^{9}", True),
]


def test_gate_and_terms_compose_and_each_service_is_called_once() -> None:
    recorder, config = Recorder(), RewardConfig()
    scores = score_group(Problem(), GROUP, config=config, verify=recorder.verify, backbone=recorder.backbone)
    assert [score.reason for score in scores] == [
        None,
        "wrong_answer",
        None,
        "unfinished",
        "leak",
        "undecided",
    ]
    assert recorder.verified == [[("7", "7"), ("7", "8"), ("7", "7"), ("7", "9^{9}")]]
    assert recorder.scored == [[RIGHT, OTHER_RIGHT]]
    assert [score.total for score in scores] == pytest.approx([1 + 0.35 * 0.5 + 0.5 * 0.5, 0] * 2 + [0, 0])
    assert scores[0].mean_logprob == -1.5
    assert scores[0].tail_fraction == 1.0
    assert scores[1].mean_logprob is None
    assert scores[1].extracted == "8"


def test_paper_alignment_ranks_within_the_passing_set() -> None:
    def backbone(problem: GradedProblem, candidates: list[Candidate]) -> list[Sequence[float]]:
        return [[-1.0], [-3.0, -3.0]]

    config = RewardConfig(alignment="paper", diversity_weight=0)
    group = [Candidate(RIGHT, True), Candidate(OTHER_RIGHT, True)]
    first, second = score_group(Problem(), group, config=config, verify=Recorder().verify, backbone=backbone)
    assert first.alignment == pytest.approx(0.731, abs=1e-3)
    assert second.alignment == pytest.approx(0.269, abs=1e-3)
    assert first.total == pytest.approx(1 + 0.35 * first.alignment)


def test_no_service_is_called_where_no_candidate_needs_it() -> None:
    recorder = Recorder()
    group = [Candidate("no", True), Candidate("nor this", False)]
    scores = score_group(
        Problem(), group, config=RewardConfig(), verify=recorder.verify, backbone=recorder.backbone
    )
    assert [score.total for score in scores] == [0, 0]
    assert recorder.verified == recorder.scored == []


def test_a_group_of_one_is_refused() -> None:
    recorder = Recorder()
    with pytest.raises(ValueError, match=r"has 1 candidate.*num_generations"):
        score_group(
            Problem(),
            GROUP[:1],
            config=RewardConfig(),
            verify=recorder.verify,
            backbone=recorder.backbone,
        )


@given(st.lists(st.sampled_from(GROUP), min_size=2, max_size=8), st.sampled_from(["anchored", "paper"]))
def test_total_is_zero_exactly_where_the_gate_is_closed(group: list[Candidate], alignment: str) -> None:
    recorder = Recorder()
    config = RewardConfig.model_validate({"alignment": alignment})
    scores = score_group(Problem(), group, config=config, verify=recorder.verify, backbone=recorder.backbone)
    for score in scores:
        assert (score.total == 0) == (not score.gate) == (score.reason is not None)
        assert score.gate == (1 <= score.total <= 1.85)
