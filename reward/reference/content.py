"""Content of a text that can be compared without understanding it: facts, words of its sentences, negations."""

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from reward.mentions.find import Mention, mentions
from reward.mentions.keys import all_keys, capitals_tell, name_keys
from reward.words import fold

from .content_words import content_words
from .negations import Scope, negations

Kind = Literal["number", "name", "code", "quotation"]

_BLOCK = re.compile(r"```[^\n`]*\n(?P<body>.*?)(?:```|\Z)", re.DOTALL)
_INLINE = re.compile(r"`(?P<body>[^`\n]{1,200})`")
_QUOTED = re.compile(r'"([^"\n]{1,80})"|“([^“”\n]{1,80})”|„([^„“”\n]{1,80})[“”]|«([^«»\n]{1,80})»')
_MARKUP = re.compile(r"[*`]+|^[ \t]*(?:[-+•]|#{1,6}|\d{1,3}[.)]) +", re.MULTILINE)
SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”»)]{0,3}\s+|(?<=[。！？])|\n+")


@dataclass(frozen=True)
class Fact:
    """A number or name that a text mentions, or code or a term that it quotes.

    Numbers and names are the same if they share a key, the others if their text occurs in the other one.
    """

    kind: Kind
    text: str
    keys: tuple[Hashable, ...] = ()


@dataclass(frozen=True)
class Content:
    """Content of one text.

    `facts` are its own names with a capital inside a sentence; `claimed` also has words that are capitalised at the
    start of a sentence, such as a name there. `keys` are those of everything mentioned, in code too. `sentences` are
    the stems of the content words of each sentence.
    """

    facts: frozenset[Fact]
    claimed: frozenset[Fact]
    keys: frozenset[Hashable]
    exact: str
    folded: str
    sentences: tuple[frozenset[str], ...]
    negations: tuple[Scope, ...]

    def holds(self, fact: Fact) -> bool:
        """Whether this text holds a fact of another one."""
        if fact.kind == "code":
            return fact.text in self.exact
        if fact.kind == "quotation":
            return fact.text in self.folded
        return not self.keys.isdisjoint(fact.keys)


@lru_cache(maxsize=256)
def content_of(text: str) -> Content:
    """Find the content of `text`, in time linear in its length."""
    prose = _BLOCK.sub("\n", text)
    plain = _MARKUP.sub("", prose)
    found = list(mentions(plain))
    literal = frozenset((*_code(text), *_quotations(plain)))
    named = name_keys(found)
    own = {_fact(mention) for mention in found if mention.keys and _is_fact(mention, named)}
    starts = {_fact(mention) for mention in found if _is_capitalised(mention, plain)}
    return Content(
        facts=frozenset(own) | literal,
        claimed=frozenset(own | starts if capitals_tell(found) else own) | literal,
        keys=frozenset(all_keys(mentions(_MARKUP.sub("", text)))),
        exact=_spaced(text.replace("`", "")),
        folded=_spaced(fold(plain)),
        sentences=tuple(filter(None, map(frozenset, map(content_words, SENTENCE_END.split(plain))))),
        negations=negations(plain),
    )


def _code(text: str) -> Iterator[Fact]:
    for pattern in (_BLOCK, _INLINE):
        for match in pattern.finditer(text if pattern is _BLOCK else _BLOCK.sub("\n", text)):
            if code := _spaced(match["body"].replace("`", "")):
                yield Fact("code", code)


def _quotations(plain: str) -> Iterator[Fact]:
    for match in _QUOTED.finditer(plain):
        if quoted := _spaced(fold(match[match.lastindex or 0])).rstrip(".,;:!? "):
            yield Fact("quotation", quoted)


def _fact(mention: Mention) -> Fact:
    kind: Kind = "number" if mention.kind == "number" else "name"
    return Fact(kind, " ".join(map(str, mention.keys)), mention.keys)


def _is_fact(mention: Mention, names: set[Hashable]) -> bool:
    return mention.kind == "number" or mention.keys[0] in names


def _is_capitalised(mention: Mention, text: str) -> bool:
    return mention.kind != "number" and text[mention.start].isupper()


def _spaced(text: str) -> str:
    return " ".join(text.split())
