"""Settings of the checks against a reference."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from reward.strict import STRICT

from .function import UserFunction, read_function


class _Section(BaseModel):
    model_config = STRICT


class CoverageCheck(_Section):
    """Comparison of the facts of two texts: numbers, names, code, quoted terms and negations."""

    min_kept: float = Field(1.0, ge=0, le=1)
    """Smallest share of the reference's facts that a text must hold."""
    max_added: float = Field(0.0, ge=0, le=1)
    """Largest share of a text's facts that neither the reference nor the question holds."""
    min_sentence_kept: float = Field(0.4, ge=0, le=1)
    """Smallest share of the content words of each sentence of the reference that a text must hold; a sentence that was
    dropped has few."""
    min_sentence_known: float = Field(0.2, ge=0, le=1)
    """Smallest share of the content words of each sentence of a text that the reference or the question must hold; a
    sentence about something else has few."""


class EntailmentCheck(_Section):
    """Natural-language inference: every sentence of one text follows from the other, in both directions."""

    model: str
    """Cross-encoder with a label for entailment (Hugging Face name or folder); it runs on the CPU."""
    min_probability: float = Field(0.5, ge=0, le=1)
    """Smallest probability of entailment of each sentence."""


class SimilarityCheck(_Section):
    """Cosine of the embeddings of the two texts."""

    model: str
    """Encoder whose mean-pooled last hidden states are compared (Hugging Face name or folder); it runs on the CPU."""
    min_cosine: float = Field(0.8, ge=-1, le=1)
    """Smallest cosine with which a text passes; encoders differ in the cosines of unrelated texts."""


class Rubric(_Section):
    """Text of a file with instructions for the judge, which is read with the config; write the path of the file."""

    text: str
    """Text of the file."""


class JudgeCheck(_Section):
    """A language model behind an OpenAI-compatible endpoint, asked YES or NO."""

    url: str = Field(pattern=r"^https?://[^\s@]+$")
    """Base URL of the endpoint without a password, such as `http://localhost:8000/v1`."""
    model: str
    """Name of the model there."""
    key_env: str | None = None
    """Environment variable that holds the key; null sends none. The key itself is in no file."""
    rubric: Rubric | None = None
    """Path of a text file that tells the judge what counts as the same."""
    max_tokens: int = Field(16, ge=1)
    """Most tokens of a reply; a model that thinks before it replies needs more. Its last YES or NO counts."""
    max_parallel: int = Field(8, ge=1)
    """Most requests under way at once."""

    @field_validator("rubric", mode="before")
    @classmethod
    def _read_rubric(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        path = Path(os.path.expanduser(given))
        if not path.is_file():
            raise ValueError(f"there is no file {given!r}; give the path of a text file")
        return Rubric(text=path.read_text(encoding="utf-8"))


class ReferenceConfig(_Section):
    """Checks that a text must all pass if the expert's solution itself is the standard (convention `reference`)."""

    coverage: CoverageCheck | None = CoverageCheck()
    """Facts of the reference are in the text, and it adds none of its own; null leaves the check out."""
    verifier: UserFunction | None = None
    """Your own function, as `path/to/file.py:function`. It gets question, reference and text, and returns true or
    false, or a score. It runs in the sandbox, within `code_timeout` and `memory_limit_gb`."""
    min_score: float = 0.5
    """Smallest score of `verifier` with which a text passes."""
    entailment: EntailmentCheck | None = None
    """Natural-language inference by a small model of your choice."""
    similarity: SimilarityCheck | None = None
    """Embeddings by an encoder of your choice."""
    judge: JudgeCheck | None = None
    """A language model of your choice, by the URL of its endpoint."""
    max_false_acceptance: float | None = Field(0.2, ge=0, le=1)
    """Largest share of texts known to be wrong, of each kind, that the checks may accept. The run stops before any
    training if they accept more, beyond chance; null only reports it."""
    max_false_rejection: float | None = Field(0.1, ge=0, le=1)
    """Largest share of reformatted references, of each kind, that the checks may refuse; null only reports it."""

    @field_validator("verifier", mode="before")
    @classmethod
    def _read_verifier(cls, given: Any) -> Any:
        return read_function(given) if isinstance(given, str) else given

    @model_validator(mode="after")
    def _some_check_is_chosen(self) -> Self:
        checks = ("coverage", "verifier", "entailment", "similarity", "judge")
        if all(getattr(self, check) is None for check in checks):
            raise ValueError(f"no check is left, so every text would pass; choose one of {', '.join(checks)}")
        return self
