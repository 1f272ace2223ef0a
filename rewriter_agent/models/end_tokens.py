"""End tokens: one definition for engines, the gate, rewriting, fine-tuning and evaluation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rewriter_agent.user_errors import blaming

from .chat_template import TEMPLATE_ERRORS
from .llama import llama_generation, read_llama
from .resolve import UNLOADABLE

if TYPE_CHECKING:
    from .chat_template import AnyTokenizer

UNSAVABLE = "Fine-tuned models are saved with it: correct it, for a model of the hub in a copy of its folder."
TEMPLATE = "chat template"
REPLY = "reply"
"""Placeholder for an assistant's text, which a template neither trims nor splits."""


@dataclass(frozen=True)
class EndTokens:
    """The tokens that end a text of a model, and the tokens that follow an assistant's turn."""

    sources: Mapping[int, tuple[str, ...]]
    """End tokens, each with the files that name it."""
    turn: tuple[int, ...]
    """Token ids that the chat template puts after an assistant's text, up to the first end token."""
    unknown: Mapping[int, tuple[str, ...]]
    """End tokens that the files name and the model cannot write: their ids are not in its vocabulary."""

    @property
    def ids(self) -> tuple[int, ...]:
        """Every id that ends a text, in ascending order."""
        return tuple(sorted(self.sources))


def end_tokens(path: str, tokenizer: "AnyTokenizer") -> EndTokens:
    """The end tokens of the model in a folder or on the hub, whose tokenizer is given.

    All that generation_config, config and tokenizer name are taken, and the one that ends an assistant's turn under
    the chat template, which files may leave out.

    Raises:
        ValueError: there is none.
    """
    config = _config(path)
    found = _by_id(
        {
            TEMPLATE: [],
            "generation_config.json": _listed(_generation_config(path)),
            "config.json": [*_listed(config), *_listed(config.get("text_config") or {})],
            "tokenizer": _listed({"eos_token_id": tokenizer.eos_token_id}),
        }
    )
    turn = _turn_end(tokenizer, found)
    if turn:
        found[turn[-1]] = (TEMPLATE, *found.get(turn[-1], ()))
    size = config.get("vocab_size") or (config.get("text_config") or {}).get("vocab_size") or len(tokenizer)
    known = {token: sources for token, sources in found.items() if 0 <= token < size}
    if not known:
        raise ValueError(
            f"nothing says what ends a text of {path!r}: no end token is in the vocabulary of {size} tokens "
            f"({_told(found) or 'none is named'}); set eos_token_id in its generation_config.json"
        )
    unknown = {token: sources for token, sources in found.items() if token not in known}
    if not turn or turn[-1] not in known:
        turn = (tokenizer.eos_token_id if tokenizer.eos_token_id in known else next(iter(known)),)
    return EndTokens(known, turn, unknown)


def end_tokens_text(ends: EndTokens, tokenizer: "AnyTokenizer") -> str:
    """Describe the end tokens and the files that name them, in a line or two for the terminal."""
    named = "; ".join(f"{_token(tokenizer, token)} ({', '.join(ends.sources[token])})" for token in ends.ids)
    turn = "".join(_token(tokenizer, token) for token in ends.turn)
    lines = [f"a text ends with {named}; expert solutions get {turn}"]
    if not any(TEMPLATE in sources for sources in ends.sources.values()):
        lines.append("the chat template puts no end token after an assistant's turn")
    if ends.unknown:
        lines.append(f"end tokens outside of the vocabulary, not used: {_told(ends.unknown)}")
    return "\n".join(lines)


def _config(path: str) -> Mapping[str, Any]:
    """Entries of config.json."""
    if plain := read_llama(Path(path)):
        return plain.model_dump()
    # Imported here: it takes seconds, and most models are plain.
    from transformers import PreTrainedConfig

    with blaming(f"the config of the model {path!r} cannot be loaded", UNLOADABLE):
        return PreTrainedConfig.get_config_dict(path)[0]


def _generation_config(path: str) -> Mapping[str, Any]:
    """The generation config as transformers reads it; empty if there is none.

    Raises:
        ValueError: transformers reads it, but would not save it with fine-tuned weights.
    """
    if (plain := llama_generation(Path(path))) is not None:
        return plain
    # Imported here: it takes seconds, and most models are plain.
    from transformers import GenerationConfig

    with blaming(f"generation_config.json of the model {path!r} cannot be used", UNSAVABLE):
        try:
            config = GenerationConfig.from_pretrained(path)
        except OSError:  # Many models have none.
            return {}
        config.validate(strict=True)
        return config.to_dict()


def _listed(config: Mapping[str, Any]) -> list[int]:
    """The end tokens that a config names, by one id or by several."""
    ids = config.get("eos_token_id")
    if ids is None:
        return []
    listed = ids if isinstance(ids, list) else [ids]
    if not all(type(token) is int for token in listed):
        raise ValueError(
            f"eos_token_id is {ids!r}; it must be a token id or a list of ids. Correct the model's config"
        )
    return listed


def _by_id(named: Mapping[str, Iterable[int]]) -> dict[int, tuple[str, ...]]:
    """Map each id to the files that name it."""
    ids = dict.fromkeys(token for tokens in named.values() for token in tokens)
    return {token: tuple(source for source, tokens in named.items() if token in tokens) for token in ids}


def _turn_end(tokenizer: "AnyTokenizer", named: Mapping[int, Any]) -> tuple[int, ...]:
    """Tokens that the chat template puts after an assistant's text, up to the first end token; empty without one.

    Some templates add the end of the whole text after the last turn, so the tokens after every turn are examined first.
    A turn's end is a token that the files name, else a special token, else any added token: some models declare none.
    """
    question, reply = {"role": "user", "content": "question"}, {"role": "assistant", "content": REPLY}
    last = _after_reply(tokenizer, [question, reply])
    between = _after_reply(tokenizer, [question, reply, question])
    shared = [
        token for token, _ in takewhile(lambda pair: pair[0] == pair[1], zip(last, between, strict=False))
    ]
    added = tokenizer.added_tokens_decoder
    special = {token for token in added if added[token].special}
    visible = {token for token in added if added[token].content.strip()}
    for ids in (shared, last):
        for ends in (named, special, visible):
            if place := next((place for place, token in enumerate(ids, start=1) if token in ends), 0):
                return tuple(ids[:place])
    return ()


def _after_reply(tokenizer: "AnyTokenizer", messages: list[dict[str, str]]) -> list[int]:
    """Token ids behind the assistant's text; empty if the template does not take the conversation."""
    try:
        text = tokenizer.apply_chat_template(messages, tokenize=False)
    except TEMPLATE_ERRORS:
        return []
    assert isinstance(text, str)
    return tokenizer.encode(text.rpartition(REPLY)[2], add_special_tokens=False) if REPLY in text else []


def _token(tokenizer: "AnyTokenizer", token: int) -> str:
    return f"{token} {tokenizer.convert_ids_to_tokens(token)}"


def _told(found: Mapping[int, tuple[str, ...]]) -> str:
    return "; ".join(f"{token} ({', '.join(sources)})" for token, sources in found.items())
