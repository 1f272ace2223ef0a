"""Fine-tuning many times over, as a user describes it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sft.weight_config import Weight

Data = Literal["expert", "rewritten"]


class SweepSection(BaseModel):
    """The product of its lists; what a list leaves out is as in the rest of the section."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    data: list[Data] = Field(["expert", "rewritten"], min_length=1)
    """What is learned: the expert's solutions, or the targets of `rewrite`."""

    learning_rates: list[float] = []
    """Peak rates."""

    weights: list[Weight] = []
    """Rules for all rows. Empty: expert data plain, rewritten data as `weight` and `outcome_weights` say."""

    seeds: list[int] = []
    """Of the order of the rows."""

    @field_validator("data", "learning_rates", "weights", "seeds")
    @classmethod
    def _different(cls, values: list[object]) -> list[object]:
        if twice := [value for i, value in enumerate(values) if value in values[:i]]:
            raise ValueError(f"{twice[0]!r} is there twice; each value is trained with once")
        return values

    @field_validator("learning_rates")
    @classmethod
    def _positive(cls, rates: list[float]) -> list[float]:
        if wrong := [rate for rate in rates if rate <= 0]:
            raise ValueError(f"{wrong[0]:g} is no learning rate; they are positive")
        return rates
