"""Scores groups of rewrites: a verified gate, alignment with the backbone, diversity within the group."""

from reward.config import RewardConfig
from reward.extract import CONVENTIONS, extract_answer
from reward.gate import GateResult, check, settle
from reward.group import score_group
from reward.sandbox import Verifier
from reward.types import Anchors, Candidate, GradedProblem, Reason, Score, Verdict

__all__ = [
    "CONVENTIONS",
    "Anchors",
    "Candidate",
    "GateResult",
    "GradedProblem",
    "Reason",
    "RewardConfig",
    "Score",
    "Verdict",
    "Verifier",
    "check",
    "extract_answer",
    "score_group",
    "settle",
]
