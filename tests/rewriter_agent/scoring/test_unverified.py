"""Scores of candidates that no rule but their end decides about."""

from dataclasses import replace
from typing import cast

from cluster.fleet.fleet import Fleet
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.scoring.unverified import UnverifiedScorer
from tests.helpers.groups import LetterTokens, RecordingFleet, fake_logprobs, make_problem, make_sample


def test_each_text_that_ended_is_scored_given_its_question() -> None:
    backbone = RecordingFleet()
    scorer = UnverifiedScorer(cast(Tokens, LetterTokens()), cast(Fleet, backbone))
    first, second = make_problem("a"), make_problem("b")
    whole, cut = make_sample("wrong #### 9"), make_sample("cut", finished=False)
    held = replace(make_sample("held"), has_control_tokens=True)
    found = scorer([(first, [whole, cut]), (second, [held, whole])])
    reasons = [[score.reason for score in group.scores] for group in found]
    assert reasons == [[None, "unfinished"], ["control_token", None]]
    assert [[score.gate for score in group.scores] for group in found] == [[True, False], [False, True]]
    asked = [(request.prompt_ids, request.completion_ids) for request in backbone.asked]
    ids = list(whole.token_ids)
    assert asked == [(list(first.prompt_ids), ids), (list(second.prompt_ids), ids)]
    assert [group.logprobs for group in found] == [[fake_logprobs(ids), None], [None, fake_logprobs(ids)]]
