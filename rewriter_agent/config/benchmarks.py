"""Well-known test sets by name."""

from typing import Any, Self

from pydantic import Field, PositiveInt, model_validator

from .base import Strict
from .data import Convention

LAB_COMPOSED = "lab_composed"
KNOWN: dict[str, dict[str, Any]] = {
    "HuggingFaceH4/MATH-500": {
        "name": "MATH-500",
        "question": "problem",
        "level": "level",
        "source": "subject",
    },
    "math-ai/minervamath": {"name": "Minerva"},
    "Hothan/OlympiadBench": {
        "name": "OlympiadBench",
        "subset": "OE_TO_maths_en_COMP",
        "split": "train",
        "answer": "final_answer",
        "source": "subfield",
    },
    "HuggingFaceH4/aime_2024": {"name": "AIME24", "split": "train", "question": "problem"},
    "math-ai/amc23": {"name": "AMC23"},
    LAB_COMPOSED: {"name": LAB_COMPOSED, "convention": "####", "limit": 100},
}
"""Settings of the known benchmarks, by path: their short name, split and columns."""
BY_NAME = {str(known["name"]): path for path, known in KNOWN.items()}


class Benchmark(Strict):
    """Problems with gold answers, used for evaluation in addition to the run's own test problems."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name in reports."""
    path: str
    """Hugging Face name, a local data file (.jsonl, .json, .csv or .parquet, plain or compressed), or
    `lab_composed`."""
    subset: str | None = None
    """Configuration of the data set."""
    split: str = "test"
    """Split to evaluate on."""
    question: str = "question"
    """Column of the question."""
    answer: str = "answer"
    """Column of the gold answer: text, a number, or a list of these."""
    level: str | None = None
    """Column of the difficulty."""
    source: str | None = None
    """Column of the subject or origin."""
    convention: Convention = "boxed"
    """How the prompt asks for the answer, see `data.convention`."""
    limit: PositiveInt | None = None
    """Maximum number of problems, sampled with `evaluate.seed`; all when not set."""

    @model_validator(mode="before")
    @classmethod
    def _known_ones_need_no_more(cls, given: Any) -> Any:
        """Expand a known name to its settings; keys that you give override them."""
        values = {"name": given} if isinstance(given, str) else given
        if not isinstance(values, dict):
            return given
        path = next(
            (
                BY_NAME.get(key, key)
                for key in (values.get("name"), values.get("path"))
                if BY_NAME.get(key, key) in KNOWN
            ),
            None,
        )
        if path is None and isinstance(given, str):
            raise ValueError(
                f"no benchmark is called {given}; known are {', '.join([*BY_NAME, *KNOWN])}, and any other as "
                "{name: ..., path: file or Hugging Face name, question: column, answer: column}"
            )
        known = {"path": path, **KNOWN[path]} if path else {}
        return known | {key: value for key, value in values.items() if key != "name" or value not in KNOWN}

    @model_validator(mode="after")
    def _made_ones_have_a_number(self) -> Self:
        if self.path == LAB_COMPOSED and self.limit is None:
            raise ValueError("limit=null takes all problems, and the laboratory makes any number; give one")
        return self
