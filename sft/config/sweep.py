"""The `sft.sweep` section of a config, and its types for lists of values."""

from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from .seed import Seed
from .weights import Weight

T = TypeVar("T")
SweepData = Literal["expert", "rewritten"]


def _check_unique(values: list[T]) -> list[T]:
    if repeated := [value for i, value in enumerate(values) if value in values[:i]]:
        raise ValueError(f"{repeated[0]!r} is there twice; each value is trained with once")
    return values


def _check_positive(rates: list[float]) -> list[float]:
    if wrong := [rate for rate in rates if rate <= 0]:
        raise ValueError(f"{wrong[0]:g} is no learning rate; they are positive")
    return rates


UniqueList = Annotated[list[T], AfterValidator(_check_unique)]
"""List without repeated values."""
LearningRates = Annotated[UniqueList[float], AfterValidator(_check_positive)]
"""List of different, positive learning rates."""


class SweepSection(BaseModel):
    """Fine-tune with every combination of the lists; an empty list leaves the setting of `sft` as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    data: UniqueList[SweepData] = Field(["expert", "rewritten"], min_length=1)
    """Training data: the expert's solutions, or the targets of `rewrite`."""

    learning_rates: LearningRates = []
    """Peak learning rates."""

    weights: UniqueList[Weight] = []
    """Rules for all rows. If empty, expert data is not weighted, and rewritten data as `weight` and `outcome_weights`
    say."""

    seeds: UniqueList[Seed] = []
    """Seeds of the order of the rows."""
