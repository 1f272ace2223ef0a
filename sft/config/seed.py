"""Seeds in the range that every random number generator accepts."""

from typing import Annotated

from pydantic import Field

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Seed in the range of NumPy, which is the smallest."""
