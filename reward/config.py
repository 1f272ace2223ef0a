"""The settings of the reward."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

LEAK_PHRASES = (
    "reference solution",
    "reference answer",
    "expert solution",
    "expert answer",
    "expert's solution",
    "original solution",
    "original answer",
    "provided solution",
    "provided answer",
    "given solution",
    "given answer",
    "the solution above",
    "the above solution",
    "the solution provided",
    "the solution given",
    "as given in the solution",
    "as given above",
    "according to the solution",
    "according to the reference",
    "based on the reference",
    "based on the solution",
    "following the reference",
    "here is a correct solution",
    "rewritten solution",
    "rewritten answer",
    "rewritten version",
    "rephrased solution",
    "rephrased answer",
    "rephrased version",
    "paraphrased",
    "in my own words",
    "in your own words",
)
"""Talk about the reference or about rewriting, which a text written from the question alone never holds."""


class RewardConfig(BaseModel):
    """How candidates are gated, scored and verified."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True
    )

    alignment: Literal["anchored", "paper"] = "anchored"
    """`anchored` places a candidate between the expert text and the backbone's own samples; `paper` ranks it
    within the passing set of its group."""
    alignment_weight: float = Field(0.35, ge=0)
    """Weight of the alignment term in the total."""
    diversity: Literal["lexical"] = "lexical"
    """Kind of the diversity term: `lexical` compares word 3-grams."""
    diversity_weight: float = Field(0.5, ge=0)
    """Weight of the diversity term in the total."""
    max_overlap: float = Field(0.8, ge=0, le=1)
    """Largest share of a candidate's word n-grams that may come from the expert solution."""
    overlap_ngram: int = Field(8, ge=1)
    """Length in words of the n-grams that the overlap counts."""
    copy_margin: float = Field(0.05, ge=0)
    """Nats per token by which the expert solution must be less likely than the backbone's own samples before
    copying it is rejected; where it is as likely as those, a copy is a fine target."""
    leak_phrases: list[Phrase] = list(LEAK_PHRASES)
    """Phrases that reject a candidate, matched as whole words, whatever their case, unless the question holds
    them too."""
    timeout: float = Field(2.0, gt=0)
    """Wall-clock limit in seconds for comparing one pair of answers."""
    memory_limit_gb: float = Field(1.0, ge=0.5)
    """Address space of each verifier process in GiB."""
    max_answer_chars: int = Field(300, ge=1, le=4000)
    """Longest answer that is compared; longer ones are undecided."""
    num_verifiers: int = Field(1, ge=1)
    """Number of verifier processes; each uses one core while it compares."""
