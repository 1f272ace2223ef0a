"""Scores groups of rewrites: a verified gate, alignment with the backbone, diversity within the group."""

from reward.answers.conventions import CONVENTIONS, extract_answer
from reward.sandbox.verifier import Verifier
from reward.steps import FalseStep, StepReport

from .config import RewardConfig
from .group import score_group
from .types import (
    Anchors,
    Backbone,
    Candidate,
    Check,
    CheckSteps,
    Embed,
    Grade,
    GradedProblem,
    GradeReason,
    Judge,
    Reason,
    Score,
    StepCheck,
    TokenScores,
    Verdict,
    Verify,
    check_of,
)

__all__ = [
    "CONVENTIONS",
    "Anchors",
    "Backbone",
    "Candidate",
    "Check",
    "CheckSteps",
    "Embed",
    "FalseStep",
    "Grade",
    "GradeReason",
    "GradedProblem",
    "Judge",
    "Reason",
    "RewardConfig",
    "Score",
    "StepCheck",
    "StepReport",
    "TokenScores",
    "Verdict",
    "Verifier",
    "Verify",
    "check_of",
    "extract_answer",
    "score_group",
]
