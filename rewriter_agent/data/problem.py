"""The problem, which every stage starts from."""

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from .conversation import Conversation, load_conversation


@dataclass(frozen=True)
class Problem:
    """One question with the expert's solution and the gold answer.

    `solution` ends with the answer in the form that `convention` names; `answer` is that answer as text.
    """

    id: str
    question: str
    solution: str
    answer: str
    convention: str
    source: str
    template: str | None = None
    level: str | None = None
    """Level of difficulty, if the data states it."""
    conversation: str | None = None
    """The row of a conversation as `Conversation.dumps` writes it, whose transcript is the question."""

    @property
    def chat(self) -> Conversation | None:
        """The conversation; None for a plain question."""
        return None if self.conversation is None else load_conversation(self.conversation)

    @property
    def calls_tools(self) -> bool:
        """Whether the expert's reply calls tools, in a column of their own."""
        return self.chat is not None and self.chat.calls_tools

    @property
    def is_kept(self) -> bool:
        """Whether the expert's reply is not rewritten, as it calls tools in a form that no answer is compared with."""
        return self.calls_tools and not self.answer

    def row(self) -> dict[str, Any]:
        """The fields for a record, of which a plain question has no conversation."""
        fields = asdict(self)
        if self.conversation is None:
            del fields["conversation"]
        return fields


@dataclass(frozen=True)
class EncodedProblem(Problem):
    """A problem with its prompts as token ids, in arrays of four bytes a token."""

    prompt_ids: Sequence[int] = field(kw_only=True, repr=False)
    """QA prompt, on which SFT trains and the backbone's log-probs condition."""
    rewriting_prompt_ids: Sequence[int] = field(kw_only=True, repr=False)
    """Prompt of a rewriter: the question with the expert's solution."""


@dataclass(frozen=True)
class ProblemSet:
    """Training and test problems without duplicates or overlap, and the counts of loading."""

    train: Sequence[Problem]
    test: Sequence[Problem]
    counts: dict[str, int]
    skipped: tuple[str, ...] = ()
    """One line per file or split with skipped rows: their number, and the reason of the first."""
    formats: tuple[str, ...] = ()
    """One line for the training rows and one for the test rows: their format and number."""


def problem_id(question: str) -> str:
    """A 16-digit hexadecimal hash that ignores case, spacing and Unicode composition."""
    folded = unicodedata.normalize("NFC", question).casefold()
    return hashlib.sha256(" ".join(folded.split()).encode()).hexdigest()[:16]
