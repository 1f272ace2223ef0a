"""Names of the arms in reports, which depend on the run's method."""

from rewriter_agent.config.method import Method

DATA: dict[Method, str] = {
    "rewrite": "rewritten data",
    "accepted_only": "accepted rewrites alone",
    "self_train": "the model's own samples",
}
"""Rows of the arm `rewritten`."""


def arm_titles(method: Method) -> dict[str, str]:
    """Titles by arm."""
    return {"base": "base", "expert": "SFT on expert data", "rewritten": f"SFT on {DATA[method]}"}
