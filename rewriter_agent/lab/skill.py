"""What a skill is, and its exact grader."""

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
    skill: str
    prompt: str
    answer: str


def asked(skill: Skill, draw: Random) -> Item:
    """An item of any part."""
    content, answer = skill.draw(draw)
    prompt = draw.choice(skill.phrasings).format(x=content)
    return Item(f"{skill.name}:{content}", skill.name, prompt, answer)


def is_correct(item: Item, reply: str) -> bool:
    """Whether a reply is the right one, character by character save for spaces around it."""
    return reply.strip() == item.answer
