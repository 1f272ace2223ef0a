"""The judge of the gate: the backbone itself, asked YES or NO."""

from collections.abc import Callable, Sequence

from cluster.types import Scored, ScoreRequest
from reward import Candidate, GradedProblem
from reward.judge import ANSWERS, accepts, judge_prompt
from rewriter_agent.data.problem import Problem
from rewriter_agent.data.prompt_encoder import Tokens


class FleetJudge:
    """Judges candidates by the log-probs of the two replies, under the backbone's own chat template."""

    def __init__(self, tokens: Tokens, score: Callable[[Sequence[ScoreRequest]], list[Scored]]) -> None:
        """`score` asks the backbone."""
        self.tokens = tokens
        self.score = score
        self.replies = _replies(tokens)

    def __call__(self, problem: GradedProblem, candidates: Sequence[Candidate]) -> list[bool]:
        """Whether each candidate's reasoning is sound, in order."""
        return self.judge_texts(problem, [candidate.text for candidate in candidates])

    def judge_texts(self, problem: GradedProblem, texts: Sequence[str]) -> list[bool]:
        """The same for texts alone."""
        prompts = [_prompt(self.tokens, problem, text) for text in texts]
        requests = [ScoreRequest(prompt, reply) for prompt in prompts for reply in self.replies]
        scored = [tokens.logprobs for tokens in self.score(requests)]
        return [accepts(yes, no) for yes, no in zip(scored[::2], scored[1::2], strict=True)]


def judgement_length(tokens: Tokens, problem: Problem) -> int:
    """Tokens of an engine's context that a judgement takes, without the candidate."""
    return len(_prompt(tokens, problem, "")) + max(map(len, _replies(tokens)))


def _prompt(tokens: Tokens, problem: GradedProblem | Problem, text: str) -> list[int]:
    content = judge_prompt(problem.question, problem.answer, text)
    return tokens.prompt([{"role": "user", "content": content}])


def _replies(tokens: Tokens) -> list[list[int]]:
    return [tokens.tokenizer.encode(reply, add_special_tokens=False) for reply in ANSWERS]
