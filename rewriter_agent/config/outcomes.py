"""How a problem's target came about, by name, and why it is the expert's solution where it is."""

SELF_CORRECT, REWRITTEN = "self_correct", "rewritten"
EXPERT_KEPT, EXPERT_FALLBACK, EXPERT = "expert_kept", "expert_fallback", "expert"
EXPERTS = frozenset({EXPERT_KEPT, EXPERT_FALLBACK, EXPERT})
OUTCOMES = {
    SELF_CORRECT: "the backbone's own, from the question alone",
    REWRITTEN: "a rewrite that passed",
    EXPERT_KEPT: "the expert's, which was in distribution already",
    EXPERT_FALLBACK: "the expert's, as no candidate passed or none could be had",
    EXPERT: "the expert's, as the strategy says",
}

IN_DISTRIBUTION, TOO_LONG, ENGINE_ERROR = "in_distribution", "prompt_too_long", "engine_error"
"""Reasons for which no candidate was asked for, or none came."""
