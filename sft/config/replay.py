"""The `sft.replay` section of a config."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

REPLAY = "replay"
"""Outcome of the rows that are mixed in."""


class ReplaySection(BaseModel):
    """Mix rows of general data into the training rows, against forgetting."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    share: float = Field(0.05, gt=0, lt=1)
    """Share of these rows among all rows."""

    source: Literal["own", "file"] = "own"
    """Texts: `own` are the backbone's own answers to general prompts, `file` are the prompts and completions of a
    file."""

    path: Path | None = None
    """A .jsonl or .parquet file with the column `prompt`, and with `source: file` the column `completion`. Null takes
    the prompts that the package brings: questions of the laboratory's skills for the model `lab`, English ones for
    any other."""

    max_texts: PositiveInt = 512
    """Maximum number of rows of the file, sampled with the run's seed. Each is answered or scored, also if `share`
    needs fewer."""

    @model_validator(mode="after")
    def _file_is_named(self) -> Self:
        if self.source == "file" and self.path is None:
            raise ValueError(
                "source=file needs a path: a .jsonl or .parquet file with the columns prompt and completion; set path, "
                "or source=own"
            )
        return self
