"""Requests and responses of the service."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, FailFast, Field, Tag, model_validator

from rewriter_agent.config.data import Convention
from rewriter_agent.config.serve import MOST_ROWS

MAX_TEXT, MAX_ANSWER = 100_000, 10_000
"""Maximum characters of a text, and of a gold answer."""

Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]


class _Model(BaseModel):
    """A model that refuses unknown fields and other types, and documents its fields."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _has_few_fields(cls, given: Any) -> Any:
        # Each unknown field would be an error of its own, and a body has room for a million.
        if isinstance(given, dict) and len(given) > 2 * len(cls.model_fields):
            raise ValueError(f"it has {len(given)} fields; allowed are {', '.join(cls.model_fields)}")
        return given


class Message(_Model):
    """One message of a conversation."""

    role: Literal["user"]
    """The speaker. The service sets the system message itself, as the run's config says."""
    content: Text
    """Text of the message."""


class Problem(_Model):
    """A question with the expert's solution."""

    question: Text | None = None
    """The question; or give `messages`."""
    messages: list[Message] | None = Field(None, min_length=1, max_length=1)
    """The question as a conversation of one message by the user."""
    solution: Text
    """The expert's worked solution."""
    answer: Annotated[str, Field(min_length=1, max_length=MAX_ANSWER)] | None = None
    """The gold answer; extracted from the solution if it is not given."""
    convention: Convention | None = None
    """Form in which texts state the answer; the run's own if it is not given."""

    @model_validator(mode="after")
    def _has_one_question(self) -> Self:
        if (self.question is None) == (self.messages is None):
            raise ValueError("give either question or messages")
        return self

    @property
    def asked(self) -> str:
        """The question, whichever field holds it."""
        return self.question if self.question is not None else (self.messages or [])[0].content


class Row(Problem):
    """A problem to rewrite the solution of."""

    candidates: bool = False
    """Whether to return every candidate with its scores."""
    tokens: bool = False
    """Whether to return the log-prob of each token of the expert's solution and of the target."""


class Rows(_Model):
    """Many problems to rewrite the solutions of."""

    rows: Annotated[list[Row], FailFast()] = Field(min_length=1, max_length=MOST_ROWS)
    """The problems."""


def _kind(body: Any) -> str:
    return "rows" if isinstance(body, Rows) or (isinstance(body, dict) and "rows" in body) else "row"


RewriteBody = Annotated[Annotated[Row, Tag("row")] | Annotated[Rows, Tag("rows")], Discriminator(_kind)]
"""One problem, or many."""


class Token(_Model):
    """A token of a text under the backbone, given the question alone."""

    text: str
    """Characters of the token; a character of several tokens is with the last of them."""
    logprob: float
    """Log-prob in nats."""


class Gap(_Model):
    """A solution under the backbone, given the question alone."""

    tokens: list[Token]
    """The tokens, the end included."""
    mean_logprob: float
    """Mean of the log-probs, in nats per token."""
    tail_fraction: float
    """Share of the tokens with a probability below 0.4."""


class FalseStep(_Model):
    """A claim that is not true."""

    text: str
    """The claim."""
    claimed: str
    """Value that it states."""
    value: str
    """Value that is right."""


class Scores(_Model):
    """Scores of one candidate; log-probs are under the backbone given the question, in nats."""

    alignment: float
    """How near the text is to the backbone's own, from 0 to 1."""
    diversity: float
    """How different the text is from the other candidates, from 0 to 1."""
    total: float
    """The reward."""
    mean_logprob: float | None
    """Log-prob per token; null if an earlier rule refused the text."""
    tail_fraction: float | None
    """Share of the tokens with a probability below 0.4."""
    overlap: float
    """Share of the text's word n-grams that the expert's solution holds."""
    repetition: float
    """Share of the text's n-grams that repeat earlier ones."""
    coverage: float | None
    """Share of the expert's facts that the text holds; null if the expert brings none."""
    extracted: str | None
    """The answer that the text states."""
    steps_checked: int | None
    """Claims that were decided; null if none was looked for."""
    false_steps: list[FalseStep]
    """Claims that are not true."""


class Candidate(_Model):
    """A text that the rewriter wrote."""

    text: str
    """The text."""
    passed: bool
    """Whether it passed the gate."""
    reason: str | None
    """First rule of the gate that it broke."""
    selected: bool
    """Whether it is the target."""
    scores: Scores
    """Scores of the text."""


class Cost(_Model):
    """Work for one row, besides scoring the expert's solution and the backbone's own samples."""

    rollouts: int
    """Candidates."""
    prompt_tokens: int
    """Tokens of the prompts, once for all candidates that share one."""
    generated_tokens: int
    """Tokens of the candidates."""
    scored_tokens: int
    """Tokens of the candidates that passed, which the backbone scored."""
    judged: int
    """Texts that the judge read."""
    seconds: float
    """Time at work, without the time in the queue."""


class Versions(_Model):
    """Everything that decides a target, besides the row itself."""

    package: str
    """Version of rewriter-agent."""
    run: str
    """Name of the run."""
    strategy: str
    """Strategy of rewriting."""
    backbone: str
    """Content hash of the backbone, or its name on the Hugging Face hub."""
    rewriter_steps: int | None
    """Steps that the rewriter was trained for; null if the strategy uses none."""
    seed: int
    """Seed of the samples."""


class TokenPair(_Model):
    """Tokens before and after rewriting."""

    expert: list[Token]
    """The expert's solution; empty if it did not fit the model."""
    target: list[Token]
    """The target."""


class Rewrite(_Model):
    """The target of one problem."""

    id: str
    """Hash of the question."""
    target: str
    """Text to train on: a rewrite that passed the gate, else the expert's solution."""
    outcome: str
    """Origin of the target: `rewritten`, `self_correct`, or one of `expert_fallback` and `expert_kept`."""
    reason: str | None
    """Why the expert's solution stayed: the rule that refused most candidates, or why there are none."""
    scores: Scores | None
    """Scores of the target; null if it is the expert's solution."""
    false_steps: list[FalseStep] | None
    """Claims of the target that are not true; null if the check reached a limit."""
    candidates: list[Candidate] | None = None
    """All candidates, on request."""
    tokens: TokenPair | None = None
    """Log-probs of the tokens, on request."""
    versions: Versions
    """Everything that decides a target, besides the row."""
    cost: Cost
    """Work for the row."""


class Batch(_Model):
    """State of a batch."""

    id: str
    """Name for the other requests."""
    state: Literal["queued", "running", "done", "cancelled"]
    """State of the work; one batch runs at a time."""
    rows: int
    """Rows of the batch."""
    done: int
    """Rows whose answers can be downloaded."""
    seconds_left: float | None
    """Estimate of the time left; null if the pace is not known."""


HUB_PART = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}"
HubPart = Annotated[str, Field(pattern=f"^{HUB_PART}$")]
HubColumn = Annotated[str, Field(pattern=r"^[^\x00-\x1f]{1,200}$")]


class HubColumns(_Model):
    """Columns of a data set that hold the fields of a row."""

    question: HubColumn = "question"
    """Column of the question."""
    solution: HubColumn = "solution"
    """Column of the expert's solution."""
    answer: HubColumn | None = None
    """Column of the gold answer; extracted from the solution if it is not given."""


class HubRows(_Model):
    """A public data set of the Hugging Face Hub."""

    name: Annotated[str, Field(pattern=f"^{HUB_PART}/{HUB_PART}$")]
    """Name of the data set, `owner/name`."""
    subset: HubPart = "default"
    """Subset, which other programs call its config."""
    split: HubPart = "train"
    """Split."""
    columns: HubColumns = HubColumns()
    """Columns that hold the fields of a row."""


class ErrorText(_Model):
    """Description of an error."""

    code: str
    """Kind of the error, for programs."""
    message: str
    """The fault and what to change."""


class ErrorBody(_Model):
    """Body of every response with an error status."""

    error: ErrorText
    """The error."""
