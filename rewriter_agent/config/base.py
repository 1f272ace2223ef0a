"""The base class of every configuration model."""

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A configuration model that refuses unknown keys and documents its fields.

    The string literal under a field is its description, and defaults are validated like given values.
    """

    model_config = ConfigDict(
        extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )
