"""Fine-tuning many times over, as a user describes it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .unique_list import Different, Rates
from .weights import Weight

Data = Literal["expert", "rewritten"]


class SweepSection(BaseModel):
    """The product of its lists; what a list leaves out is as in the rest of the section."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    data: Different[Data] = Field(["expert", "rewritten"], min_length=1)
    """What is learned: the expert's solutions, or the targets of `rewrite`."""

    learning_rates: Rates = []
    """Peak rates."""

    weights: Different[Weight] = []
    """Rules for all rows. Empty: expert data plain, rewritten data as `weight` and `outcome_weights` say."""

    seeds: Different[int] = []
    """Of the order of the rows."""
