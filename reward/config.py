"""Settings of the reward."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, StringConstraints, field_validator, model_validator

from .phrases import Language
from .reference.config import ReferenceConfig
from .strict import STRICT

Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]

ANSWER_ONLY: dict[str, Any] = {
    "false_step": "off",
    "broken_chain": "off",
    "unquoted_step": "off",
    "min_reasoning_words": 0,
    "max_length_ratio": None,
    "max_repetition": 1.0,
    "max_overlap": 1.0,
    "min_alignment": 0.0,
    "leak_languages": [],
}
"""A gate whose only rule on a finished text is its answer."""
PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "paper": {
        **ANSWER_ONLY,
        "alignment": "paper",
        "alignment_weight": 0.35,
        "diversity": "paper",
        "diversity_weight": 0.5,
        "judge": True,
    },
    "rlt": {**ANSWER_ONLY, "alignment": "rlt", "alignment_weight": 1.0, "diversity_weight": 0.0},
}
"""Settings by preset; `paper` and `rlt` are published rewards."""


class RewardConfig(BaseModel):
    """Settings for gating, scoring and verifying candidates."""

    model_config = STRICT

    preset: Literal["default", "paper", "rlt"] = "default"
    """`paper` and `rlt` set published formulas and coefficients; keys that you set yourself override the preset."""
    alignment: Literal["anchored", "typicality", "paper", "rlt"] = "anchored"
    """`anchored` places a candidate between the expert text and the backbone's own samples. `typicality` rewards text
    as surprising as the backbone expects its own to be. `paper` ranks a candidate among the passing ones of its
    group. `rlt` rewards a text after which the backbone finds the expert solution likely, and which strays little from
    the backbone."""
    alignment_weight: float = Field(0.35, ge=0)
    """Weight of the alignment term in the total."""
    typicality_tau: float = Field(1.0, gt=0)
    """Nats per token of typicality gap at which `typicality` falls to 1/e."""
    diversity: Literal["lexical", "embedding", "paper"] = "lexical"
    """`lexical` compares word 3-grams. `embedding` compares whitened sentence embeddings. `paper` is the marginal
    contribution to the mean cosine distance."""
    diversity_weight: float = Field(0.5, ge=0)
    """Weight of the diversity term in the total."""
    embedding_model: str | None = None
    """Sentence encoder of the diversity kinds `embedding` and `paper` (Hugging Face name or folder); null uses the
    backbone's mean-pooled last hidden states."""
    judge: bool = False
    """Ask the backbone itself, YES or NO, if the reasoning of a candidate with the right answer is sound. A NO rejects
    the candidate."""
    false_step: Literal["gate", "measure", "off"] = "gate"
    """Handling of a step whose claim is false, such as `5 - 4 = 2`: `gate` rejects the candidate, `measure` only
    counts it. With `off` in all rules on steps none is checked."""
    broken_chain: Literal["gate", "measure", "off"] = "measure"
    """Handling of a step with a missing side, a jump from one value to another, or a result that nothing uses."""
    unquoted_step: Literal["gate", "off"] = "off"
    """Handling of an equation that arithmetic cannot decide, such as `6 plim = 23`, and that the expert solution does
    not hold: `gate` rejects the candidate. What cannot be checked has to be a quotation."""
    step_patterns: list[Phrase] = []
    """Additional patterns of arithmetic in words, such as `{a} plus {b} is {c} => a + b = c`, or paths of files with
    one pattern a line, which are read with the config."""
    step_credit_weight: float = Field(0.0, ge=0, lt=1)
    """Weight of the credit that a candidate gets which only `false_step` rejects: the share of its checked steps that
    are true. It stays below the total of every candidate that passes."""
    quote_expert: bool = False
    """Replace each false step of a candidate by the expert's equation with the same result, if there is just one, and
    score and keep the text with the quotation. It applies to training and to rewriting."""
    min_reasoning_words: int = Field(3, ge=0)
    """Fewest words and numbers that a candidate must hold in addition to its answer; 0 disables the rule. It applies
    only if the expert solution holds as many, and not under the conventions `contains`, `json` and `python`."""
    max_length_ratio: float | None = Field(6.0, gt=1)
    """Most words that a candidate may hold, as a multiple of the expert solution's (counted as at least 40); null
    for no limit."""
    max_reasoning_words: int | None = Field(None, ge=1)
    """Most words of a candidate's reasoning in `<think>`; null for no limit. `max_length_ratio` limits the answer."""
    requires_reasoning: bool = False
    """Reject a candidate that does not reason in `<think>` before its answer. `prompts.reasoning: write` sets it."""
    max_repetition: float = Field(0.4, ge=0, le=1)
    """Largest share of a candidate's word 4-grams that may repeat earlier ones. If the expert solution repeats itself
    more, its share is the limit."""
    max_overlap: float = Field(0.8, ge=0, le=1)
    """Largest share of a candidate's word n-grams that may come from the expert solution. It is not applied under the
    conventions `json` and `python`, because their right answers look alike."""
    overlap_ngram: int = Field(8, ge=1)
    """Length in words of the n-grams counted by the overlap."""
    copy_margin: float = Field(0.05, ge=0)
    """Nats per token by which the expert solution must be less likely than the backbone's own samples before copying it
    is rejected. If it is about as likely, a copy is a fine target."""
    min_alignment: float = Field(0.5, ge=0, le=1)
    """Smallest position of a candidate between the expert solution (0) and the backbone's own samples (1), by mean
    log-prob; 0 disables the rule. A candidate nearer to the expert is a copy in other words, and teaches the style that
    a rewrite should avoid. Not applied if copying is allowed (`copy_margin`, `json`, `python`)."""
    coverage_weight: float = Field(0.0, ge=0)
    """Weight of the coverage term in the total: the share of the facts that the expert solution brings beyond the
    question (numbers by value, names, and terms at half the weight) that a candidate still holds."""
    min_coverage: float | None = Field(None, gt=0, le=1)
    """Smallest share of these facts that a candidate must hold; null disables the rule. Not applied if the expert
    solution brings no fact, nor under the conventions `json` and `python`."""
    tail_weight: float = Field(0.0, ge=0)
    """Weight of the tail term in the total: exp(t / `tail_tau`), with t the mean log-prob of the least likely tenth of
    the tokens, at least three. Tokens of numbers, names and terms that the expert solution mentions do not count."""
    tail_tau: float = Field(4.0, gt=0)
    """Nats per token of the tail at which its term falls to 1/e."""
    support_weight: float = Field(0.0, ge=0)
    """Weight of the support term in the total: how much more likely the backbone finds the answer after the reasoning
    than without it."""
    min_support: float | None = None
    """Smallest support of a candidate, in nats per token of its answer; null disables the rule. Neither this rule nor
    the term applies under the conventions `contains`, `json` and `python`."""
    leak_languages: list[Language] = ["en"]
    """Languages whose shipped phrases about a reference or about rewriting reject a candidate: en, de, fr, es, it, pt,
    zh, ja."""
    leak_phrases: list[Phrase] = []
    """Additional phrases that reject a candidate, unless the question or the gold answer holds them too. Phrases match
    as whole words, ignoring case, accents and markup."""
    numeric_tolerance: float = Field(1e-6, ge=0, lt=1)
    """Relative tolerance for comparing a decimal with a decimal or an irrational number. Integers and fractions are
    compared exactly."""
    text_min_f1: float | None = Field(None, gt=0, le=1)
    """Word F1 from which an answer under the `text` convention counts as equal; null for exact match after
    normalisation."""
    json_schema: dict[str, Any] | None = None
    """JSON Schema that an answer under the `json` convention must satisfy, in addition to being equal to gold."""
    reference: ReferenceConfig = ReferenceConfig()
    """Checks under the convention `reference`, which has no answer: the expert's solution is the standard."""
    timeout: float = Field(2.0, gt=0)
    """Wall-clock limit in seconds for comparing one pair of answers."""
    code_timeout: float = Field(10.0, gt=0)
    """Wall-clock limit in seconds for running one answer's tests under the `python` convention, or a function of your
    own (`reference.verifier`)."""
    memory_limit_gb: float = Field(1.0, ge=0.5)
    """Address space of each verifier process in GiB."""
    max_answer_chars: int = Field(1000, ge=1, le=4000)
    """Longest answer that is compared; longer ones are undecided (code, and texts under `reference`, may be 20 times
    as long)."""
    max_verifiers: int | None = Field(None, ge=1)
    """Most verifier processes, each of which uses one core while it compares; null uses all usable cores. They start on
    demand."""
    idle_timeout: float = Field(30.0, gt=0)
    """Idle seconds after which a verifier process ends."""

    @model_validator(mode="before")
    @classmethod
    def _fill_preset(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        preset = values.get("preset")
        return {**PRESETS.get(preset, {}), **values} if isinstance(preset, str) else values

    @model_validator(mode="after")
    def _quotations_are_not_sampled(self) -> "RewardConfig":
        if self.quote_expert and self.needs_solution:
            raise ValueError(
                "alignment=rlt compares the log-probs of a text with those of its sampling, which a text that quotes "
                "the expert does not have; set quote_expert=false, or another alignment."
            )
        return self

    @field_validator("json_schema")
    @classmethod
    def _check_json_schema(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            # Imported here because it is slow and few configs need it.
            from reward.answers.formats.json_schema import check_schema

            check_schema(schema)
        return schema

    @field_validator("step_patterns")
    @classmethod
    def _read_step_patterns(cls, given: list[str]) -> list[str]:
        # Imported here because few configs need it.
        from reward.steps.patterns import pattern_lines

        return [line for text in given for line in pattern_lines(text)]

    def without_expert(self) -> Self:
        """Leave out the rules and terms that compare a candidate with the expert solution, and quotations of it."""
        off: dict[str, Any] = {
            "max_length_ratio": None,
            "max_overlap": 1.0,
            "min_alignment": 0.0,
            "min_coverage": None,
            "unquoted_step": "off",
        }
        if self.needs_solution:
            off |= {"alignment": "anchored", "alignment_weight": 0.0}
        return self.model_copy(update={**off, "coverage_weight": 0.0, "quote_expert": False})

    def gate_alone(self) -> Self:
        """Leave the gate's 0 or 1 as the only reward, without the rules that need the expert solution."""
        off = dict.fromkeys((name for name in type(self).model_fields if name.endswith("_weight")), 0.0)
        return self.without_expert().model_copy(update={**off, "alignment": "anchored"})

    def time_limit(self, convention: str) -> float:
        """Wall-clock limit in seconds for comparing one pair of answers under a convention."""
        return self.code_timeout if convention in ("python", "reference") else self.timeout

    @property
    def needs_backbone(self) -> bool:
        """Whether a rule or a term needs the backbone, be it as a judge or for the log-probs of a candidate."""
        weights = (self.alignment_weight, self.min_alignment, self.tail_weight)
        return self.judge or self.needs_support or any(weight > 0 for weight in weights)

    @property
    def needs_embeddings(self) -> bool:
        """Whether the diversity term needs embeddings."""
        return self.diversity != "lexical" and self.diversity_weight > 0

    @property
    def checks_steps(self) -> bool:
        """Whether the steps of candidates are checked."""
        return (self.false_step, self.broken_chain, self.unquoted_step) != ("off", "off", "off")

    @property
    def rejects_steps(self) -> bool:
        """Whether a candidate can be rejected for its steps."""
        return "gate" in (self.false_step, self.broken_chain, self.unquoted_step)

    @property
    def needs_support(self) -> bool:
        """Whether the support of candidates counts; otherwise it is a measure only."""
        return self.support_weight > 0 or self.min_support is not None

    @property
    def needs_solution(self) -> bool:
        """Whether the alignment term needs the log-probs of the expert solution after a candidate."""
        return self.alignment == "rlt"

    @property
    def needs_entropies(self) -> bool:
        """Whether the alignment term needs token entropies."""
        return self.alignment == "typicality"
