"""Seeds, within the range that every generator of random numbers takes."""

from typing import Annotated

from pydantic import Field

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""Of NumPy's range, the smallest of all."""
