"""The base class of every configuration model."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

UserPath = Annotated[Path, AfterValidator(lambda path: Path(os.path.expanduser(path)))]
"""A path in which `~` is the home folder, as in a shell."""


class Strict(BaseModel):
    """A configuration model that refuses unknown keys and documents its fields.

    The string literal under a field is its description, and defaults are validated like given values.
    """

    model_config = ConfigDict(
        extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )
