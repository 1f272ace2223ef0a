"""Forms of the rewriting prompt, by what the backbone writes: `python -m benchmarks.rewriting_prompt CONFIG`.

Samples replies without engines, so it fits small backbones. A reply keeps the form if it ends and states an answer; its
steps are true if the reward checks at least one claim in it and finds none false.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from transformers import AutoModelForCausalLM

from reward import Check, RewardConfig, Verdict, extract_answer
from reward.answers.conventions import decide
from reward.steps import check_steps
from rewriter_agent.config import load_config
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.problem import Problem
from rewriter_agent.data.prompts import (
    ANSWER_LINE,
    Messages,
    Prompts,
    qa_messages,
    read_prompts,
    rewrite_messages,
    user_messages,
)
from rewriter_agent.lab.generate import Reply, generate
from rewriter_agent.models.resolve import load_tokenizer, resolve_model

EXAMPLE = "12"
HEADER = f"{'prompt':<24}{'form kept':>12}{'right':>12}{'steps true':>12}{'both':>12}"


def shown(problem: Problem, prompts: Prompts) -> Messages:
    """Build the prompt that shows the answer."""
    return _rewriting(problem, replace(prompts, show_answer=True))


def masked(problem: Problem, prompts: Prompts) -> Messages:
    """Build the prompt that masks the answer."""
    return _rewriting(problem, replace(prompts, show_answer=False))


def with_example(problem: Problem, prompts: Prompts) -> Messages:
    """Build the prompt that masks the answer, with an example of the last line."""
    [message] = masked(problem, prompts)
    return user_messages(
        f"{message['content']}\nFor example:\n{ANSWER_LINE[problem.convention].format(answer=EXAMPLE)}"
    )


def question(problem: Problem, prompts: Prompts) -> Messages:
    """Build the prompt of the question alone."""
    return qa_messages(problem.question, problem.convention, answer_format=prompts.answer_format)


FORMS: dict[str, Callable[[Problem, Prompts], Messages]] = {
    "answer shown": shown,
    "answer masked": masked,
    "masked, with example": with_example,
    "question alone": question,
}


def main() -> None:
    """Print one row a form, in percent of the replies."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("config", type=Path, nargs="?", default=Path("configs/lab.yaml"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--problems", type=int, default=64, help="training problems (64)")
    parser.add_argument("--samples", type=int, default=2, help="replies a problem and form (2)")
    options = parser.parse_args()
    config = load_config(options.config, options.set)
    prompts = read_prompts(config.prompts, config.convention)
    path = resolve_model(config.model.name_or_path)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(path), load_tokenizer(path)
    problems = load_problems(config.data).train[: options.problems] * options.samples
    print(
        f"{len(problems)} replies a form, temperature {config.rewrite.temperature:g}; percent\n{HEADER}",
        flush=True,
    )
    for name, form in FORMS.items():
        asked = [form(problem, prompts) for problem in problems]
        length, temperature = config.rewrite.max_completion_length, config.rewrite.temperature
        replies = generate(model, tokenizer, asked, length, temperature, config.seed)
        print(
            f"{name:<24}{''.join(f'{100 * share:>12.1f}' for share in shares(problems, replies))}", flush=True
        )


def shares(problems: list[Problem], replies: list[Reply]) -> list[float]:
    """Shares of the replies that keep the form, are right, have true steps, and are right with true steps."""
    pairs = list(zip(problems, replies, strict=True))
    stated = [
        extract_answer(reply.text, problem.convention) if reply.finished else None for problem, reply in pairs
    ]
    right = [
        answer is not None and _is_right(problem, answer)
        for problem, answer in zip(problems, stated, strict=True)
    ]
    true = [_has_true_steps(problem, reply) for problem, reply in pairs]
    both = [one and other for one, other in zip(right, true, strict=True)]
    return [fmean(values) for values in ([answer is not None for answer in stated], right, true, both)]


def _rewriting(problem: Problem, prompts: Prompts) -> Messages:
    row = (problem.question, problem.solution, problem.answer, problem.convention)
    return rewrite_messages(*row, prompts=prompts)


def _is_right(problem: Problem, answer: str) -> bool:
    result = decide(Check(problem.answer, answer, problem.convention), RewardConfig())
    return result is not None and result[0] is Verdict.EQUAL


def _has_true_steps(problem: Problem, reply: Reply) -> bool:
    report = check_steps(reply.text, problem.question)
    return report.checked > 0 and not report.false


if __name__ == "__main__":
    main()
