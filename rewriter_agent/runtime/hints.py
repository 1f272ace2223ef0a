"""Advice that is printed once, before a run starts."""

from rewriter_agent.config import RunConfig
from rewriter_agent.data.prompts import format_hint
from rewriter_agent.models.precision import precision_hint


def hints(config: RunConfig) -> list[str]:
    """Advice on the config and this machine, one line each."""
    found = (precision_hint(config), format_hint(config.prompts, config.convention))
    return [hint for hint in found if hint]
