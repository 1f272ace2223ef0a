"""The invented operations that lessons teach; the backbone has never seen one."""

from collections.abc import Callable

Rule = Callable[[int], int]
"""Result of an operation on a positive number."""
OPERATIONS: dict[str, Rule] = {
    "zorb": lambda value: 2 * value + 3,
    "plim": lambda value: value + 17,
    "quat": lambda value: 3 * value,
    "dreb": lambda value: value - 9 if value >= 10 else value + 9,
    "funk": lambda value: value // 2 if value % 2 == 0 else value + 1,
    "glim": lambda value: 100 - value if value < 100 else value - 50,
}
"""Rule of each operation, by name."""
