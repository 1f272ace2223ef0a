"""What an evaluation leaves behind, and its JSON files."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from rewriter_agent.io.files import write_json

STRICT, LENIENT = "strict", "lenient"
Scores = dict[str, float]
"""Score in [0, 1] by item id, for comparisons item by item."""


@dataclass(frozen=True)
class PartResult:
    """One model on one set of items: the test problems, a benchmark, or a retention task."""

    name: str
    metric: str
    """Name of the metric in `strict`, for example `accuracy`, or lm-eval's `acc,none`."""
    scores: dict[str, Scores]
    """Scores by grading. `strict`, which every part has, means right and in the requested form. `lenient`, which some
    parts have, counts an answer in any form. `avg@k`, `pass@k` and `maj@k` are over sampled answers."""
    chance: float
    """Expected score of a guess: 1 / k for one of k choices, 0 for written answers."""
    metrics: dict[str, float]
    """Aggregates; a retention task has lm-eval's keys (`acc,none`, `acc_stderr,none`)."""
    samples: list[dict[str, Any]]
    """Answers of the model, per item."""
    source: str = ""
    """Origin of the items."""
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    """Group of each item, by kind (`level`, `source`, `subtask`)."""

    @property
    def knowledge(self) -> Scores:
        """Whether the model knows the answer, whatever form it gives it in."""
        return self.scores.get(LENIENT, self.scores[STRICT])


@dataclass(frozen=True)
class Drift:
    """A model on answers that the backbone gave by itself to some prompts, at temperature 1."""

    backbone_logprobs: Scores
    """Sum over an answer's tokens under the backbone, nats."""
    logprobs: Scores
    """The same under this model."""
    tokens: dict[str, int]

    @property
    def nll(self) -> float:
        """Negative log-likelihood of the backbone's answers under this model, nats per token."""
        return -sum(self.logprobs.values()) / sum(self.tokens.values())

    @property
    def kl(self) -> float:
        """Estimate of KL(pi_0 || pi), nats a token: mean of log pi_0 - log pi over the tokens."""
        return self.nll + sum(self.backbone_logprobs.values()) / sum(self.tokens.values())


@dataclass(frozen=True)
class ModelResult:
    """One model on the task, on the benchmarks and on every retention task."""

    task: PartResult
    retention: list[PartResult]
    benchmarks: list[PartResult] = field(default_factory=list)
    drift: Drift | None = None
    """Drift on test questions."""
    general_drift: Drift | None = None
    """Drift on general prompts."""

    @property
    def parts(self) -> list[PartResult]:
        """All of them, the task first."""
        return [self.task, *self.benchmarks, *self.retention]


def write_part(path: Path, part: PartResult | Drift | None) -> None:
    """Write one part atomically."""
    write_json(path, asdict(part) if part else None)


def read_part(path: Path) -> PartResult:
    """Read what `write_part` wrote."""
    return TypeAdapter(PartResult).validate_json(path.read_bytes())


def read_drift(path: Path) -> Drift | None:
    """Read what `write_part` wrote of a drift."""
    return TypeAdapter(Drift | None).validate_json(path.read_bytes())


def read_result(path: Path) -> ModelResult:
    """Read a `result.json`."""
    return TypeAdapter(ModelResult).validate_json(path.read_bytes())
