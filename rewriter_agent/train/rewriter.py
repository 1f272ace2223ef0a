"""A trained rewriter: the folder that `train` leaves, and the check that it belongs to a run's backbone."""

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from cluster.engine.lora import supported_rank
from rewriter_agent.config import RunConfig
from rewriter_agent.io.files import write_json
from rewriter_agent.io.foreign_json import read_object
from rewriter_agent.models.folder import check_model_folder
from rewriter_agent.models.resolve import load_tokenizer
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.runtime.session import Session

CARD = "rewriter.json"
COPY = "copy the rewriter again, or leave it out to train one"
MODEL = "model"
"""Name of the folder with the merged weights."""
ADAPTER = "adapter"
"""Name of the folder with the trained LoRA adapter."""


@dataclass(frozen=True)
class RewriterCard:
    """Origin of a trained rewriter."""

    backbone: str
    """Name of the backbone in the config."""
    backbone_identity: str
    """Content hash of the backbone's folder, or its name on the Hugging Face hub."""
    steps: int
    """Optimiser steps."""


def rewriter_folder(config: RunConfig) -> Path:
    """Folder of the rewriter that the config names, else of the one that the run trains."""
    return config.rewrite.rewriter or RunFolder(config.folder).train.path


def check_rewriter(session: Session) -> None:
    """Raise ValueError if the config names a rewriter that cannot be used; see `read_rewriter`."""
    if folder := session.config.rewrite.rewriter:
        read_rewriter(folder, session.backbone_identity[0], session.tokens.tokenizer)
        if session.config.cluster.enable_lora:
            check_adapter(folder / ADAPTER, session.config.train.lora.r)


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
    told = read_object(folder / CARD, "rewrite.rewriter", COPY)
    if told.keys() != {field.name for field in fields(RewriterCard)}:
        raise ValueError(
            f"rewrite.rewriter: {folder / CARD} is no card of a rewriter of this version; {COPY}"
        )
    card = RewriterCard(**told)
    if card.backbone_identity != identity:
        raise ValueError(
            f"rewrite.rewriter: {folder} was trained on another backbone ({card.backbone}, {card.backbone_identity}) "
            f"than model.name_or_path names ({identity}); name that backbone, or train a rewriter for this one"
        )
    check_model_folder(folder / MODEL, "rewrite.rewriter")
    its = load_tokenizer(str(folder / MODEL))
    if its.get_vocab() != tokenizer.get_vocab() or its.chat_template != tokenizer.chat_template:
        raise ValueError(
            f"rewrite.rewriter: the tokenizer in {folder / MODEL} is not the backbone's (its tokens or its chat "
            "template differ), and token ids would mean something else; put the backbone's tokenizer files there"
        )
    return card
