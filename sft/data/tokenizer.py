"""The tokenizer of a model folder, and the ids that end a completion."""

import hashlib
import json
from pathlib import Path

from transformers import AutoConfig, AutoTokenizer, PreTrainedTokenizerBase


def load_tokenizer(model: Path) -> PreTrainedTokenizerBase:
    """Tokenizer in the folder of a model."""
    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    assert tokenizer is not None
    return tokenizer


def eos_token_ids(model: Path) -> set[int]:
    """End-of-sequence ids: the tokenizer's own, and those that the model's config lists besides."""
    configured = AutoConfig.from_pretrained(model, trust_remote_code=False).eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return {load_tokenizer(model).eos_token_id, *listed} - {None}


def vocabulary_hash(model: Path) -> str:
    """Names what the ids of a model mean."""
    vocabulary = sorted(load_tokenizer(model).get_vocab().items())
    return hashlib.sha256(json.dumps(vocabulary).encode()).hexdigest()[:16]
