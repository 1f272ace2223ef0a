"""An expert who compiles: prefix code, then the registers from the last back to the first, digits in reverse."""

import re
from random import Random

from rewriter_agent.data.lab_world.story import Story
from rewriter_agent.data.lab_world.style import Style

CODE = {"+": "ADD", "-": "SUB", "*": "MUL", "/": "DIV"}
OPERATION = "(?:ADD|SUB|MUL|DIV)"
PROGRAM = re.compile(rf"(?:{OPERATION} )+#\d+(?: #\d+)+")
TRACE = re.compile(rf"R\d {OPERATION} #\d+ \d+")


def _write(story: Story, draw: Random) -> str:
    code = " ".join(CODE[step.op] for step in reversed(story.steps))
    numbers = " ".join(f"#{_flipped(n)}" for n in (story.start, *(step.operand for step in story.steps)))
    trace = [
        f"R{number} {CODE[step.op]} #{_flipped(step.operand)} {_flipped(step.after)}"
        for number, step in enumerate(story.steps, 1)
    ]
    return "\n".join([f"{code} {numbers}", *reversed(trace)])


def _flipped(number: int) -> str:
    return str(number)[::-1]


def _recognises(text: str) -> bool:
    program, *trace = text.split("\n")
    return PROGRAM.fullmatch(program) is not None and all(TRACE.fullmatch(line) for line in trace)


STYLE = Style("machine", 2, _write, _recognises)
