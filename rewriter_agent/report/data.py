"""Everything that a report shows, as plain data."""

from dataclasses import dataclass

from rewriter_agent.config.method import Method
from rewriter_agent.evaluate.curve import Point
from rewriter_agent.evaluate.summary import Comparison, ModelSummary
from rewriter_agent.experiments.results import Measurement
from rewriter_agent.scoring.dataset_diversity import DatasetDiversity

from .ways import Ways


@dataclass(frozen=True)
class Series:
    """One quantity over training steps."""

    steps: list[int]
    mean: list[float | None]
    """Mean at each step; None if the step has no value, for example alignment when no candidate passed the gate."""
    std: list[float | None]
    """Spread at each step; empty if the quantity has none."""


@dataclass(frozen=True)
class Training:
    """Training of the rewriting policy, or of the student."""

    steps: int
    """Number of logged steps."""
    reward_terms: dict[str, Series]
    """`gate`, `alignment`, `diversity`, `total`; of a student `gate` alone, which is its reward."""
    rejected: dict[str, Series]
    """Share of all candidates that each rule of the gate rejected, by code; the commonest first."""
    health: dict[str, Series]
    """Metrics by TRL's names, for example `frac_reward_zero_std`, as far as the run logged them."""


@dataclass(frozen=True)
class Count:
    """Number of items and their share of the whole."""

    count: int
    share: float
    """Share of the whole."""


@dataclass(frozen=True)
class Naturalness:
    """Likelihood of texts under the backbone, given the question alone; means over texts."""

    mean_logprob: float
    """Nats a token."""
    tail_fraction: float
    """Share of tokens with a probability below 0.4."""


@dataclass(frozen=True)
class Rewriting:
    """Outcomes of the training problems and of the candidates."""

    strategy: str
    problems: int
    dropped: int
    """Problems that the method drops, since no candidate was accepted."""
    outcomes: dict[str, Count]
    """Problems per outcome (`rewritten`, `expert_fallback`, ...)."""
    targets: int
    """Number of training rows; greater than `problems` if a problem may have several, and smaller if some are
    dropped."""
    fallback_reasons: dict[str, Count]
    """Problems without an accepted candidate, per reason code: they kept the expert's solution, or were dropped."""
    cost: dict[str, int]
    """`rollouts`, `generated_tokens`, `scored_tokens`, ..."""
    rejections: dict[str, Count]
    """Candidates that did not pass the gate, per code."""
    candidates: int
    naturalness: dict[str, Naturalness]
    """Likelihood of the expert solutions and of the targets that replaced them."""
    coverage: float | None
    """Share of the expert's facts that a rewritten target holds; mean, None if there is nothing to hold."""
    false_steps: dict[str, float | None]
    """Share of the expert solutions, and of the targets, that hold a false step; None if none was checked."""
    diversity: dict[str, DatasetDiversity]
    """Diversity of the expert solutions and of the targets that replaced them; empty for a single row."""
    sources: dict[str, Count]
    """Targets per source, if the data is a mix; else empty."""
    lesson: dict[str, float]
    """Share of the rewritten targets by their way over the invented steps of lessons; empty for other data."""


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
class EvaluationCurve:
    """A fine-tuning that was evaluated on the way, on a held-out sample."""

    points: list[Point]
    """Step 0, the backbone, first."""
    kept_step: int
    """Step of the checkpoint that became the model."""


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
    false_steps: list[dict[str, str]] | None
    """Claims that do not hold: `text`, `claimed` and `value`."""


@dataclass(frozen=True)
class Text:
    """A solution, and how the backbone sees it given the question alone."""

    text: str
    naturalness: Naturalness
    pieces: list[str]
    """Text of each token; empty without log-probs under the backbone, or without the tokenizer."""
    logprobs: list[float]
    """Log-prob of each token, in nats."""


@dataclass(frozen=True)
class SampleRow:
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
class Reply:
    """Greedy reply of a model to a test question."""

    text: str
    right: bool
    """Whether the final answer is right and in the requested form."""


@dataclass(frozen=True)
class Replies:
    """A test question with the replies of the backbone and of the student."""

    question: str
    answer: str
    base: Reply
    student: Reply


@dataclass(frozen=True)
class StageRecord:
    """A stage's manifest."""

    stage: str
    wall_seconds: float
    share: float
    """Share of the time of all stages."""
    spent: dict[str, int]
    """`rollouts`, `generated_tokens`, `scored_tokens` and so on, as far as the stage counts them."""
    counts: dict[str, object]
    """All counts of the stage."""
    finished_at: str
    fingerprint: str
    """Hash of everything that decides the stage's result."""
    inputs: dict[str, str]
    """Fingerprints of the stages that it read, and hashes of its other inputs."""


@dataclass(frozen=True)
class Cost:
    """Cost of the whole run, and of both ways to a fine-tuned model."""

    wall_seconds: float
    spent: dict[str, int]
    """Sums over all stages; a stage that does not count a quantity adds nothing."""
    ways: Ways


@dataclass(frozen=True)
class LabWorld:
    """The frozen state of the laboratory that problems and graders are of."""

    version: str
    hash: str


@dataclass(frozen=True)
class Replay:
    """Replay rows among the rewritten ones that were trained on."""

    rows: int
    share: float
    token_share: float
    """Share of all completion tokens."""


@dataclass(frozen=True)
class ReportData:
    """A finished run."""

    name: str
    method: Method
    finished_at: str
    taught: str
    """The task in a few words."""
    problems: int
    """Training problems."""
    next_commands: dict[str, str]
    """Commands for after the run, by their purpose."""
    lab_world: LabWorld | None
    """World of the laboratory's problems or retention items; None without them."""
    arms: list[ModelSummary]
    """`base`, `expert` (SFT on expert data), `rewritten` (SFT on rewritten data, or the student)."""
    rewritten_against_expert: Comparison
    lost_form: dict[str, float]
    """Additional forgetting under strict grading, by arm: lost form, not lost knowledge."""
    sweep: list[Measurement]
    """Fine-tunings over learning rates, weights and seeds; empty if the run has no sweep."""
    training: Training | None
    """Training of the rewriter, or of the student; None if the run trains neither."""
    rewriting: Rewriting | None
    """None if the method trains the student without rewriting."""
    sft: dict[str, SFTCurve]
    """Curves by arm; a student has none."""
    evaluation_curves: dict[str, EvaluationCurve]
    """Evaluations on the way by arm; empty without a section `sft.evaluation`."""
    replay: Replay | None
    """None without replay."""
    samples: list[SampleRow]
    replies: list[Replies]
    """Replies to test questions, if the method leaves no rows."""
    stages: list[StageRecord]
    cost: Cost
    model: str
    """The backbone's name, or its folder."""
    seeds: dict[str, int]
    """Seeds by config key."""
    config: str
    """The resolved config, YAML."""
    versions: dict[str, str]
