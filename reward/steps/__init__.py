"""Checks the steps of a text: finds every closed claim about numbers and decides it exactly."""

from .check import check_steps
from .patterns import ENGLISH, StepPattern, load_patterns, parse_patterns
from .types import FalseStep, StepReport

__all__ = [
    "ENGLISH",
    "FalseStep",
    "StepPattern",
    "StepReport",
    "check_steps",
    "load_patterns",
    "parse_patterns",
]
