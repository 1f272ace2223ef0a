"""Prepared problems that the model is not trained on, for evaluation on the way."""

from random import Random

from rewriter_agent.config import RunConfig

from .records import answerable_ids, prepared_file


def held_out(config: RunConfig) -> set[str]:
    """Choose the prepared problems that are held out, by id; empty without a section `sft.evaluation`.

    Raises:
        ValueError: they would be more than half of the problems.
    """
    if config.sft.evaluation is None:
        return set()
    ids = answerable_ids(prepared_file(config))
    wanted = config.sft.evaluation.num_problems
    if 2 * wanted > len(ids):
        raise ValueError(
            f"sft.evaluation.num_problems={wanted} holds out more than half of the {len(ids)} training problems; "
            f"set it to {max(2, len(ids) // 10)} or so, or give more problems"
        )
    return set(Random(f"held-out-{config.seed}").sample(sorted(ids), wanted))
