"""A trained rewriter: the folder that `train` leaves, and the check that it belongs to a run's backbone."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from cluster.engine.lora import supported_rank
from rewriter_agent.config import RunConfig
from rewriter_agent.io.console import console
from rewriter_agent.io.files import write_json
from rewriter_agent.io.foreign_json import read_object
from rewriter_agent.models.folder import check_model_folder
from rewriter_agent.models.resolve import load_tokenizer
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.runtime.session import Session
from rewriter_agent.user_errors import MAX_QUOTED, printable

CARD = "rewriter.json"
COPY = "copy the rewriter again, or leave it out to train one"
MODEL = "model"
"""Name of the folder with the merged weights."""
ADAPTER = "adapter"
"""Name of the folder with the trained LoRA adapter."""
ADAPTERS = "published"
"""Name of the folder with the adapters that engines serve during training."""


@dataclass(frozen=True)
class RewriterCard:
    """Origin of a trained rewriter."""

    backbone: str
    """Name of the backbone in the config."""
    backbone_identity: str
    """Content hash of the backbone's folder, or its name on the Hugging Face hub."""
    steps: int
    """Optimiser steps."""
    prompts: dict[str, Any] | None = None
    """Prompts of its training, as `Prompts.record` tells them; None in a card from before they were recorded."""


def rewriter_folder(config: RunConfig) -> Path:
    """Folder of the rewriter that the config names, else of the one that the run trains."""
    return config.rewrite.rewriter or RunFolder(config.folder).train.path


def check_rewriter(session: Session) -> None:
    """Raise ValueError if the config names a rewriter that cannot be used; see `read_rewriter`.

    One that was trained with other prompts is used, with a hint.
    """
    if folder := session.config.rewrite.rewriter:
        card = read_rewriter(folder, session.backbone_identity[0], session.tokens.tokenizer)
        if hint := prompts_hint(card, session.tokens.prompts.record()):
            console.say(f"hint: rewrite.rewriter: {folder} {hint}")
        if session.cluster.enable_lora:
            check_adapter(folder / ADAPTER, session.config.train.lora.r)


def prompts_hint(card: RewriterCard, prompts: Mapping[str, Any]) -> str | None:
    """Name the prompts that differ from those of the rewriter's training; None if none does, or none was recorded."""
    if card.prompts is None or card.prompts == prompts:
        return None
    keys = ("answer_format", "rewrite", "show_answer")
    its = {key: card.prompts.get(key) for key in keys}
    differing = [key for key in keys if its[key] != prompts[key]] or ["rewrite"]
    told = ", ".join(f"prompts.{key}={_value(its[key])} (now {_value(prompts[key])})" for key in differing)
    edited = "" if differing != ["rewrite"] or its["rewrite"] != prompts["rewrite"] else ", edited since"
    return (
        f"was trained with {told}{edited}; its rewrites may be worse under another prompt. Set the prompts that it was "
        "trained with, or leave it out to train one"
    )


def _value(value: Any) -> str:
    return printable(json.dumps(value, ensure_ascii=False), MAX_QUOTED)


def check_adapter(folder: Path, rank: int) -> None:
    """Raise ValueError if engines with slots of this rank cannot serve the adapter."""
    if not (folder / "adapter_config.json").is_file():
        raise ValueError(
            f"rewrite.rewriter: there is no adapter in {folder}; set cluster.enable_lora=false, which serves the "
            "merged weights in the same folder"
        )
    its = read_object(folder / "adapter_config.json", "rewrite.rewriter", COPY).get("r")
    if not isinstance(its, int):
        raise ValueError(f"rewrite.rewriter: the adapter in {folder} has the rank {its!r}; {COPY}")
    if its > supported_rank(rank):
        raise ValueError(
            f"rewrite.rewriter: the adapter in {folder} has rank {its}, and engines make room for the rank of "
            f"train.lora.r={rank}; set train.lora.r={its}"
        )


def write_card(folder: Path, card: RewriterCard) -> None:
    """Make a folder with a merged model a rewriter."""
    write_json(folder / CARD, asdict(card))


def read_rewriter(folder: Path, identity: str, tokenizer: Any) -> RewriterCard:
    """The card of a rewriter for the backbone with this identity and tokenizer.

    Raises:
        ValueError: there is no rewriter, or it belongs to another backbone or tokenizer.
    """
    if not ((folder / CARD).is_file() and (folder / MODEL / "config.json").is_file()):
        raise ValueError(
            f"rewrite.rewriter: there is no trained rewriter in {folder} (no {CARD} next to {MODEL}/); give the folder "
            "`train` of a run, or leave it out to train one"
        )
    # A card from before prompts were recorded has none.
    told: dict[str, Any] = {"prompts": None, **read_object(folder / CARD, "rewrite.rewriter", COPY)}
    has_prompts = isinstance(told["prompts"], dict | None)
    if told.keys() != {field.name for field in fields(RewriterCard)} or not has_prompts:
        raise ValueError(
            f"rewrite.rewriter: {folder / CARD} is no card of a rewriter of this version; {COPY}"
        )
    card = RewriterCard(**told)
    if card.backbone_identity != identity:
        raise ValueError(
            f"rewrite.rewriter: {folder} was trained on another backbone ({card.backbone}, {card.backbone_identity}) "
            f"than model.name_or_path names ({identity}); name that backbone, or train a rewriter for this one"
        )
    check_tokenizer(folder / MODEL, tokenizer, "rewrite.rewriter")
    return card


def check_tokenizer(folder: Path, tokenizer: Any, key: str) -> None:
    """Raise ValueError, which names the config key, if the folder holds no model with this tokenizer."""
    check_model_folder(folder, key)
    its = load_tokenizer(str(folder))
    if its.get_vocab() != tokenizer.get_vocab() or its.chat_template != tokenizer.chat_template:
        raise ValueError(
            f"{key}: the tokenizer in {folder} is not the backbone's (its tokens or its chat template differ), and "
            "token ids would mean something else; put the backbone's tokenizer files there"
        )
