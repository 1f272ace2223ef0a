"""Everything that a report shows, as plain data."""

from dataclasses import dataclass

from ..diversity import DatasetDiversity
from ..evaluate.summary import Comparison, ModelSummary


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
    health: dict[str, Series]
    """Metrics by TRL's names, for example `frac_reward_zero_std`; those that the run logged."""


@dataclass(frozen=True)
class Rewriting:
    """What became of the training problems and of the candidates."""

    strategy: str
    outcomes: dict[str, int]
    """Problems per outcome (`rewritten`, `expert_fallback`, ...)."""
    targets: int
    """Training rows; more than problems where a problem may have several."""
    fallback_reasons: dict[str, int]
    """Problems that kept the expert's solution, per reason code."""
    cost: dict[str, int]
    """`rollouts`, `generated_tokens`, `scored_tokens`."""
    rejections: dict[str, int]
    """Candidates that did not pass the gate, per code."""
    candidates: int
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
class Sample:
    """One training row with its origin."""

    problem_id: str
    question: str
    expert_solution: str
    answer: str
    target_text: str
    outcome: str
    reason: str | None
    scores: list[CandidateScore]
    selected: int | None
    """Index into `scores`."""


@dataclass(frozen=True)
class StageTime:
    """How long a stage took and what it counted."""

    stage: str
    wall_seconds: float
    counts: dict[str, float]


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
    training: Training | None
    """None where the strategy asks no trained rewriter."""
    rewriting: Rewriting
    sft: dict[str, SFTCurve]
    """By arm."""
    samples: list[Sample]
    stages: list[StageTime]
    config: str
    """The resolved config, YAML."""
    versions: dict[str, str]
