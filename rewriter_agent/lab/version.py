"""The frozen state of the world, which every report of the laboratory prints."""

import hashlib
import json
from functools import cache
from random import Random

from .problems import draw_story, to_problem
from .skill import is_correct
from .skills import SKILLS, retention_items
from .splits import SHARES
from .story import Difficulty
from .styles import STYLES, solution, style_of

WORLD_VERSION = "1"
"""Raised with every change of `world_hash`; the page on the laboratory lists why."""
SAMPLE = 40


def world() -> str:
    """Version and hash, as runs and checkpoints write them down."""
    return f"{WORLD_VERSION} {world_hash()}"


@cache
def world_hash() -> str:
    """16 hexadecimal digits over what the world does: problems, styles, splits, skills and grades of a sample.

    It is about behaviour, not source, so that tidying up leaves it as it is. It takes a fraction of a second.
    """
    draw = Random(WORLD_VERSION)
    seen: list[object] = [SHARES]
    for number in range(SAMPLE):
        story = draw_story(draw, Difficulty())
        seen.append([story.key, to_problem(story, "terse", number).id])
        for style in STYLES:
            text = solution(style, story, Random(number))
            seen.append([style, text, style_of(text)])
    for name in SKILLS:
        for item in retention_items(name, SAMPLE, seed=0):
            replies = (item.answer, f" {item.answer}\n", f"{item.answer}.", item.answer[1:])
            seen.append([item.key, item.prompt, item.answer, [is_correct(item, reply) for reply in replies]])
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]
