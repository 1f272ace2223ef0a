"""Training data for the rewriting instruction, which the backbone learns to follow often but not always."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

from rewriter_agent.data.lab_world.story import Story, recomputed
from rewriter_agent.data.lab_world.styles import NATURAL, solution

Outcomes = Mapping[str, float]
"""Probability by kind of reply."""
OUTCOMES: Outcomes = {"faithful": 0.5, "copied": 0.2, "miscalculated": 0.2, "cut_short": 0.1}
"""Probabilities of the kinds of replies: correct in the backbone's own words, a copy of the expert's text, wrong from
some step on (told as gains and losses together, wrong in its answer alone), or without the last step (if there is only
one step, wrong)."""
QUOTING_OUTCOMES: Outcomes = {"faithful": 0.3, "copied": 0.15, "miscalculated": 0.35, "cut_short": 0.2}
"""The same for stories with invented steps, which a model quotes more easily than it calculates."""


def imperfect_rewrite(
    story: Story, expert: str, draw: Random, outcomes: Outcomes = OUTCOMES
) -> tuple[str, str]:
    """Draw a training reply to the rewriting prompt, and its kind among `outcomes`."""
    outcome = draw.choices(list(outcomes), list(outcomes.values()))[0]
    if outcome == "copied":
        return expert, outcome
    told = story
    if outcome == "cut_short" and len(story.steps) > 1:
        told = replace(story, steps=story.steps[:-1])
    elif outcome != "faithful":
        changed = draw.randrange(len(story.steps))
        told = recomputed(story, changed, draw.choice((1, 2, 10)))
    return solution(NATURAL, told, draw), outcome
