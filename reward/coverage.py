"""Coverage: how much of what the expert's solution brings beyond the question a text still holds."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from reward.answers.conventions import FENCED
from reward.answers.extract.final_answer import strip_answer_line

from .mentions.find import Kind, Mention, mentions
from .mentions.keys import all_keys, name_keys
from .readings import own_words, readings

WEIGHTS: dict[Kind, float] = {"number": 1.0, "name": 1.0, "term": 0.5}
"""Weight of a fact of each kind. A term may have a synonym; a number or a name has none."""
SHORTEST_TERM = 4
"""Fewest letters of a term; most shorter words are function words, in every language."""


@dataclass(frozen=True)
class Fact:
    """A number, name or term that the expert brings; a text that mentions one of the keys holds it."""

    kind: Kind
    keys: tuple[Hashable, ...]


@lru_cache(maxsize=256)
def brought(question: str, solution: str) -> tuple[Fact, ...]:
    """Facts of the expert's solution that the question does not mention, each once, in order.

    An answer line is left out, because the gate checks the answer.
    """
    known = all_keys(mentions(question))
    said = list(mentions(strip_answer_line(solution)))
    names = name_keys(said)
    facts: dict[tuple[Hashable, ...], Fact] = {}
    for mention in said:
        kind = _kind(mention, names)
        if kind and mention.keys and known.isdisjoint(mention.keys):
            facts.setdefault(mention.keys, Fact(kind, mention.keys))
    return tuple(facts.values())


def coverage(text: str, facts: Collection[Fact]) -> float | None:
    """Weighted share of the facts that `text` mentions before its answer line, in [0, 1]; None without any fact.

    The time is linear in the length of `text`.
    """
    if not facts:
        return None
    said = all_keys(mentions(strip_answer_line(text)))
    held = sum(WEIGHTS[fact.kind] for fact in facts if not said.isdisjoint(fact.keys))
    return held / sum(WEIGHTS[fact.kind] for fact in facts)


def held(text: str, question: str, solution: str, convention: str) -> float | None:
    """Coverage of a candidate's visible text; None if the expert brings no fact, or the answer is code or JSON."""
    if convention in FENCED:
        return None
    return coverage(readings(text, convention)[-1], brought(question, own_words(solution, convention)))


def told_by_expert(pieces: Sequence[str], solution: str, answer: str) -> list[bool]:
    """Tell for each token of a text, given the tokens' texts, whether it belongs to a mention of the expert's.

    These are the numbers, names and terms of the solution and of the answer, whether or not the question holds them:
    what the expert says of a known word may be new. A token of blanks counts as part of what follows it.
    """
    keys = all_keys(mentions(f"{solution}\n\n{answer}"))
    inside = bytearray(sum(map(len, pieces)))
    for mention in mentions("".join(pieces)):
        if not (keys.isdisjoint(mention.keys) and keys.isdisjoint(mention.parts)):
            inside[mention.start : mention.end] = b"\1" * (mention.end - mention.start)
    starts = accumulate(map(len, pieces), initial=0)
    told = [any(inside[start : start + len(piece)]) for piece, start in zip(pieces, starts, strict=False)]
    for i in reversed(range(len(pieces) - 1)):
        if not pieces[i].strip(" "):
            told[i] = told[i + 1]
    return told


def _kind(mention: Mention, names: Collection[Hashable]) -> Kind | None:
    if mention.kind == "number" or mention.keys[0] in names:
        return mention.kind if mention.kind == "number" else "name"
    return "term" if mention.end - mention.start >= SHORTEST_TERM else None
