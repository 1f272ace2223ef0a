"""Keys of the mentions of a text: all of them, and those of names."""

from collections.abc import Collection, Hashable, Iterable

from .find import Mention

MOST_NAMES = 0.4
"""Share of names among names and terms above which capitals tell nothing, as in German or in a text of capitals."""
FEWEST_WORDS = 12
"""Fewest names and terms for that rule."""


def all_keys(found: Iterable[Mention]) -> set[Hashable]:
    """Keys and parts of all mentions."""
    keys: set[Hashable] = set()
    for mention in found:
        keys.update(mention.keys, mention.parts)
    return keys


def capitals_tell(found: Iterable[Mention]) -> bool:
    """Whether capitals mark names in a text with these mentions, which they do not in German."""
    words = [mention for mention in found if mention.kind != "number"]
    names = sum(mention.kind == "name" for mention in words)
    return len(words) < FEWEST_WORDS or names <= MOST_NAMES * len(words)


def name_keys(found: Collection[Mention]) -> set[Hashable]:
    """Keys of the names of a text, which may stand at a sentence's start as well; none if capitals mark no names."""
    names = {mention.keys[0] for mention in found if mention.kind == "name"}
    return names if capitals_tell(found) else set()
