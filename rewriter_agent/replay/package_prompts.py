"""General prompts that the package brings."""

from itertools import chain
from pathlib import Path

from rewriter_agent.data.lab_world.skills import SKILLS, retention_items
from rewriter_agent.models.lab import LAB_FOLDERS

PROMPTS = Path(__file__).parent / "prompts.txt"
"""One English prompt a line."""
A_SKILL = 8
"""Prompts for each skill of the laboratory."""


def package_prompts(model: str) -> list[str]:
    """Return prompts for a backbone: the laboratory's know no English beyond their skills."""
    if model not in LAB_FOLDERS:
        return PROMPTS.read_text(encoding="utf-8").splitlines()
    # Not of the part that retention is measured on. The skills alternate, so the first prompts ask for all of them.
    by_skill = [retention_items(name, A_SKILL, seed=0, part="train") for name in SKILLS]
    return [item.prompt for item in chain.from_iterable(zip(*by_skill, strict=True))]
