"""Strictness of the sections of the reward's settings."""

from pydantic import ConfigDict

STRICT = ConfigDict(
    extra="forbid",
    frozen=True,
    use_attribute_docstrings=True,
    validate_default=True,
    allow_inf_nan=False,
)
"""Configuration of frozen models that refuse unknown keys and numbers that are not finite."""
