"""Models with the end tokens and chat templates of popular families, made of the laboratory's backbone.

Ids keep their meaning to the weights: 0 pads, 1 begins a turn, 2 ends it.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rewriter_agent.models.lab import LAB_FOLDER

TEXT_END, TURN_START, TURN_END = 0, 1, 2
NAMES = {TEXT_END: "<|pad|>", TURN_START: "<|im_start|>", TURN_END: "<|im_end|>"}
CHATML = (LAB_FOLDER / "chat_template.jinja").read_text()
LLAMA = """{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{{- "<|start_header_id|>system\\nToday Date: " + date_string + "<|eot_id|>\\n" }}
{%- for message in messages %}
    {{- "<|start_header_id|>" + message["role"] + "\\n" + message["content"] | trim + "<|eot_id|>\\n" }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- "<|start_header_id|>assistant\\n" }}
{%- endif %}"""
GEMMA = """{%- if messages[0]["role"] == "system" %}{{ raise_exception("System role not supported") }}{% endif %}
{%- for message in messages %}
    {%- if (message["role"] == "user") != (loop.index0 % 2 == 0) %}
        {{- raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif %}
    {%- set role = "model" if message["role"] == "assistant" else message["role"] %}
    {{- "<start_of_turn>" + role + "\\n" + message["content"] | trim + "<end_of_turn>\\n" }}
{%- endfor %}
{%- if add_generation_prompt %}{{ "<start_of_turn>assistant\\n" }}{% endif %}"""
PHI = CHATML.replace(
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% else %}{{ eos_token }}{% endif %}",
)
DATED_PHI = LLAMA.removesuffix("{%- endif %}") + "{%- else %}{{ eos_token }}{%- endif %}"
LLAMA_NAMES = {TEXT_END: "<|end_of_text|>", TURN_START: "<|start_header_id|>", TURN_END: "<|eot_id|>"}


def variant(
    folder: Path,
    *,
    template: str | dict[str, str] | None = CHATML,
    names: dict[int, str] | None = None,
    tokenizer: dict[str, Any] | None = None,
    config: dict[str, Any] | None = None,
    generation: dict[str, Any] | None = None,
) -> Path:
    """The laboratory's backbone in `folder` with another template, other token names, or other entries in its files.

    An entry of `...` is taken out; `generation={"eos_token_id": ...}` leaves a file without one.
    """
    shutil.copytree(LAB_FOLDER, folder, ignore=shutil.ignore_patterns("README.md", "card.json", "*.jinja"))
    tokens = NAMES | (names or {})
    text = (folder / "tokenizer.json").read_text()
    for token, name in tokens.items():
        text = text.replace(json.dumps(NAMES[token]), json.dumps(name))
    (folder / "tokenizer.json").write_text(text)
    named = {"pad_token": tokens[TEXT_END], "eos_token": tokens[TURN_END]}
    if isinstance(template, dict):
        named["chat_template"] = [{"name": name, "template": text} for name, text in template.items()]
    elif template is not None:
        (folder / "chat_template.jinja").write_text(template)
    _edit(folder / "tokenizer_config.json", named | (tokenizer or {}))
    _edit(folder / "config.json", config or {})
    _edit(folder / "generation_config.json", generation or {})
    return folder


def _edit(path: Path, changes: dict[str, Any]) -> None:
    entries = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in entries.items() if value is not ...}))


def phi(folder: Path) -> Path:
    """The tokenizer names the text's end, which the template adds after the last turn."""
    return variant(
        folder,
        template=PHI,
        tokenizer={"eos_token": NAMES[TEXT_END]},
        config={"eos_token_id": TEXT_END},
        generation={"eos_token_id": [TURN_END, TEXT_END]},
    )


def dated_phi(folder: Path) -> Path:
    """All at once: the text's end after the last turn, an end that the vocabulary lacks, and today's date."""
    return variant(
        folder,
        template=DATED_PHI,
        names=LLAMA_NAMES,
        tokenizer={"eos_token": "<|end_of_text|>"},
        config={"eos_token_id": TEXT_END},
        generation={"eos_token_id": [TEXT_END, 128008, TURN_END]},
    )


def qwen25(folder: Path) -> Path:
    """Ends with either token; only generation_config names both."""
    return variant(folder, generation={"eos_token_id": [TURN_END, TEXT_END]})


def qwen_base(folder: Path) -> Path:
    """A base model: its files name the text's end alone, and the template ends turns with another token."""
    return variant(
        folder,
        tokenizer={"eos_token": NAMES[TEXT_END]},
        config={"eos_token_id": TEXT_END},
        generation={"eos_token_id": TEXT_END},
    )


def llama(folder: Path) -> Path:
    """Three ends, one of which the small vocabulary lacks, and a template with today's date."""
    ends = [TEXT_END, 128008, TURN_END]
    return variant(
        folder,
        template=LLAMA,
        names=LLAMA_NAMES,
        config={"eos_token_id": ends},
        generation={"eos_token_id": ends},
    )


def gemma(folder: Path) -> Path:
    """The tokenizer names the text's end; the template trims, knows no system role, and calls the assistant a model."""
    return variant(
        folder,
        template=GEMMA,
        names={TEXT_END: "<eos>", TURN_START: "<start_of_turn>", TURN_END: "<end_of_turn>"},
        tokenizer={"eos_token": "<eos>"},
        config={"eos_token_id": TEXT_END},
        generation={"eos_token_id": [TEXT_END, TURN_END]},
    )


FAMILIES: dict[str, Callable[[Path], Path]] = {
    make.__name__: make for make in (phi, dated_phi, qwen25, qwen_base, llama, gemma)
}
