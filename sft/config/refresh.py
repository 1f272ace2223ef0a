"""Rewriting while the student learns, as a user describes it."""

from pydantic import BaseModel, ConfigDict, Field


class RefreshSection(BaseModel):
    """When the next rows are rewritten for the student as it is by then."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    steps: int = Field(ge=1)
    """Optimizer steps between two refreshes, at most."""

    probe_kl: float | None = Field(None, gt=0)
    """Refresh as soon as `probe/kl` has grown by this since the last time; it is looked at where it is logged."""
