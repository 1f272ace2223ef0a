"""Lists of values that are each trained with once."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator

T = TypeVar("T")


def _different(values: list[T]) -> list[T]:
    if twice := [value for i, value in enumerate(values) if value in values[:i]]:
        raise ValueError(f"{twice[0]!r} is there twice; each value is trained with once")
    return values


def _positive(rates: list[float]) -> list[float]:
    if wrong := [rate for rate in rates if rate <= 0]:
        raise ValueError(f"{wrong[0]:g} is no learning rate; they are positive")
    return rates


Different = Annotated[list[T], AfterValidator(_different)]
"""No value twice."""
Rates = Annotated[Different[float], AfterValidator(_positive)]
"""Learning rates."""
