"""The backbone's own style: short English sentences, with every choice open that a person has."""

import re
from dataclasses import dataclass
from random import Random

from rewriter_agent.data.lab_world.story import Step, Story
from rewriter_agent.data.lab_world.style import Style

OPENINGS = (
    "At first {holder} {v} {unit}.",
    "We start with {v} {unit}.",
    "The story begins with {v} {unit}.",
    "Let us go step by step from {v}.",
    "First there are {v} {unit}.",
    "",
)
LINKS = ("Then ", "Next ", "After that ", "Now ", "So ", "")
SAYINGS = {
    "+": ("{a} plus {n} is {c}", "adding {n} to {a} gives {c}", "{n} more than {a} makes {c}"),
    "-": ("{a} minus {n} is {c}", "taking {n} from {a} leaves {c}", "{n} less than {a} makes {c}"),
    "*": ("{a} times {n} is {c}", "taking {a} times {n} gives {c}", "{n} times {a} makes {c}"),
    "/": ("{a} over {n} is {c}", "splitting {a} by {n} gives {c}", "one of {n} parts of {a} makes {c}"),
}
CLOSINGS = ("So the answer is {v}.", "In the end {holder} {v} {unit}.", "That leaves us with {v} {unit}.", "")
MARKERS = ("", "", "", "{i}. ", "Step {i}: ", "- ")
KEEP_VOICE = 0.7
"""Probability that a step is told like the previous step."""
MARKER = re.compile(r"^(?:\d\. |Step \d: |- )", re.MULTILINE)
SENTENCE_END = re.compile(r"(?<=[a-z0-9]\.) (?=[A-Z0-9])|\n")
SENTENCE = re.compile(r"[A-Za-z0-9-][A-Za-z0-9 ,+\-*/=()]*\.")
# Every sentence has a word or a spaced formula; no expert's line has.
TOLD = re.compile(r"[a-z]{2}| [-+*/] -?\d+ = ")


@dataclass
class _Voice:
    """Choices that one solution mostly keeps."""

    separator: str
    marker: str
    manner: int


def _write(story: Story, draw: Random) -> str:
    separator = draw.choice((" ", "\n"))
    voice = _Voice(separator, draw.choice(MARKERS) if separator == "\n" else "", draw.randrange(5))
    opening = draw.choice(OPENINGS).format(holder=story.holder, v=story.start, unit=story.unit)
    orders = [_in_turn, _in_turn, _in_turn, *([] if story.invented else [_planned])]
    if _can_gather(story):
        orders.append(_gathered)
    body = draw.choice(orders)(story, voice, draw)
    lines = [f"{voice.marker.format(i=i)}{sentence}" for i, sentence in enumerate(body, 1)]
    last = story.steps[-1]
    closing = draw.choice(CLOSINGS).format(holder=last.holder, v=last.after, unit=story.unit)
    return voice.separator.join(line for line in (_upper(opening), *lines, _upper(closing)) if line)


def _in_turn(story: Story, voice: _Voice, draw: Random) -> list[str]:
    return [_sentence(step, story.unit, voice, draw) for step in story.steps]


def _planned(story: Story, voice: _Voice, draw: Random) -> list[str]:
    """The whole formula first, then its steps."""
    formula, bound = str(story.start), False
    for step in story.steps:
        inner = f"({formula})" if step.op in "*/" and bound else formula
        formula, bound = f"{inner} {step.op} {step.operand}", step.op in "+-"
    lead = draw.choice(("We need", "The plan is", "Here we work out"))
    return [f"{lead} {formula}.", *_in_turn(story, voice, draw)]


def _can_gather(story: Story) -> bool:
    return len(story.steps) > 1 and all(step.op in "+-" for step in story.steps)


def _gathered(story: Story, voice: _Voice, draw: Random) -> list[str]:
    """The sum of the additions, the sum of the subtractions, then both at once."""
    sentences, value = [], story.start
    for op, name in (
        ("+", draw.choice(("gains", "additions"))),
        ("-", draw.choice(("losses", "parts lost"))),
    ):
        numbers = [step.operand for step in story.steps if step.op == op]
        if not numbers:
            continue
        if len(numbers) > 1:
            sentences.append(f"The {name} are {' + '.join(map(str, numbers))} = {sum(numbers)}.")
        after = value + sum(numbers) if op == "+" else value - sum(numbers)
        step = Step(op, sum(numbers), value, after, f"with the {name}", story.steps[-1].holder)
        sentences.append(_sentence(step, story.unit, voice, draw))
        value = after
    return sentences


def _sentence(step: Step, unit: str, voice: _Voice, draw: Random) -> str:
    if draw.random() > KEEP_VOICE:
        voice.manner = draw.randrange(5)
    fields, formula = {"a": step.before, "n": step.operand, "c": step.after}, step.formula
    match voice.manner:
        case 0:
            text = f"{draw.choice(LINKS)}{formula}"
        case 1:
            text = f"{step.clause}, {step.holder} {formula} {unit}"
        case 2:
            text = f"{step.clause} it is {formula}"
        case _:
            link = draw.choice(LINKS)
            saying = formula if step.is_invented else draw.choice(SAYINGS[step.op]).format(**fields)
            text = f"{link}{saying}"
    return _upper(text) + "."


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _recognises(text: str) -> bool:
    sentences = SENTENCE_END.split(MARKER.sub("", text))
    return all(SENTENCE.fullmatch(sentence) and TOLD.search(sentence) for sentence in sentences)


STYLE = Style("natural", 0, _write, _recognises)
