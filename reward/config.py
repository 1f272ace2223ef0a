"""The settings of the reward."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from .phrases import Language

Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

PAPER: dict[str, Any] = {
    "alignment": "paper",
    "alignment_weight": 0.35,
    "diversity": "paper",
    "diversity_weight": 0.5,
    "judge": True,
    "min_reasoning_words": 0,
    "max_length_ratio": None,
    "max_repetition": 1.0,
    "max_overlap": 1.0,
    "min_alignment": 0.0,
    "leak_languages": [],
}
"""The published reward: gate = answer and judge, nothing else; z-scored alignment; marginal diversity."""


class RewardConfig(BaseModel):
    """How candidates are gated, scored and verified."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
        allow_inf_nan=False,
    )

    preset: Literal["default", "paper"] = "default"
    """`paper` sets the published formula and coefficients; keys given beside it win over the preset."""
    alignment: Literal["anchored", "typicality", "paper"] = "anchored"
    """`anchored` places a candidate between the expert text and the backbone's own samples; `typicality`
    rewards text as surprising as the backbone expects its own to be; `paper` ranks it within the passing set
    of its group."""
    alignment_weight: float = Field(0.35, ge=0)
    """Weight of the alignment term in the total."""
    typicality_tau: float = Field(1.0, gt=0)
    """Nats per token of typicality gap at which `typicality` falls to 1/e."""
    diversity: Literal["lexical", "embedding", "paper"] = "lexical"
    """`lexical` compares word 3-grams; `embedding` compares whitened sentence embeddings; `paper` is the
    marginal contribution to the mean cosine distance."""
    diversity_weight: float = Field(0.5, ge=0)
    """Weight of the diversity term in the total."""
    embedding_model: str | None = None
    """Sentence encoder of the diversity kinds `embedding` and `paper` (Hugging Face name or folder); null takes
    the backbone's own mean-pooled last hidden states."""
    judge: bool = False
    """Asks the backbone itself, YES or NO, whether the reasoning of a candidate with the right answer is sound; a
    NO closes its gate."""
    min_reasoning_words: int = Field(3, ge=0)
    """Fewest words and numbers that a candidate must hold beside its answer, where the expert solution holds as
    many; 0 for no such rule. An answer under the conventions `contains`, `json` and `python` needs nothing beside
    it."""
    max_length_ratio: float | None = Field(6.0, gt=1)
    """Most words a candidate may hold, as a multiple of the expert solution's (counted as at least 40); null
    for no limit."""
    max_repetition: float = Field(0.4, ge=0, le=1)
    """Largest share of a candidate's word 4-grams that it said before; where the expert solution repeats itself
    more than that, as much as it does."""
    max_overlap: float = Field(0.8, ge=0, le=1)
    """Largest share of a candidate's word n-grams that may come from the expert solution; not applied under the
    conventions `json` and `python`, where right answers look alike."""
    overlap_ngram: int = Field(8, ge=1)
    """Length in words of the n-grams that the overlap counts."""
    copy_margin: float = Field(0.05, ge=0)
    """Nats per token by which the expert solution must be less likely than the backbone's own samples before
    copying it is rejected; where it is as likely as those, a copy is a fine target."""
    min_alignment: float = Field(0.5, ge=0, le=1)
    """Smallest place of a candidate between the expert solution (0) and the backbone's own samples (1), by mean
    log-prob: one that is nearer to the expert is a copy in other words, and teaches what a rewrite is to avoid. Not
    applied where copying is allowed (`copy_margin`, `json`, `python`); 0 for no such rule."""
    leak_languages: list[Language] = ["en"]
    """Languages whose shipped lists of talk about a reference or about rewriting reject a candidate: en, de, fr,
    es, it, pt, zh, ja."""
    leak_phrases: list[Phrase] = []
    """Further phrases that reject a candidate. All are matched as whole words, whatever their case, accents and
    markup, unless the question or the gold answer holds them too."""
    numeric_tolerance: float = Field(1e-6, ge=0, lt=1)
    """Relative tolerance where a decimal is compared with a decimal or an irrational number; integers and
    fractions are compared exactly."""
    text_min_f1: float | None = Field(None, gt=0, le=1)
    """Under the `text` convention, the word F1 from which an answer counts as equal; null for exact match after
    normalisation."""
    json_schema: dict[str, Any] | None = None
    """Under the `json` convention, a JSON Schema that an answer must satisfy besides being equal to gold."""
    timeout: float = Field(2.0, gt=0)
    """Wall-clock limit in seconds for comparing one pair of answers."""
    code_timeout: float = Field(10.0, gt=0)
    """Wall-clock limit in seconds for running one answer's tests under the `python` convention."""
    memory_limit_gb: float = Field(1.0, ge=0.5)
    """Address space of each verifier process in GiB."""
    max_answer_chars: int = Field(1000, ge=1, le=4000)
    """Longest answer that is compared; longer ones are undecided (code may be 20 times as long)."""
    max_verifiers: int | None = Field(None, ge=1)
    """Most verifier processes, each of which uses one core while it compares; null takes the usable cores. They
    start as work asks for them."""
    idle_timeout: float = Field(30.0, gt=0)
    """Seconds without work after which a verifier process ends."""

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, values: Any) -> Any:
        is_paper = isinstance(values, dict) and values.get("preset") == "paper"
        return {**PAPER, **values} if is_paper else values

    @field_validator("json_schema")
    @classmethod
    def _is_a_schema(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            # Imported here because few need it, and it takes long.
            from reward.answers.formats.json_schema import check_schema

            check_schema(schema)
        return schema

    @property
    def needs_embeddings(self) -> bool:
        """Whether the diversity term compares embeddings."""
        return self.diversity != "lexical" and self.diversity_weight > 0

    @property
    def needs_entropies(self) -> bool:
        """Whether the alignment term compares log-probs with entropies."""
        return self.alignment == "typicality"
