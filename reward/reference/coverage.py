"""Coverage in both directions: a text holds the facts of the reference, and adds none of its own."""

from collections.abc import Collection
from dataclasses import dataclass

from .config import CoverageCheck
from .content import Content, Fact, content_of
from .negations import Scope, is_negated_in

FEWEST_WORDS, FEWEST_OWN_WORDS = 2, 4
"""Fewest content words of a sentence of the reference, and of one of the text, whose share of known words counts.
Shorter sentences of a text hold it together."""


@dataclass(frozen=True)
class Covered:
    """Comparison of a text with a reference.

    `missing` are the facts of the reference that the text lacks, `added` its facts that neither reference nor question
    hold. `least_kept` is the smallest share of the words of a sentence of the reference that the text holds,
    `least_known` of one of its own sentences that reference and question hold. `flipped` counts the negations of one
    that the other lacks.
    """

    missing: frozenset[Fact]
    added: frozenset[Fact]
    kept: float
    own: float
    least_kept: float
    least_known: float
    flipped: int

    def passes(self, check: CoverageCheck) -> bool:
        """Whether the text keeps within the limits of the check."""
        return (
            self.kept >= check.min_kept
            and self.own <= check.max_added
            and self.least_kept >= check.min_sentence_kept
            and self.least_known >= check.min_sentence_known
            and self.flipped == 0
        )


def compare(question: str, reference: str, text: str) -> Covered:
    """Compare a text with a reference, in time linear in their lengths."""
    asked, wanted, said = map(content_of, (question, reference, text))
    missing = frozenset(fact for fact in wanted.claimed if not said.holds(fact))
    added = frozenset(fact for fact in said.facts if not (wanted.holds(fact) or asked.holds(fact)))
    return Covered(
        missing,
        added,
        kept=1 - len(missing) / max(len(wanted.claimed), 1),
        own=len(added) / max(len(said.facts), 1),
        least_kept=_least(wanted.sentences, _words(said), FEWEST_WORDS),
        least_known=_least(said.sentences, _words(wanted) | _words(asked), FEWEST_OWN_WORDS),
        flipped=_lacking(wanted.negations, said.negations)
        + _lacking(said.negations, (*wanted.negations, *asked.negations)),
    )


def _words(content: Content) -> frozenset[str]:
    return frozenset().union(*content.sentences)


def _least(sentences: Collection[frozenset[str]], known: frozenset[str], fewest: int) -> float:
    """Smallest share of a sentence's words that are known, among sentences of at least `fewest` words."""
    shares = [len(words & known) / len(words) for words in sentences if len(words) >= fewest]
    return min(shares, default=1.0)


def _lacking(negations: tuple[Scope, ...], others: tuple[Scope, ...]) -> int:
    return sum(not is_negated_in(scope, others) for scope in negations)
