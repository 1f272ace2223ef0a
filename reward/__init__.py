"""Scores groups of rewrites: a verified gate, alignment with the backbone, diversity within the group."""

from reward.answers.conventions import CONVENTIONS, extract_answer
from reward.sandbox.verifier import Verifier

from .config import RewardConfig
from .group import score_group
from .types import (
    Anchors,
    Backbone,
    Candidate,
    Check,
    Embed,
    Grade,
    GradedProblem,
    GradeReason,
    Judge,
    Reason,
    Score,
    TokenScores,
    Verdict,
    Verify,
)

__all__ = [
    "CONVENTIONS",
    "Anchors",
    "Backbone",
    "Candidate",
    "Check",
    "Embed",
    "Grade",
    "GradeReason",
    "GradedProblem",
    "Judge",
    "Reason",
    "RewardConfig",
    "Score",
    "TokenScores",
    "Verdict",
    "Verifier",
    "Verify",
    "extract_answer",
    "score_group",
]
