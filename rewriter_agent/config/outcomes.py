"""Names of the outcomes of rewriting, and of the reasons for keeping the expert's solution."""

SELF_CORRECT, REWRITTEN = "self_correct", "rewritten"
EXPERT_KEPT, EXPERT_FALLBACK, EXPERT = "expert_kept", "expert_fallback", "expert"
TOOL_CALL = "tool_call"
"""Outcome, and the reason for it."""
EXPERTS = frozenset({EXPERT_KEPT, EXPERT_FALLBACK, EXPERT, TOOL_CALL})
OUTCOMES = {
    SELF_CORRECT: "the backbone's own, from the question alone",
    REWRITTEN: "a rewrite that passed",
    EXPERT_KEPT: "the expert's, which was in distribution already",
    EXPERT_FALLBACK: "the expert's, as no candidate passed or none could be had",
    EXPERT: "the expert's, as the strategy says",
    TOOL_CALL: "the expert's, as it calls tools in a form that is not read",
}

DROPPED = "dropped"
"""Counted in place of the expert's outcomes if the method drops them."""

IN_DISTRIBUTION, TOO_LONG, ENGINE_ERROR = "in_distribution", "prompt_too_long", "engine_error"
"""Reasons for having no candidates."""
NO_REASONING = "expert_without_reasoning"
"""Reason for leaving a problem out: the model reasons before it answers, and the expert does not."""
FALSE_STEP = "false_step"
"""Reason for leaving a problem out: its expert solution holds a false step."""
