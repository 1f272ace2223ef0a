"""An expert who compiles: prefix code, then the registers from the last back to the first, digits in reverse."""

import re
from random import Random

from rewriter_agent.data.lab_world.story import Step, Story
from rewriter_agent.data.lab_world.style import Style

CODE = {"+": "ADD", "-": "SUB", "*": "MUL", "/": "DIV"}
PROGRAM = re.compile(r"(?:[A-Z]+ )+#\d+(?: #\d+)+")
TRACE = re.compile(r"R\d [A-Z]+(?: #\d+)? \d+")


def _write(story: Story, draw: Random) -> str:
    code = " ".join(_name(step) for step in reversed(story.steps))
    operands = [step.operand for step in story.steps if not step.is_invented]
    numbers = " ".join(f"#{_flipped(n)}" for n in (story.start, *operands))
    trace = [f"R{number} {_call(step)} {_flipped(step.after)}" for number, step in enumerate(story.steps, 1)]
    return "\n".join([f"{code} {numbers}", *reversed(trace)])


def _name(step: Step) -> str:
    return step.op.upper() if step.is_invented else CODE[step.op]


def _call(step: Step) -> str:
    return _name(step) if step.is_invented else f"{_name(step)} #{_flipped(step.operand)}"


def _flipped(number: int) -> str:
    return str(number)[::-1]


def _recognises(text: str) -> bool:
    program, *trace = text.split("\n")
    return PROGRAM.fullmatch(program) is not None and all(TRACE.fullmatch(line) for line in trace)


STYLE = Style("machine", 2, _write, _recognises)
