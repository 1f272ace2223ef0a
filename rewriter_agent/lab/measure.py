"""What a backbone of the laboratory can do before any fine-tuning."""

from collections.abc import Callable
from random import Random
from statistics import fmean

from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from reward import extract_answer

from ..prompts import qa_messages, rewrite_messages, user_messages
from .generate import Reply, generate, mean_nll
from .problems import CONVENTION, draw_story
from .skill import is_correct
from .skills import SKILLS, retention_items
from .splits import Part, distinct_from
from .story import Difficulty, Story
from .styles import EXPERT_STYLES, NATURAL, STYLES, solution, style_of

TASK_STEPS = range(2, 6)
LONGEST = 256
"""Tokens of a solution; the longest that the world itself writes has about 200."""
LONGEST_SKILL = 48
SEED = 0

Measures = dict[str, dict[str, float]]


def measure_skills(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, items: int
) -> dict[str, float]:
    """Greedy accuracy of each skill on items that nothing is trained on."""
    found = {}
    for name in SKILLS:
        asked = retention_items(name, items, SEED)
        prompts = [user_messages(item.prompt) for item in asked]
        replies = generate(model, tokenizer, prompts, LONGEST_SKILL)
        right = [r.finished and is_correct(i, r.text) for i, r in zip(asked, replies, strict=True)]
        found[name] = fmean(right)
    return found


def measure_task(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, items: int) -> Measures:
    """Accuracy on test problems by number of steps (and over `TASK_STEPS`), greedy and at temperature 1."""
    found: Measures = {"greedy": {}, "sampled": {}}
    for steps in (1, *TASK_STEPS):
        asked = _stories("test", items, steps)
        prompts = [qa_messages(story.question, CONVENTION) for story in asked]
        for name, temperature in (("greedy", 0.0), ("sampled", 1.0)):
            replies = generate(model, tokenizer, prompts, LONGEST, temperature, SEED)
            found[name][f"{steps} steps"] = fmean(map(_is_right, asked, replies))
    for shares in found.values():
        shares["task"] = fmean(shares[f"{steps} steps"] for steps in TASK_STEPS)
    return found


def measure_rewriting(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, items: int) -> Measures:
    """By style of the notes, at temperature 1: shares of replies that are correct, in the backbone's own style,
    both (`accepted`), and in the expert's style (`copied`)."""
    found: Measures = {}
    asked = [
        story for steps in TASK_STEPS for story in _stories("train", max(1, items // len(TASK_STEPS)), steps)
    ]
    for style in EXPERT_STYLES:
        notes = [solution(style, story, Random(SEED)) for story in asked]
        prompts = [
            rewrite_messages(story.question, note, str(story.answer), CONVENTION)
            for story, note in zip(asked, notes, strict=True)
        ]
        replies = generate(model, tokenizer, prompts, LONGEST, 1.0, SEED)
        right = list(map(_is_right, asked, replies))
        styles = [style_of(reply.text) for reply in replies]
        found[style] = {
            "correct": fmean(right),
            "own_style": fmean(s == NATURAL for s in styles),
            "accepted": fmean(r and s == NATURAL for r, s in zip(right, styles, strict=True)),
            "copied": fmean(s in EXPERT_STYLES for s in styles),
        }
    return found


def measure_nll(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, items: int) -> dict[str, float]:
    """Nats per token, given the question alone, of each style and of the model's own samples (`own`)."""
    asked = [story for steps in TASK_STEPS for story in _stories("train", max(1, items // 4), steps)]
    prompts = [qa_messages(story.question, CONVENTION) for story in asked]

    def under_model(text_of: Callable[[int, Story], str]) -> float:
        texts = [text_of(index, story) for index, story in enumerate(asked)]
        return mean_nll(model, tokenizer, list(zip(prompts, texts, strict=True)))

    found = {
        style: under_model(lambda index, story, style=style: solution(style, story, Random(index)))
        for style in STYLES
    }
    own = generate(model, tokenizer, prompts, LONGEST, 1.0, SEED)
    return {**found, "own": under_model(lambda index, _: own[index].text)}


def _stories(part: Part, count: int, steps: int) -> list[Story]:
    difficulty = Difficulty(steps=(steps, steps))
    return distinct_from(part, count, f"measure/{part}/{steps}", lambda draw: draw_story(draw, difficulty))


def _is_right(story: Story, reply: Reply) -> bool:
    return reply.finished and extract_answer(reply.text, CONVENTION) == str(story.answer)
