"""The skills of the backbone other than the task. A module here that defines `SKILL` adds one."""

from random import Random

from rewriter_agent.data.lab_world.registry import modules_with
from rewriter_agent.data.lab_world.skill import Item, Skill, asked
from rewriter_agent.data.lab_world.splits import Part, distinct_from, draw_from

SKILLS: dict[str, Skill] = {}
for _skill in modules_with(__name__, list(__path__), "SKILL"):
    assert isinstance(_skill, Skill), "SKILL is a Skill"
    SKILLS[_skill.name] = _skill


def draw_item(name: str, part: Part, draw: Random) -> Item:
    """One item of a skill's part."""
    skill = SKILLS[name]
    return draw_from(part, draw, lambda draw: asked(skill, draw))


def retention_items(name: str, count: int, seed: int, part: Part = "test") -> list[Item]:
    """Generate `count` different items, by default of the test part.

    Raises ValueError for an unknown skill, or when there are fewer items.
    """
    if name not in SKILLS:
        raise ValueError(f"the skill is {name!r}; choose one of {', '.join(SKILLS)}")
    return distinct_from(part, count, f"{name}/{part}/{seed}", lambda draw: asked(SKILLS[name], draw))
