"""Pre-training data: an endless stream of chats, each determined by seed and number."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random

from rewriter_agent.data.lab_world.drawing import draw_story
from rewriter_agent.data.lab_world.operations import OPERATIONS
from rewriter_agent.data.lab_world.problems import CONVENTION
from rewriter_agent.data.lab_world.skills import SKILLS, draw_item
from rewriter_agent.data.lab_world.splits import draw_from
from rewriter_agent.data.lab_world.story import Difficulty, Story
from rewriter_agent.data.lab_world.styles import NATURAL, solution
from rewriter_agent.data.lab_world.words import foreign_word
from rewriter_agent.data.prompts import Messages, qa_messages, rewrite_messages, user_messages

from .rewriting import OUTCOMES, QUOTING_OUTCOMES, Outcomes, imperfect_rewrite

KINDS = {"solve": 0.28, "rewrite": 0.11, "skill": 0.61}
"""Shares of the chats; a skill's chat is short, which makes the skills an eighth of the reply tokens."""
STEPS = {1: 0.15, 2: 0.35, 3: 0.3, 4: 0.13, 5: 0.07}
"""Distribution of the number of steps of problems to solve; few are as hard as the task's hardest."""
REWRITE_STEPS = {1: 0.1, 2: 0.25, 3: 0.25, 4: 0.2, 5: 0.2}
"""Distribution of the number of steps of problems to rewrite, whose steps are given."""
NOTES = {"terse": 0.4, "backward": 0.3, "machine": 0.3}
"""Distribution of the style of the notes to rewrite."""
SKILL_WEIGHTS = {
    "addition": 4.0,
    "next_number": 3.0,
    "count_letter": 2.5,
    "capitals": 2.0,
    "reverse": 2.0,
    "repeat": 1.5,
    "sort": 1.5,
}
"""Weights of harder skills, which come more often; the others weigh 1."""
QUOTING = 0.25
"""Share of the chats that rewrite invented steps, in the stream of the second backbone."""
QUOTED_STEPS = {0: 0.15, 1: 0.3, 2: 0.3, 3: 0.25}
"""Distribution of the number of ordinary steps in these chats."""
QUOTED_TWICE = 0.15
"""Share of these chats that have two invented steps."""
QUOTED_NOTES = {"terse": 0.6, "backward": 0.4}
"""Distribution of the style of the notes in these chats."""
HASHED = 500


@dataclass(frozen=True)
class Chat:
    """One training conversation; the loss is on the reply."""

    kind: str
    prompt: Messages
    reply: str


Stream = Callable[[int, int], Chat]
"""Chat by seed and number."""


def chat_at(seed: int, index: int) -> Chat:
    """Chat number `index` of the stream, which holds items of the part `pretrain` only."""
    return _chat(Random(f"{seed}/{index}"))


def quoting_chat_at(seed: int, index: int) -> Chat:
    """Chat number `index` of the second backbone's stream: other chats of the same kinds, and some that quote."""
    draw = Random(f"quoting/{seed}/{index}")
    return _quoting_chat(draw) if draw.random() < QUOTING else _chat(draw)


def _chat(draw: Random) -> Chat:
    kind = draw.choices(list(KINDS), list(KINDS.values()))[0]
    match kind:
        case "skill":
            weights = [SKILL_WEIGHTS.get(name, 1.0) for name in SKILLS]
            name = draw.choices(list(SKILLS), weights)[0]
            item = draw_item(name, "pretrain", draw)
            return Chat(name, user_messages(item.prompt), item.answer)
        case "rewrite":
            story = _story(draw, REWRITE_STEPS)
            style = draw.choices(list(NOTES), list(NOTES.values()))[0]
            return _rewriting(kind, story, style, draw)
        case _:
            story = _story(draw, STEPS)
            return Chat(kind, qa_messages(story.question, CONVENTION), solution(NATURAL, story, draw))


def _quoting_chat(draw: Random) -> Chat:
    """Draw a rewriting of a story with invented steps, whose words and results are made up for this chat alone."""
    steps = draw.choices(list(QUOTED_STEPS), list(QUOTED_STEPS.values()))[0]
    style = draw.choices(list(QUOTED_NOTES), list(QUOTED_NOTES.values()))[0]
    words = [_unknown_word(draw) for _ in range(1 + (draw.random() < QUOTED_TWICE))]

    def made_up(value: int) -> int:
        return draw.randint(1, Difficulty.largest)

    story = draw_from(
        "pretrain",
        draw,
        lambda draw: draw_story(draw, Difficulty(), steps, dict.fromkeys(words, made_up)),
    )
    return _rewriting("quote", story, style, draw, QUOTING_OUTCOMES)


def _unknown_word(draw: Random) -> str:
    word = foreign_word(draw)
    return _unknown_word(draw) if word in OPERATIONS else word


def _rewriting(kind: str, story: Story, style: str, draw: Random, outcomes: Outcomes = OUTCOMES) -> Chat:
    notes = solution(style, story, draw)
    prompt = rewrite_messages(story.question, notes, str(story.answer), CONVENTION)
    return Chat(kind, prompt, imperfect_rewrite(story, notes, draw, outcomes)[0])


def stream_hash(seed: int, stream: Stream = chat_at) -> str:
    """Hash the first chats of a stream to 16 hexadecimal digits; a run resumes only on a stream with the same hash."""
    first = [asdict(stream(seed, index)) for index in range(HASHED)]
    return hashlib.sha256(json.dumps(first).encode()).hexdigest()[:16]


def _story(draw: Random, steps: dict[int, float]) -> Story:
    number = draw.choices(list(steps), list(steps.values()))[0]
    return draw_from("pretrain", draw, lambda draw: draw_story(draw, Difficulty(), number))
