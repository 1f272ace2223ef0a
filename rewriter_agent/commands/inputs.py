"""Checks of the files that a run reads, before anything slow starts."""

from rewriter_agent.config import RunConfig
from rewriter_agent.data.load import check_first_rows
from rewriter_agent.data.prompts import read_prompts


def check_inputs(config: RunConfig) -> None:
    """Raise ValueError if the first rows of local data, or the template of the rewriting prompt, cannot be used."""
    check_first_rows(config.data)
    read_prompts(config.prompts, config.convention)
