"""Encoding of text in which only the chat template writes control tokens.

A tokenizer turns every `<|im_end|>` into the token that ends a turn, and a question could thus hold turns of its own.
Guards mark such strings before the template is rendered. A text with guards is then encoded by a copy of the tokenizer
that knows control tokens by other names. A text without such a string is encoded as usual.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, cast

from tokenizers import Tokenizer

from reward.reasoning import CLOSING, OPENING

from .control_tokens import GUARD, ControlTokens
from .prompts import Message, Messages

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

NO_OPTIONS: Mapping[str, Any] = {}


@lru_cache(maxsize=8)
def text_encoder(tokenizer: PreTrainedTokenizerBase) -> TextEncoder:
    """The encoder of a tokenizer, made once."""
    return TextEncoder(tokenizer)


class TextEncoder:
    """Encodes chats and completions with a tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        self.control = ControlTokens(tokenizer)

    def chat(self, messages: Messages, options: Mapping[str, Any] = NO_OPTIONS) -> list[int]:
        """A conversation under the chat template with these arguments, open for the model's turn."""
        if not _is_guarded([self._guarded(messages), self._guarded(options)]):
            ids = self.tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, return_dict=False, **options
            )
            return cast("list[int]", ids)
        return self.encode(
            self._rendered(messages, options, add_generation_prompt=True), add_special_tokens=False
        )

    def reply(self, messages: Messages, reply: Message, options: Mapping[str, Any]) -> list[int] | None:
        """What the template writes for a reply with tool calls; None if it opens another prompt for one.

        Some templates open the reasoning in a prompt, and write none in a reply that has none.
        """
        prompt = self._rendered(messages, options, add_generation_prompt=True)
        whole = self._rendered([*messages, reply], options, add_generation_prompt=False)
        if whole.startswith(prompt):
            return self.encode(whole[len(prompt) :], add_special_tokens=False)
        bare = prompt.removesuffix(self.opening)
        if not self.opening or not whole.startswith(bare):
            return None
        return self.encode(self.continued(whole[len(bare) :]), add_special_tokens=False)

    def _rendered(self, messages: Messages, options: Mapping[str, Any], add_generation_prompt: bool) -> str:
        text = self.tokenizer.apply_chat_template(
            self._guarded(messages),
            add_generation_prompt=add_generation_prompt,
            tokenize=False,
            **self._guarded(options),
        )
        return cast("str", text)

    def chat_text(self, messages: Messages, add_generation_prompt: bool = True) -> str:
        """The same as text for `encode`, with guards; without a generation prompt its last message stays open."""
        text = self.tokenizer.apply_chat_template(
            self._guarded(messages),
            add_generation_prompt=add_generation_prompt,
            continue_final_message=not add_generation_prompt,
            tokenize=False,
        )
        return cast("str", text)

    @cached_property
    def opening(self) -> str:
        """Beginning of the reasoning that the template writes at the end of a prompt; empty if it writes none."""
        prompt = self._question_prompt
        return prompt[prompt.rindex(OPENING) :] if prompt.rstrip().endswith(OPENING) else ""

    def switches_reasoning(self, messages: Messages, options: Mapping[str, Any]) -> bool:
        """Whether these arguments open the reasoning of a prompt that is closed without them, or the reverse."""
        prompt = self._rendered(messages, options, add_generation_prompt=True)
        return prompt.rstrip().endswith(OPENING) != bool(self.opening)

    def continued(self, text: str) -> str:
        """A reply after the reasoning that the prompt opens: its own reasoning is continued, else closed at once."""
        if not self.opening:
            return text
        body = text.lstrip()
        if body.startswith(OPENING):
            return body[len(OPENING) :].lstrip("\n")
        return f"{CLOSING}\n\n{text}"

    @cached_property
    def thinks(self) -> bool:
        """Whether the template knows reasoning, and does not close it before the answer."""
        return OPENING in str(self.tokenizer.chat_template) and not self._question_prompt.rstrip().endswith(
            CLOSING
        )

    @cached_property
    def _question_prompt(self) -> str:
        return self.chat_text([{"role": "user", "content": "question"}])

    def completion(self, text: str) -> list[int]:
        """Encode a text as the model would write it, without its end."""
        return self.encode(self.control.guarded(text, completion=True), add_special_tokens=False)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of tokens without special ones, except the signs of tool calls."""
        signs = self.control.signs
        if signs.isdisjoint(ids):
            return cast("str", self.tokenizer.decode(list(ids), skip_special_tokens=True))
        hidden = self.control.special - signs
        return cast("str", self.tokenizer.decode([id_ for id_ in ids if id_ not in hidden]))

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        """Token ids of a text that may hold guards.

        Raises ValueError when it does and the tokenizer is not one of the `tokenizers` library.
        """
        if GUARD not in text:
            return self.tokenizer.encode(text, add_special_tokens=add_special_tokens)
        copy, ids = self._renamed
        encoded = copy.encode(self.control.unguarded(text), add_special_tokens=add_special_tokens).ids
        return [ids.get(id_, id_) for id_ in encoded]

    def _guarded(self, value: Any) -> Any:
        """A value for the template with guards in all of its texts."""
        if isinstance(value, str):
            return self.control.guarded(value)
        if isinstance(value, Mapping):
            return {self._guarded(name): self._guarded(item) for name, item in value.items()}
        return [self._guarded(item) for item in value] if isinstance(value, list) else value

    @cached_property
    def _renamed(self) -> tuple[Tokenizer, dict[int, int]]:
        """The tokenizer with its control tokens under their aliases, and its ids of added tokens by the copy's."""
        if not self.tokenizer.is_fast:
            raise ValueError(
                f"a text holds the string of a control token (one of {', '.join(sorted(self.control.in_chats))}), and "
                f"a {type(self.tokenizer).__name__} cannot encode that as text; leave the text out, or put a "
                "tokenizer.json beside the model's tokenizer files"
            )
        aliases = self.control.aliases
        plan = json.loads(cast(Any, self.tokenizer).backend_tokenizer.to_str())
        plan["truncation"] = plan["padding"] = None
        ids = {aliases.get(t["content"], t["content"]): t["id"] for t in plan["added_tokens"]}
        for token in plan["added_tokens"]:
            token["content"] = aliases.get(token["content"], token["content"])
        _rename(plan["model"], aliases)
        copy = Tokenizer.from_str(json.dumps(plan))
        return copy, {cast("int", copy.token_to_id(name)): id_ for name, id_ in ids.items()}


def _is_guarded(value: Any) -> bool:
    if isinstance(value, str):
        return GUARD in value
    if isinstance(value, dict):
        return any(_is_guarded(name) or _is_guarded(item) for name, item in value.items())
    return isinstance(value, list) and any(map(_is_guarded, value))


def _rename(model: dict[str, Any], aliases: Mapping[str, str]) -> None:
    """Rename a model's own entries for control tokens to their aliases; the model's rules then never produce one."""
    vocabulary = model["vocab"]
    if isinstance(vocabulary, list):  # Unigram: pieces with their scores.
        model["vocab"] = [[aliases.get(piece, piece), score] for piece, score in vocabulary]
    else:
        model["vocab"] = {aliases.get(piece, piece): id_ for piece, id_ in vocabulary.items()}
    if model.get("unk_token") in aliases:
        model["unk_token"] = aliases[model["unk_token"]]
    if "merges" in model:
        kept = [m for m in model["merges"] if not aliases.keys() & {*m, "".join(m)}]
        model["merges"] = kept
