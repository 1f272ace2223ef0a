"""The verifier with the checks against a reference that a config chooses."""

from typing import Any

from reward import RewardConfig, Verifier
from reward.types import FurtherCheck, GradeReason
from rewriter_agent.models.cache import cache_root


def make_verifier(config: RewardConfig) -> Verifier:
    """Make a verifier; models of its checks load when a text needs them."""
    return Verifier(config, _further_checks(config))


def judge_cost(verifier: Verifier | None) -> dict[str, int]:
    """Requests and tokens of the judge behind an endpoint since the last call; empty without a judge."""
    judge: Any = verifier.further.get("judge") if verifier else None
    return {f"judge_{kind}": count for kind, count in judge.take_usage().items()} if judge else {}


def _further_checks(config: RewardConfig) -> dict[GradeReason, FurtherCheck]:
    chosen, found = config.reference, dict[GradeReason, FurtherCheck]()
    if chosen.entailment or chosen.similarity:
        # Imported here because few configs need models.
        from .reference_models import Entailment, Similarity

        if chosen.similarity:
            found["similarity"] = Similarity(chosen.similarity)
        if chosen.entailment:
            found["entailment"] = Entailment(chosen.entailment)
    if chosen.judge:
        from .endpoint_judge import EndpointJudge

        found["judge"] = EndpointJudge(chosen.judge, cache_root() / "judge.sqlite")
    return found
