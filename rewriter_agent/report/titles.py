"""Names of the arms in reports, which depend on the run's method."""

from rewriter_agent.config.method import Method

DATA: dict[Method, str] = {
    "rewrite": "rewritten data",
    "accepted_only": "accepted rewrites alone",
    "self_train": "the model's own samples",
}
"""Rows of the arm `rewritten`, of the methods that fine-tune."""
STUDENTS: dict[Method, str] = {"grpo": "GRPO student", "sdft": "SDFT student"}
"""Titles of the arm `rewritten`, of the methods that train the student on its own rollouts."""


def arm_titles(method: Method) -> dict[str, str]:
    """Titles by arm."""
    rewritten = STUDENTS[method] if method in STUDENTS else f"SFT on {DATA[method]}"
    return {"base": "base", "expert": "SFT on expert data", "rewritten": rewritten}


def arm_names(method: Method) -> dict[str, str]:
    """Short names by arm, for tables and figures."""
    return {
        "base": "base",
        "expert": "expert",
        "rewritten": "student" if method in STUDENTS else "rewritten",
    }


def subject(method: Method) -> str:
    """Name the model of the arm `rewritten` in a sentence."""
    if method in STUDENTS:
        return f"the {STUDENTS[method]}"
    return "SFT on the rewritten data" if method == "rewrite" else f"SFT on {DATA[method]}"
