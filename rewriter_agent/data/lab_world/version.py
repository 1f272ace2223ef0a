"""The frozen state of the world, which every report of the laboratory prints."""

import hashlib
import json
from functools import cache
from itertools import pairwise
from random import Random
from typing import Literal

from rewriter_agent.config.data import LabData

from .drawing import stories, story_items
from .lessons import lessons, way_over
from .problems import composed_lessons, generate_problems
from .skill import MAX_TOKENS, Item, is_correct
from .skills import SKILLS, retention_items
from .splits import SHARES
from .story import LESSON_STEPS, STORY_STEPS, Difficulty, Step
from .styles import EXPERT_STYLES, STYLES, solution, style_of

WORLD_VERSION = "1"
"""Raised with every change of `world_hash`; the page on the laboratory lists why."""
LESSONS_VERSION = "lessons-1"
"""Raised with every change of `lessons_hash`."""
STORIES, ITEMS = 300, 40


def world(task: Literal["stories", "lessons"] = "stories") -> str:
    """Version and hash of a task's world in the form that runs and checkpoints record."""
    if task == "lessons":
        return f"{LESSONS_VERSION} {lessons_hash()}"
    return f"{WORLD_VERSION} {world_hash()}"


@cache
def world_hash() -> str:
    """Hash the world's behaviour to 16 hexadecimal digits: problems, styles, splits, skills and grades of a sample.

    Refactoring does not change it, since it covers behaviour and not source. It takes a fraction of a second.
    """
    seen: list[object] = [SHARES, MAX_TOKENS]
    for style in EXPERT_STYLES:
        problems = generate_problems(LabData(num_train=ITEMS, num_test=ITEMS, style=style))
        # The world knows no level: a field of other data.
        seen += [
            {key: value for key, value in problem.row().items() if key != "level"}
            for problem in [*problems.train, *problems.test]
        ]
    for number, story in enumerate(stories("train", STORIES, 0, Difficulty())):
        texts = [solution(style, story, Random(number)) for style in STYLES]
        mixed = [f"{left}\n{right}" for left, right in pairwise(texts)]
        seen.append([story.key, story.question, [(text, style_of(text)) for text in texts + mixed]])
    for name in SKILLS:
        for item in retention_items(name, ITEMS, seed=0):
            seen.append([item.key, item.prompt, item.answer, _grades(item)])
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]


@cache
def lessons_hash() -> str:
    """Hash what lessons add to the world: problems, styles, the ways over a new step, and the stories for retention."""
    seen: list[object] = [world_hash()]
    for style in EXPERT_STYLES:
        problems = generate_problems(LabData(task="lessons", num_train=ITEMS, num_test=ITEMS, style=style))
        seen += [problem.row() for problem in [*problems.train, *problems.test]]
    seen += [problem.row() for problem in composed_lessons(ITEMS, seed=0)]
    for number, story in enumerate(lessons("train", STORIES, 0, Difficulty(LESSON_STEPS))):
        texts = [solution(style, story, Random(number)) for style in STYLES]
        near = [
            texts[-1].replace(story.invented[0].formula, told) for told in _told_otherwise(story.invented[0])
        ]
        seen.append([(text, style_of(text), way_over(text, story.invented)) for text in texts + near])
    for steps in STORY_STEPS:
        seen += [[item.prompt, item.answer] for item in story_items(steps, ITEMS, seed=0)]
    return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16]


def _told_otherwise(step: Step) -> list[str]:
    """Texts in place of an invented step: hidden in true arithmetic, false, and false without the name."""
    difference = step.after - step.before
    hidden = f"{step.before} {'+' if difference >= 0 else '-'} {abs(difference)} = {step.after}"
    return [hidden, f"{step.formula}1", f"{hidden}1"]


def _grades(item: Item) -> list[bool]:
    """Grades of replies that a laxer or stricter grader would grade otherwise."""
    right = item.answer
    near = (right[1:], f"{right}.", right.swapcase(), right.replace(" ", ""), f"The answer is {right}")
    return [is_correct(item, reply, True) for reply in (right, f" {right}\n", *near)] + [
        is_correct(item, right, False)
    ]
