"""The interface of a skill, and its exact grader."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Skill:
    """A kind of request with one right reply."""

    name: str
    draw: Callable[[Random], tuple[str, str]]
    """The content and its right reply; two requests for the same content are one item to the split."""
    phrasings: tuple[str, ...]
    """Requests with the field `{x}` for the content."""


@dataclass(frozen=True)
class Item:
    """One request of a skill."""

    key: str
    prompt: str
    answer: str


def asked(skill: Skill, draw: Random) -> Item:
    """An item of any part."""
    content, answer = skill.draw(draw)
    prompt = draw.choice(skill.phrasings).format(x=content)
    return Item(f"{skill.name}:{content}", prompt, answer)


MAX_TOKENS = 48
"""Maximum tokens of a reply; a few of the longest `repeat` items need more and cannot be answered."""


def is_correct(item: Item, reply: str, finished: bool) -> bool:
    """Tell whether a reply is finished and correct, character by character except for surrounding spaces."""
    return finished and reply.strip() == item.answer
