"""Scoring of groups on the fleet, against one sequence at a time with transformers: `make bench-reward`.

64 groups of 8 candidates on the config's backbone. The reference does what the published reward worker does for each
candidate: a forward pass for the log-prob, one for the YES/NO judge, one for the embedding, in the precision that it
takes on this device (float32 on CPU) and in the backbone's own. It is run on a part of the groups, and the median of
its times for one candidate stands for all.
"""

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from cluster.session import connect
from cluster.types import ScoreRequest
from reward import Anchors, Candidate, RewardConfig, StepCheck, TokenScores, Verifier, score_group
from reward.judge import judge_prompt
from rewriter_agent.config import load_config
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.runtime.session import Session
from rewriter_agent.scoring.group_scorer import AnchoredProblem

from .options import config_options

GROUPS, CANDIDATES = 64, 8
# One group in so many is enough for the reference's median.
STRIDE = 10
# One thread an engine: two share a core's caches worse than two engines share the work.
SETTINGS = [f"data.num_train={GROUPS}", "cluster.scorers=2"]
OPENINGS = ("First, ", "To begin with, ", "We know this: ", "Start here. ", "Let us see. ", "Well, ")
LINKS = (" Then ", " After that, ", " Next, ", " So ", " From this, ", " Now ")


def variant(problem: AnchoredProblem, draw: random.Random) -> str:
    """Rephrase the expert's steps with the right answer; all candidates pass the gate."""
    steps = [line.strip() for line in problem.solution.split("####")[0].splitlines() if line.strip()]
    words = "".join(
        (draw.choice(OPENINGS) if i == 0 else draw.choice(LINKS)) + step for i, step in enumerate(steps)
    )
    return f"{words}\n#### {problem.answer}"


def seconds(work: Callable[[], Any]) -> float:
    """Time `work` in seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class OneAtATime:
    """The published worker's three passes for one candidate."""

    def __init__(self, path: str, dtype: torch.dtype, tokens: Tokens) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype).eval()
        self.tokens = tokens

    @torch.no_grad()
    def logprob(self, prompt: list[int], completion: list[int]) -> None:
        ids = torch.tensor([prompt + completion])
        labels = ids.clone()
        labels[:, : len(prompt)] = -100
        self.model(input_ids=ids, labels=labels).loss.item()

    @torch.no_grad()
    def judge(self, problem: AnchoredProblem, text: str) -> None:
        ids = self.tokens.tokenizer.encode(judge_prompt(problem.question, problem.answer, text))
        self.model(input_ids=torch.tensor([ids])).logits[:, -1].softmax(-1).max().item()

    @torch.no_grad()
    def embed(self, completion: list[int]) -> None:
        output = self.model(input_ids=torch.tensor([completion]), output_hidden_states=True)
        output.hidden_states[-1].mean(1).tolist()


def reference(path: str, dtype: torch.dtype, tokens: Tokens, groups: Sequence[Any]) -> tuple[float, float]:
    """Seconds for all groups: log-probs; judge and embeddings."""
    worker = OneAtATime(path, dtype, tokens)
    rows = [(problem, text) for problem, texts in groups[::STRIDE] for text in texts]
    logprobs, checks = [], []
    for problem, text in rows:
        prompt, completion = list(problem.prompt_ids), tokens.tokenizer.encode(text)
        logprobs.append(seconds(partial(worker.logprob, prompt, completion)))
        judge = seconds(partial(worker.judge, problem, text))
        checks.append(judge + seconds(partial(worker.embed, completion)))
    count = sum(len(texts) for _, texts in groups)
    return count * median(logprobs), count * median(checks)


def make_groups(config: Any, tokens: Tokens) -> list[tuple[AnchoredProblem, list[str]]]:
    """Problems of the embedded generator with their candidates."""
    draw = random.Random(0)
    problems = [
        AnchoredProblem(**vars(tokens.encode(problem)), anchors=Anchors(-1.5, -0.5))
        for problem in load_problems(config.data).train[:GROUPS]
    ]
    return [(problem, [variant(problem, draw) for _ in range(CANDIDATES)]) for problem in problems]


def checked(groups: Sequence[Any], config: RewardConfig) -> float:
    """Seconds of everything but the log-probs: gate, verification with all limits on, diversity, totals."""
    known = [TokenScores([-0.7] * 50)] * CANDIDATES

    with Verifier(config) as verifier:
        # Children start with the first check that needs one.
        verifier.check_steps([StepCheck("1 + 1 = 2", "", "####")])

        def work() -> None:
            for problem, texts in groups:
                candidates = [Candidate(text, finished=True) for text in texts]
                scores = score_group(
                    problem,
                    candidates,
                    config=config,
                    verify=verifier.verify,
                    check_steps=verifier.check_steps,
                    backbone=lambda _, passing: known[: len(passing)],
                )
                assert all(score.gate for score in scores), [score.reason for score in scores]

        return seconds(work)


def main() -> None:
    """Print the table."""
    options = config_options(__doc__, "configs/gsm-symbolic.yaml")
    config = load_config(options.config, [*SETTINGS, *options.set])
    with connect(config.cluster) as machines:
        session = Session(config, machines)
        try:
            compare(session, make_groups(config, session.tokens), session.tokens)
        finally:
            session.close()


def compare(session: Session, groups: Sequence[tuple[AnchoredProblem, list[str]]], tokens: Tokens) -> None:
    """Time ours and the reference in turns, on the same candidates."""
    requests = [
        ScoreRequest(list(problem.prompt_ids), tokens.tokenizer.encode(text))
        for problem, texts in groups
        for text in texts
    ]
    # The gate's own copy rule would reject texts made from the expert's.
    settings = RewardConfig(max_overlap=1.0)
    answers_only = RewardConfig(max_overlap=1.0, false_step="off", broken_chain="off")
    session.reference.score(requests[:8])
    scoring = seconds(lambda: session.reference.score(requests))
    unread, checking = checked(groups, answers_only), checked(groups, settings)
    size = sum(len(r.prompt_ids) + len(r.completion_ids) for r in requests) / len(requests)
    print(f"{len(groups)} groups of {CANDIDATES}, {size:.0f} tokens a sequence, question included")
    print(f"log-probs, fleet{scoring:>40.1f} s")
    print(f"verification, gate and diversity{unread:>24.2f} s")
    print(f"the same with the steps checked{checking:>25.2f} s = {checking / unread:.1f} x")
    torch.set_num_threads(session.plan.cpus)
    for dtype in (torch.float32, torch.bfloat16):
        logprobs, checks = reference(session.model_path, dtype, tokens, groups)
        name = str(dtype).removeprefix("torch.")
        print(f"one at a time in {name}: log-probs{logprobs:>16.1f} s = {logprobs / scoring:.1f} x")
        print(f"one at a time in {name}: judge, embedding{checks:>9.1f} s = {checks / checking:.0f} x")


if __name__ == "__main__":
    main()
