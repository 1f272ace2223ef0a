"""Everything that a report shows, as plain data."""

from dataclasses import dataclass

from rewriter_agent.evaluate.summary import Comparison, ModelSummary
from rewriter_agent.experiments.sweep.result import TrialResult
from rewriter_agent.scoring.dataset_diversity import DatasetDiversity


@dataclass(frozen=True)
class Series:
    """One quantity over training steps."""

    steps: list[int]
    mean: list[float | None]
    """None where the step has no value, for example alignment when no candidate passed the gate."""
    std: list[float | None]
    """Empty where the quantity has no spread."""


@dataclass(frozen=True)
class Training:
    """GRPO of the rewriting policy."""

    reward_terms: dict[str, Series]
    """`gate`, `alignment`, `diversity`, `total`."""
    rejected: dict[str, Series]
    """Share of all candidates that each rule of the gate rejected, by code; the commonest first."""
    health: dict[str, Series]
    """Metrics by TRL's names, for example `frac_reward_zero_std`; those that the run logged."""


@dataclass(frozen=True)
class Count:
    """So many of something."""

    count: int
    share: float
    """Of all of it."""


@dataclass(frozen=True)
class Naturalness:
    """How likely the backbone finds texts, given the question alone; means over texts."""

    mean_logprob: float
    """Nats a token."""
    tail_fraction: float
    """Share of tokens with a probability below 0.4."""


@dataclass(frozen=True)
class Rewriting:
    """What became of the training problems and of the candidates."""

    strategy: str
    problems: int
    outcomes: dict[str, Count]
    """Problems per outcome (`rewritten`, `expert_fallback`, ...)."""
    targets: int
    """Training rows; more than problems where a problem may have several."""
    fallback_reasons: dict[str, Count]
    """Problems that kept the expert's solution, per reason code."""
    cost: dict[str, int]
    """`rollouts`, `generated_tokens`, `scored_tokens`, ..."""
    rejections: dict[str, Count]
    """Candidates that did not pass the gate, per code."""
    candidates: int
    naturalness: dict[str, Naturalness]
    """Of the expert solutions and of the targets that they became."""
    diversity: dict[str, DatasetDiversity]
    """Of the expert solutions and of the targets that they became; empty for a single row."""


@dataclass(frozen=True)
class SFTCurve:
    """Losses of one fine-tuning run."""

    loss: Series
    unweighted_loss: Series
    ess: Series
    """Effective sample size of the importance weights, as a share."""
    kl: Series
    """KL(backbone || model) on the backbone's own answers, nats a token."""
    staleness: Series
    """Steps since the model that wrote, or scored, the rows of the step."""


@dataclass(frozen=True)
class CandidateScore:
    """The scores of one candidate; log-probs in nats per token."""

    gate: bool
    reason: str | None
    alignment: float
    diversity: float
    total: float
    mean_logprob: float | None
    tail_fraction: float | None
    overlap: float


@dataclass(frozen=True)
class Text:
    """A solution, and how the backbone sees it given the question alone."""

    text: str
    naturalness: Naturalness
    pieces: list[str]
    """The text of each token; empty where log-probs under the backbone, or the tokenizer, are not there."""
    logprobs: list[float]
    """Nats; as many."""


@dataclass(frozen=True)
class Sample:
    """One training row with its origin."""

    problem_id: str
    question: str
    answer: str
    expert: Text
    target: Text
    outcome: str
    reason: str | None
    scores: list[CandidateScore]
    selected: int | None
    """Index into `scores`."""


@dataclass(frozen=True)
class StageRecord:
    """A stage's manifest."""

    stage: str
    wall_seconds: float
    share: float
    """Of the time of all stages."""
    spent: dict[str, int]
    """`rollouts`, `generated_tokens`, `scored_tokens`, ...; those that the stage counts."""
    counts: dict[str, object]
    """Everything that it counted."""
    finished_at: str
    fingerprint: str
    """Hash of everything that decides the stage's result."""
    inputs: dict[str, str]
    """Fingerprints of the stages that it read, and hashes of what it read beside them."""


@dataclass(frozen=True)
class Cost:
    """Of the whole run."""

    wall_seconds: float
    spent: dict[str, int]
    """Over all stages; a stage that does not count something adds nothing."""


@dataclass(frozen=True)
class LabWorld:
    """The frozen state of the laboratory that problems and graders are of."""

    version: str
    hash: str


@dataclass(frozen=True)
class ReportData:
    """A finished run."""

    name: str
    finished_at: str
    lab_world: LabWorld | None
    """Where problems or retention items are the laboratory's; None elsewhere."""
    arms: list[ModelSummary]
    """`base`, `expert` (SFT on expert data), `rewritten` (SFT on rewritten data)."""
    rewritten_against_expert: Comparison
    lost_form: dict[str, float]
    """By arm, what forgetting is more where retention is graded strictly: form, not knowledge."""
    sweep: list[TrialResult]
    """Fine-tunings over learning rates, weights and seeds; empty where the run has no sweep."""
    training: Training | None
    """None where the strategy asks no trained rewriter."""
    rewriting: Rewriting
    sft: dict[str, SFTCurve]
    """By arm."""
    samples: list[Sample]
    stages: list[StageRecord]
    cost: Cost
    model: str
    """The backbone's name, or its folder."""
    seeds: dict[str, int]
    """By config key."""
    config: str
    """The resolved config, YAML."""
    versions: dict[str, str]
