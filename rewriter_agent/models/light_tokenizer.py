"""A tokenizer with its chat template for `plan`, without transformers, whose import takes seconds."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, ValidationError
from tokenizers import AddedToken, Tokenizer

from .llama import read_llama

FILES = {"tokenizer.json", "tokenizer_config.json"}
OTHERS = {"special_tokens_map.json", "added_tokens.json", "additional_chat_templates"}
"""Files that change a tokenizer in ways that only transformers knows."""
NAMED = ("bos_token", "eos_token", "pad_token", "unk_token")
GENERATION = "generation %}"
"""Tag that only transformers adds to Jinja."""


class _TokenizerConfig(BaseModel):
    """A tokenizer_config.json of which transformers makes what tokenizer.json says."""

    model_config = ConfigDict(strict=True, extra="forbid")

    tokenizer_class: Literal["TokenizersBackend", "PreTrainedTokenizerFast"]
    backend: Literal["tokenizers"] = "tokenizers"
    bos_token: str | None = None
    eos_token: str | None = None
    pad_token: str | None = None
    unk_token: str | None = None
    chat_template: str | None = None
    model_max_length: float | None = None
    model_input_names: list[str] = []
    padding_side: Literal["left", "right"] = "right"
    add_bos_token: bool = False
    add_eos_token: bool = False
    clean_up_tokenization_spaces: bool = False
    is_local: bool = True
    local_files_only: bool = False


class LightTokenizer:
    """The part of a transformers tokenizer that a plan needs."""

    def __init__(self, backend: Tokenizer, named: Mapping[str, str], chat_template: str | None) -> None:
        self.chat_template: Any = chat_template
        self.eos_token = named.get("eos_token")
        self._backend = backend
        self._named = named

    def __len__(self) -> int:
        return self._backend.get_vocab_size()

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """Added tokens by id."""
        return self._backend.get_added_tokens_decoder()

    @property
    def eos_token_id(self) -> int | None:
        """Id of the token that ends a text."""
        return None if self.eos_token is None else self._backend.token_to_id(self.eos_token)

    def convert_ids_to_tokens(self, token: int) -> str | None:
        """The token of an id."""
        return self._backend.id_to_token(token)

    def encode(self, text: str, add_special_tokens: bool) -> list[int]:
        """Encode a text."""
        return self._backend.encode(text, add_special_tokens=add_special_tokens).ids

    def apply_chat_template(
        self,
        messages: list[dict[str, str]],
        *,
        tokenize: Literal[False],
        add_generation_prompt: bool = False,
        **variables: Any,
    ) -> str:
        """Render the messages as transformers does."""
        assert not tokenize
        template = _environment().from_string(self.chat_template, globals=dict(FUNCTIONS))
        return template.render(
            {
                "messages": messages,
                "tools": None,
                "documents": None,
                "add_generation_prompt": add_generation_prompt,
                **self._named,
                **variables,
            }
        )


def light_tokenizer(folder: Path) -> LightTokenizer | None:
    """Tokenizer of a plain Llama model; None if its files hold anything unusual, which transformers reads."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if not names >= FILES or names & OTHERS or read_llama(folder) is None:
        return None
    try:
        config = _TokenizerConfig.model_validate_json((folder / "tokenizer_config.json").read_bytes())
        backend = _backend(folder / "tokenizer.json")
    except ValidationError:
        return None
    named = {name: token for name in NAMED if (token := getattr(config, name)) is not None}
    template = folder / "chat_template.jinja"
    text = template.read_text(encoding="utf-8") if template.exists() else config.chat_template
    is_plain = backend is not None and _all_special(named, backend) and GENERATION not in (text or "")
    return LightTokenizer(backend, named, text) if backend and is_plain else None


def _backend(path: Path) -> Tokenizer | None:
    """Read tokenizer.json; None if it is damaged, which transformers reports, or cuts or pads texts."""
    try:
        backend = Tokenizer.from_file(str(path))
    except Exception as error:
        # The library raises this class itself, with a message, for every damaged file.
        if type(error) is not Exception:
            raise
        return None
    return backend if backend.truncation is None and backend.padding is None else None


def _all_special(named: Mapping[str, str], backend: Tokenizer) -> bool:
    """Tell whether transformers would leave the named tokens as tokenizer.json has them."""
    added = backend.get_added_tokens_decoder().values()
    special = {
        token.content
        for token in added
        if token.special and not (token.normalized or token.lstrip or token.rstrip or token.single_word)
    }
    return special.issuperset(named.values())


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    return environment


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, **options)


def _raise(message: str) -> None:
    raise TemplateError(message)


def _now(form: str) -> str:
    return datetime.now().strftime(form)


FUNCTIONS = {"raise_exception": _raise, "strftime_now": _now}
"""Functions of transformers' chat templates."""
