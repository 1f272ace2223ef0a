"""Prepared problems that the model is not trained on, for evaluation on the way."""

from random import Random

from rewriter_agent.config import RunConfig

from .records import answerable_replies, prepared_file


def held_out(config: RunConfig) -> set[str]:
    """Choose the prepared problems that are held out, by id; empty without a section `sft.evaluation`.

    The replies of a conversation stay on one side, so there may be a few more than were asked for.

    Raises:
        ValueError: they would be more than half of the problems.
    """
    if config.sft.evaluation is None:
        return set()
    rows = answerable_replies(prepared_file(config))
    count, wanted = sum(map(len, rows)), config.sft.evaluation.num_problems
    if 2 * wanted > count:
        raise ValueError(
            f"sft.evaluation.num_problems={wanted} holds out more than half of the {count} training problems; "
            f"set it to {max(2, count // 10)} or so, or give more problems"
        )
    draw = Random(f"held-out-{config.seed}")
    if len(rows) == count:
        return set(draw.sample(sorted(name for (name,) in rows), wanted))
    found: set[str] = set()
    for row in draw.sample(sorted(rows), len(rows)):
        if len(found) < wanted:
            found.update(row)
    return found
