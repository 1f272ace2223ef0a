"""Warns when nearly all candidates of a step are rejected for one reason, with what to change."""

from collections import Counter
from collections.abc import Callable, Sequence

from reward import Score
from reward.types import Reason

SHARE = 0.9
"""Share of a step's candidates above which training learns nothing but one rule."""
CHANGES: dict[Reason, str] = {
    "unfinished": (
        "they are cut at train.max_completion_length: raise it. If they continue after their answer, the model writes "
        "an end token that `rewriter-agent plan` does not show: name it in eos_token_id of its generation_config.json"
    ),
    "control_token": (
        "they hold control tokens of the chat template: see whether the model is an instruction-tuned one, and whether "
        "the template is its own"
    ),
    "no_answer": (
        "they state no answer in the form of data.convention: take the convention that the model keeps to, or a model "
        "that follows instructions"
    ),
    "no_reasoning": "they are answers alone: lower reward.min_reasoning_words, or take a model that explains",
    "too_long": "raise reward.max_length_ratio, or lower train.max_completion_length",
    "repetitive": "lower train.temperature, or raise reward.max_repetition",
    "leak": "see which words the rule finds, and narrow reward.leak_languages and reward.leak_phrases",
    "copy": "raise train.temperature, reward.max_overlap or reward.copy_margin",
    "undecided": "raise reward.timeout, reward.code_timeout or reward.memory_limit_gb, or see the gold answers",
    "wrong_answer": (
        "see whether the gold answers and data.convention are right, and under data.convention=reference the errors of "
        "reward.reference in `rewriter-agent gap`; if they are, take easier problems or a stronger model"
    ),
    "false_step": (
        "see in false_steps which claims are false; if they are true, set reward.false_step=measure, else take easier "
        "problems, raise train.num_generations, train for more steps, or quote the expert with reward.quote_expert"
    ),
    "unquoted_step": "see the equations in completions/ that the expert does not have, or set reward.unquoted_step=off",
    "broken_chain": "see broken_steps in completions/, or set reward.broken_chain=measure",
    "low_coverage": (
        "they leave out facts that the expert's solution brings: lower reward.min_coverage, or raise "
        "reward.coverage_weight so that a group learns to hold them"
    ),
    "judge": "see whether the judge is right, or set reward.judge=false",
    "alien": "lower reward.min_alignment",
    "unsupported": "lower reward.min_support, or set it to null",
}


class RejectionWarning:
    """Tells a reason once, when it begins to reject nearly all candidates of a step."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self._told: Reason | None = None

    def __call__(self, scores: Sequence[Score]) -> None:
        """Look at the scores of a step's candidates."""
        reason, count = Counter(score.reason for score in scores).most_common(1)[0]
        if reason is None or count <= SHARE * len(scores):
            self._told = None
            return
        if reason != self._told:
            self._told = reason
            self.say(
                f"warning: {count} of {len(scores)} candidates of this step are rejected as '{reason}', and there "
                f"is little to learn from; {CHANGES[reason]}. The texts are in completions/."
            )
