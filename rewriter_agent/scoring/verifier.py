"""The verifier with the checks against a reference that a config chooses."""

from reward import RewardConfig, Verifier
from reward.types import FurtherCheck, GradeReason


def make_verifier(config: RewardConfig) -> Verifier:
    """Make a verifier; models of its checks load when a text needs them."""
    return Verifier(config, _further_checks(config))


def _further_checks(config: RewardConfig) -> dict[GradeReason, FurtherCheck]:
    chosen, found = config.reference, dict[GradeReason, FurtherCheck]()
    if chosen.entailment or chosen.similarity:
        # Imported here because few configs need models.
        from .reference_models import Entailment, Similarity

        if chosen.similarity:
            found["similarity"] = Similarity(chosen.similarity)
        if chosen.entailment:
            found["entailment"] = Entailment(chosen.entailment)
    return found
