"""The control tokens of a tokenizer, and guards that keep their strings in a text from becoming such tokens."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from reward.answers.formats.call_syntax import CONTROL_SIGNS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# A noncharacter: Unicode keeps it for a program's own use, and no text holds it. The same is true of the next two.
GUARD = "\ufdd0"
ALIAS = "\ufdd1{}\ufdd2"
"""Alias of control token number {}, which distinguishes the token from its string in a text."""
_RESERVED = dict.fromkeys(range(0xFDD0, 0xFDD3))
_CONTROL_SHAPE = re.compile(r"<[|｜][^<>\s]+[|｜]>")
_TAG = re.compile(r"[<\[][^<>\[\]\s]+[>\]]")


class ControlTokens:
    """The strings that a tokenizer turns into control tokens.

    These are the special tokens, the added tokens that look like `<|this|>`, and (in chats only) other added tags
    that the chat template writes, such as `<think>`. In a completion those tags are words of the model's own, and so
    are the signs of tool calls (`signs`), which its text shows.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        by_id = tokenizer.added_tokens_decoder
        added = by_id.values()
        acting = {t.content for t in added if t.special or _CONTROL_SHAPE.fullmatch(t.content)}
        self.acting = {content for content in acting if len(content) > 1}
        template = str(tokenizer.chat_template)
        tags = {t.content for t in added if _TAG.fullmatch(t.content) and t.content in template}
        self.in_chats = self.acting | tags
        signs = self.acting & CONTROL_SIGNS
        self.tags = {
            token.content: id_
            for id_, token in by_id.items()
            if token.content in (tags - self.acting) | signs
        }
        self.signs = frozenset(id_ for id_, token in by_id.items() if token.content in signs)
        self.ids = frozenset(id_ for id_, token in by_id.items() if token.content in self.acting) - self.signs
        self.special = frozenset(id_ for id_, token in by_id.items() if token.special)
        self._matched_normalized = any(t.normalized for t in added if t.content in self.in_chats)

    def guarded(self, text: str, completion: bool = False) -> str:
        """Insert a guard into each control token's string; a text without any is returned unchanged.

        A guard stands behind the first character of a string, so that trimming by a template leaves it alone.
        """
        begins = self._begins_in_completion if completion else self._begins_in_chat
        text = text.translate(_RESERVED)
        found = begins.sub(rf"\g<0>{GUARD}", text)
        if found == text and begins.search(self._normalized(text)):
            # A look-alike becomes the token only once it is normalised: any guard makes the text plain.
            return re.sub(r"\S", rf"\g<0>{GUARD}", text, count=1)
        return found

    def misspells(self, ids: Sequence[int], text: str) -> bool:
        """Tell whether a completion spells a tag out that is a token of its own."""
        return any(text.count(tag) > ids.count(id_) for tag, id_ in self.tags.items())

    @cached_property
    def aliases(self) -> dict[str, str]:
        """Alias of each control token, by the token's string."""
        return {content: ALIAS.format(number) for number, content in enumerate(sorted(self.in_chats))}

    def unguarded(self, text: str) -> str:
        """Replace control tokens of a guarded text by their aliases; every other string is unchanged."""
        return self._whole.sub(lambda match: self.aliases[match[0]], text).replace(GUARD, "")

    @cached_property
    def _begins_in_chat(self) -> re.Pattern[str]:
        return _begins(self.in_chats)

    @cached_property
    def _begins_in_completion(self) -> re.Pattern[str]:
        return _begins(self.acting)

    @cached_property
    def _whole(self) -> re.Pattern[str]:
        return re.compile(_any_of(self.in_chats))

    def _normalized(self, text: str) -> str:
        if not (self._matched_normalized and self.tokenizer.is_fast):
            return ""
        normalizer = cast(Any, self.tokenizer).backend_tokenizer.normalizer
        return normalizer.normalize_str(text) if normalizer else ""


def _begins(contents: set[str]) -> re.Pattern[str]:
    """Match the first character of each occurrence, overlapping ones included."""
    return re.compile(rf"(?={_any_of(contents)})(?s:.)")


def _any_of(contents: set[str]) -> str:
    longest_first = sorted(contents, key=lambda content: (-len(content), content))
    return f"(?:{'|'.join(map(re.escape, longest_first))})" if contents else r"(?!)"
