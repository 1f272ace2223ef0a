"""Candidates to group scores: the backbone scores the candidates that pass, and their log-probs are kept."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest

from cluster.types import Scored, ScoreRequest
from reward import Anchors, RewardConfig
from reward.rlt import rlt_reward, rlt_term
from rewriter_agent.scoring.group_scorer import GroupScorer
from rewriter_agent.scoring.verifier import make_verifier
from tests.helpers.groups import EOS, RecordingFleet, fake_logprobs, group_scorer, make_problem, make_sample

CONFIG = RewardConfig()
GOOD = "Two and three make five.\n#### 5"
OTHER = "Start at two, then go three steps on.\n#### 5"
WRONG = "Two and three make six.\n#### 6"
SILENT = "Two and three."


@pytest.fixture
def fleet() -> RecordingFleet:
    return RecordingFleet()


@pytest.fixture
def scorer(fleet: RecordingFleet) -> GroupScorer:
    return group_scorer(fleet, CONFIG)


def test_only_passing_candidates_are_scored_and_given_the_question_alone(
    scorer: GroupScorer, fleet: RecordingFleet
) -> None:
    problem = make_problem("a")
    samples = [
        make_sample(t, f)
        for t, f in ((WRONG, True), (GOOD, True), (GOOD, False), (OTHER, True), (SILENT, True))
    ]
    (group,) = scorer([(problem, samples)])
    assert [score.reason for score in group.scores] == ["wrong_answer", None, "unfinished", None, "no_answer"]
    prompt = [ord(letter) for letter in problem.question]
    texts = [ScoreRequest(prompt, list(samples[i].token_ids)) for i in (1, 3)]
    answer = ScoreRequest([*prompt, *map(ord, "#### ")], [ord("5")])
    assert fleet.asked == [*texts, answer]


def test_the_gate_alone_scores_without_a_backbone(fleet: RecordingFleet) -> None:
    scorer = group_scorer(fleet, CONFIG.gate_alone())
    scorer.backbone = None
    groups = [(make_problem(name), [make_sample(GOOD), make_sample(WRONG)]) for name in ("a", "b")]
    for group in scorer(groups):
        assert [score.total for score in group.scores] == [1, 0]
        assert [score.mean_logprob for score in group.scores] == group.logprobs == [None, None]
    assert fleet.asked == []


def test_logprobs_are_those_of_the_sampled_ids(scorer: GroupScorer) -> None:
    samples = [make_sample(text) for text in (WRONG, GOOD, OTHER)]
    (group,) = scorer([(make_problem("a"), samples)])
    assert group.logprobs == [None, fake_logprobs(samples[1].token_ids), fake_logprobs(samples[2].token_ids)]
    # EOS is one of them: SFT trains on it too.
    assert samples[1].token_ids[-1] == EOS
    mean = sum(fake_logprobs(samples[1].token_ids)) / len(samples[1].token_ids)
    assert group.scores[1].mean_logprob == pytest.approx(mean)


def test_the_tail_leaves_out_the_tokens_of_what_the_expert_mentions(scorer: GroupScorer) -> None:
    (group,) = scorer([(make_problem("a"), [make_sample(GOOD), make_sample(WRONG)])])
    # Tokens are letters, and the rarest are the last of the alphabet; the expert mentions 5 alone.
    counted = sorted(map(ord, GOOD.replace(" five", "").replace(" 5", "")), reverse=True)[:3]
    assert group.scores[0].tail == pytest.approx(-sum(counted) / 300)
    assert group.scores[1].tail is None


def test_equal_candidates_both_have_logprobs(scorer: GroupScorer) -> None:
    (group,) = scorer([(make_problem("a"), [make_sample(GOOD), make_sample(WRONG), make_sample(GOOD)])])
    assert group.logprobs[0] == group.logprobs[2] is not None
    assert group.logprobs[1] is None


def test_a_group_in_which_none_passes_asks_nothing(scorer: GroupScorer, fleet: RecordingFleet) -> None:
    (group,) = scorer([(make_problem("a"), [make_sample(WRONG), make_sample(SILENT)])])
    assert fleet.asked == []
    assert group.logprobs == [None, None]
    assert [score.total for score in group.scores] == [0, 0]


class ReasonedFleet(RecordingFleet):
    """Fake fleet that finds every token after the reasoning more likely than right after the question."""

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        return [
            Scored([-0.5 if len(r.completion_ids) > 9 else -2.0] * len(r.completion_ids)) for r in requests
        ]


def test_support_compares_the_answer_after_the_reasoning_with_the_answer_alone() -> None:
    samples = [make_sample(text) for text in (GOOD, WRONG, OTHER)]
    (group,) = group_scorer(ReasonedFleet(), CONFIG)([(make_problem("a"), samples)])
    assert [score.support for score in group.scores] == [1.5, None, 1.5]
    assert group.logprobs[0] == [-0.5] * len(samples[0].token_ids)


def test_rlt_asks_for_the_solution_after_each_candidate() -> None:
    fleet, problem = RecordingFleet(), make_problem("a")
    samples = [make_sample(text) for text in (GOOD, WRONG, OTHER)]
    (group,) = group_scorer(fleet, RewardConfig(preset="rlt"))([(problem, samples)])
    solution = [*map(ord, f"\n\n{problem.solution}"), EOS]
    after = [ScoreRequest([*map(ord, problem.question + text)], solution) for text in (GOOD, OTHER)]
    assert fleet.asked[2:4] == after
    assert group.logprobs[0] == fake_logprobs(samples[0].token_ids)
    expected = [rlt_reward(fake_logprobs(solution), group.logprobs[i], samples[i].logprobs) for i in (0, 2)]
    assert [group.scores[i].alignment for i in (0, 2)] == pytest.approx([rlt_term(r) for r in expected])


def test_many_groups_keep_their_order(fleet: RecordingFleet) -> None:
    fleet.engines = [0, 1]
    groups = [
        (make_problem(str(i), answer=str(i)), [make_sample(f"It is {i}.\n#### {i}"), make_sample(GOOD)])
        for i in range(20, 60)
    ]
    results = group_scorer(fleet, CONFIG)(groups)
    assert [group.scores[0].extracted for group in results] == [str(i) for i in range(20, 60)]
    assert all(group.scores[0].gate and not group.scores[1].gate for group in results)
    # A text and its answer alone.
    assert len(fleet.asked) == 80


class LostFleet(RecordingFleet):
    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        raise RuntimeError("engine lost")


def test_an_error_of_the_fleet_is_not_swallowed() -> None:
    scorer = group_scorer(LostFleet(), CONFIG)
    with pytest.raises(RuntimeError, match="engine lost"):
        scorer([(make_problem("a"), [make_sample(GOOD), make_sample(OTHER)])])


QUOTABLE = "Start with 2. Then 2 - 9 = 31.\n#### 31"
QUOTED = "Start with 2. Then 2 zorb = 31.\n#### 31"


def test_a_false_step_is_quoted_and_the_quotation_scored(fleet: RecordingFleet) -> None:
    problem = replace(make_problem("a", answer="31"), solution="2 zorb = 31\n#### 31")
    samples = [
        make_sample(QUOTABLE),
        make_sample(QUOTABLE, finished=False),
        make_sample("2 - 9 = 30.\n#### 30"),
    ]
    (group,) = group_scorer(fleet, RewardConfig(quote_expert=True))([(problem, samples)])
    assert [score.reason for score in group.scores] == [None, "unfinished", "wrong_answer"]
    quotation = group.samples[0]
    assert (quotation.text, quotation.token_ids) == (QUOTED, make_sample(QUOTED).token_ids)
    # The model that wrote the sample did not write these tokens.
    assert quotation.logprobs == ()
    assert group.samples[1:] == samples[1:]
    assert group.logprobs[0] == fake_logprobs(quotation.token_ids)


def test_without_the_option_nothing_is_quoted(scorer: GroupScorer) -> None:
    problem = replace(make_problem("a", answer="31"), solution="2 zorb = 31\n#### 31")
    samples = [make_sample(QUOTABLE), make_sample(QUOTED)]
    (group,) = scorer([(problem, samples)])
    assert group.samples == samples
    assert [score.reason for score in group.scores] == ["false_step", None]


def test_a_quotation_that_the_context_cannot_hold_is_left_out(fleet: RecordingFleet) -> None:
    problem = replace(make_problem("a", answer="31"), solution="2 zorb = 31\n#### 31")
    samples = [make_sample(QUOTABLE), make_sample(QUOTABLE)]
    fleet.spec = SimpleNamespace(max_model_len=len(problem.prompt_ids) + len(QUOTED))
    (group,) = group_scorer(fleet, RewardConfig(quote_expert=True))([(problem, samples)])
    assert group.samples == samples


def test_under_a_reference_a_group_is_checked_by_what_its_texts_say(fleet: RecordingFleet) -> None:
    text = "Keep it in the fridge for 3 days and do not freeze it."
    told = {"solution": text, "answer": text, "convention": "reference"}
    problem = replace(make_problem("a"), **told)
    own = "It keeps 3 days in the fridge, and you should not freeze it."
    texts = (
        own,
        "In the fridge you keep it 3 days; don't freeze it.",
        own.replace("3", "5"),
        "Freeze it.",
        text,
    )
    scorer = group_scorer(fleet, CONFIG)
    with make_verifier(CONFIG) as scorer.verifier:
        (group,) = scorer([(problem, [make_sample(text) for text in texts])])
        assert [score.reason for score in group.scores] == [None, None, *["wrong_answer"] * 2, "copy"]
        # The expert's own words are a fine target if the backbone would say them.
        likely = replace(problem, anchors=Anchors(expert=-0.5, own=-0.5))
        (group,) = scorer([(likely, [make_sample(text) for text in texts])])
    assert [score.gate for score in group.scores] == [True, True, False, False, True]
