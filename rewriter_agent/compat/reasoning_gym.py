"""Private parts of reasoning-gym: the single templates of its data set `gsm_symbolic`."""

from collections.abc import Callable
from importlib.metadata import version
from random import Random
from typing import Any

from reasoning_gym.arithmetic.gsm_symbolic import generators_00_49, generators_50_99
from reasoning_gym.arithmetic.gsm_symbolic.gsm_symbolic import tasks_ok

from sft.compat.version import check_version

VERSION = "0.1"
TEMPLATES = tuple(tasks_ok)
"""Numbers of the templates that the data set uses."""

check_version("reasoning-gym", version("reasoning-gym"), VERSION)


def template(number: int) -> Callable[[Random, float], dict[str, Any]]:
    """The function that writes a problem of a template, from a generator and a difficulty.

    The public `create_dataset("gsm_symbolic")` chooses a template for each item itself: one cannot ask it for problems
    of one template, which a split by template needs.
    """
    module = generators_00_49 if number < 50 else generators_50_99
    return getattr(module, f"generate_{number}")
