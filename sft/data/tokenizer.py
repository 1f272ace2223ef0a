"""The tokenizer of a model folder."""

import hashlib
import json
from pathlib import Path

from transformers import AutoTokenizer, PreTrainedTokenizerBase


def load_tokenizer(model: Path) -> PreTrainedTokenizerBase:
    """Tokenizer in the folder of a model."""
    tokenizer = AutoTokenizer.from_pretrained(model, trust_remote_code=False)
    assert tokenizer is not None
    return tokenizer


def vocabulary_hash(model: Path) -> str:
    """Hash that identifies the meaning of token ids."""
    vocabulary = sorted(load_tokenizer(model).get_vocab().items())
    return hashlib.sha256(json.dumps(vocabulary).encode()).hexdigest()[:16]
