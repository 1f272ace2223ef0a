"""Abilities of a laboratory backbone before any fine-tuning."""

from collections.abc import Sequence
from random import Random
from statistics import fmean

from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from reward import extract_answer
from rewriter_agent.data.lab_world.drawing import draw_story
from rewriter_agent.data.lab_world.lessons import lessons, way_over
from rewriter_agent.data.lab_world.problems import CONVENTION
from rewriter_agent.data.lab_world.skill import MAX_TOKENS, is_correct
from rewriter_agent.data.lab_world.skills import SKILLS, retention_items
from rewriter_agent.data.lab_world.splits import Part, distinct_from
from rewriter_agent.data.lab_world.story import LESSON_STEPS, Difficulty, Story
from rewriter_agent.data.lab_world.styles import EXPERT_STYLES, NATURAL, STYLES, solution, style_of
from rewriter_agent.data.prompts import qa_messages, rewrite_messages, user_messages

from .generate import Reply, generate, mean_nll

FEWEST, MOST = Difficulty.steps
TASK_STEPS = range(FEWEST, MOST + 1)
LONGEST = 256
"""Maximum tokens of a solution, as in the runs of the laboratory."""
SEED = 0

Measures = dict[str, dict[str, float]]


def measure_skills(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, items: int
) -> dict[str, float]:
    """Measure greedy accuracy of each skill on held-out items."""
    found = {}
    for name in SKILLS:
        asked = retention_items(name, items, SEED)
        prompts = [user_messages(item.prompt) for item in asked]
        replies = generate(model, tokenizer, prompts, MAX_TOKENS)
        right = [is_correct(i, r.text, r.finished) for i, r in zip(asked, replies, strict=True)]
        found[name] = fmean(right)
    return found


def measure_task(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, items: int) -> Measures:
    """Accuracy on test problems by number of steps (and over `TASK_STEPS`), greedy and at temperature 1."""
    found: Measures = {"greedy": {}, "sampled": {}}
    for steps in range(1, MOST + 1):
        asked = _stories("test", items, steps)
        prompts = [qa_messages(story.question, CONVENTION) for story in asked]
        for name, temperature in (("greedy", 0.0), ("sampled", 1.0)):
            replies = generate(model, tokenizer, prompts, LONGEST, temperature, SEED)
            found[name][f"{steps} steps"] = fmean(map(_is_right, asked, replies))
    for shares in found.values():
        shares["task"] = fmean(shares[f"{steps} steps"] for steps in TASK_STEPS)
    return found


def measure_rewriting(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, items: int) -> Measures:
    """Measure rewriting by style of the notes, at temperature 1: shares of replies that are correct, in the backbone's
    own style, both (`correct_own_style`), and in the style of the notes (`copied`)."""
    found: Measures = {}
    asked = _training_stories(items)
    for style in EXPERT_STYLES:
        replies = _rewrites(model, tokenizer, asked, style)
        right = list(map(_is_right, asked, replies))
        styles = [style_of(reply.text) for reply in replies]
        found[style] = {
            "correct": fmean(right),
            "own_style": fmean(s == NATURAL for s in styles),
            "correct_own_style": fmean(r and s == NATURAL for r, s in zip(right, styles, strict=True)),
            "copied": fmean(s == style for s in styles),
        }
    return found


def measure_lessons(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, items: int) -> Measures:
    """Measure lessons by style of the notes: the share solved without any, greedily; of replies to the rewriting prompt
    at temperature 1 the share that is correct, and how much of it is in its own style, and also names the new step."""
    asked = lessons("train", items, SEED, Difficulty(LESSON_STEPS))
    alone = generate(model, tokenizer, [qa_messages(story.question, CONVENTION) for story in asked], LONGEST)
    solved = fmean(map(_is_right, asked, alone))
    found: Measures = {}
    for style in EXPERT_STYLES:
        replies = _rewrites(model, tokenizer, asked, style)
        right = list(map(_is_right, asked, replies))
        own = [style_of(reply.text) == NATURAL for reply in replies]
        named = [way_over(r.text, story.invented) == "named" for r, story in zip(replies, asked, strict=True)]
        found[style] = {
            "solved_alone": solved,
            "correct": fmean(right),
            "correct_own_style": fmean(r and o for r, o in zip(right, own, strict=True)),
            "correct_own_style_named": fmean(all(three) for three in zip(right, own, named, strict=True)),
        }
    return found


def measure_nll(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, items: int) -> dict[str, float]:
    """Nats per token, given the question alone, of each style and of the model's own samples (`own`)."""
    asked = _training_stories(items)
    prompts = [qa_messages(story.question, CONVENTION) for story in asked]

    def under_model(replies: list[list[int]]) -> float:
        return mean_nll(model, tokenizer, list(zip(prompts, replies, strict=True)))

    found = {}
    for style in STYLES:
        texts = [solution(style, story, Random(index)) for index, story in enumerate(asked)]
        found[style] = under_model([tokenizer.encode(f"{text}{tokenizer.eos_token}") for text in texts])
    own = generate(model, tokenizer, prompts, LONGEST, 1.0, SEED)
    return {**found, "own": under_model([reply.token_ids for reply in own])}


def _rewrites(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, asked: Sequence[Story], style: str
) -> list[Reply]:
    """Sample a reply to the rewriting prompt for each story, with notes in that style."""
    notes = [solution(style, story, Random(SEED)) for story in asked]
    prompts = [
        rewrite_messages(story.question, note, str(story.answer), CONVENTION)
        for story, note in zip(asked, notes, strict=True)
    ]
    return generate(model, tokenizer, prompts, LONGEST, 1.0, SEED)


def _training_stories(items: int) -> list[Story]:
    """About `items` stories, equally many of each number of steps."""
    return [s for steps in TASK_STEPS for s in _stories("train", max(1, items // len(TASK_STEPS)), steps)]


def _stories(part: Part, count: int, steps: int) -> list[Story]:
    difficulty = Difficulty(steps=(steps, steps))
    return distinct_from(part, count, f"measure/{part}/{steps}", lambda draw: draw_story(draw, difficulty))


def _is_right(story: Story, reply: Reply) -> bool:
    return reply.finished and extract_answer(reply.text, CONVENTION) == str(story.answer)
