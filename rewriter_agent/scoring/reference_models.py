"""Checks against a reference by small models on the CPU: entailment and similarity."""

from collections.abc import Sequence
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np

from cluster.engine.encoder import Encoder
from reward import Check
from reward.reference.config import EntailmentCheck, SimilarityCheck
from reward.reference.content import SENTENCE_END
from reward.reference.content_words import content_words
from rewriter_agent.io.files import batches
from rewriter_agent.models.resolve import resolve_model

BATCH = 16
MOST_TOKENS = 512
THREADS = 1
"""Threads of an encoder; the process that grades serves engines too."""

Pair = tuple[str, str]
"""Premise and hypothesis."""


class Entailment:
    """Check that each sentence of one text follows from the other, in both directions; loads its model when asked."""

    def __init__(self, config: EntailmentCheck) -> None:
        self.config = config
        self._lock = Lock()

    def __call__(self, checks: Sequence[Check]) -> list[bool]:
        """Whether each text passes, in order."""
        asked = [pairs(check) for check in checks]
        different = list(dict.fromkeys(pair for each in asked for pair in each))
        with self._lock:
            found = [value for batch in batches(different, BATCH) for value in self._probabilities(batch)]
        known = dict(zip(different, found, strict=True))
        return [all(known[pair] >= self.config.min_probability for pair in each) for each in asked]

    @cached_property
    def _model(self) -> Any:
        from transformers import AutoModelForSequenceClassification

        return AutoModelForSequenceClassification.from_pretrained(self._path, trust_remote_code=False).eval()

    @cached_property
    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(self._path, trust_remote_code=False)

    @cached_property
    def _path(self) -> str:
        return resolve_model(self.config.model, "reward.reference.entailment.model")

    @cached_property
    def _label(self) -> int:
        labels = {str(name).lower(): number for number, name in self._model.config.id2label.items()}
        found = [number for name, number in labels.items() if name.startswith("entail")]
        if len(found) != 1:
            raise ValueError(
                f"reward.reference.entailment.model={self.config.model} has the labels {', '.join(labels)}, and none "
                "or several of them begin with 'entail'; take a model for natural-language inference"
            )
        return found[0]

    def _probabilities(self, pairs: Sequence[Pair]) -> list[float]:
        import torch

        premises, hypotheses = zip(*pairs, strict=True)
        longest = min(MOST_TOKENS, self._model.config.max_position_embeddings)
        encoded = self._tokenizer(
            list(premises),
            list(hypotheses),
            padding=True,
            truncation=True,
            max_length=longest,
            return_tensors="pt",
            # A text does not separate itself from the other by writing "[SEP]".
            split_special_tokens=True,
        )
        with torch.inference_mode():
            return self._model(**encoded).logits.softmax(-1)[:, self._label].tolist()


class Similarity:
    """Check that the embeddings of the two texts point almost the same way; loads its encoder when asked."""

    def __init__(self, config: SimilarityCheck) -> None:
        self.config = config
        self._lock = Lock()

    def __call__(self, checks: Sequence[Check]) -> list[bool]:
        """Whether each text passes, in order."""
        texts = list(dict.fromkeys(text for check in checks for text in (check.gold, check.answer)))
        with self._lock:
            vectors = dict(zip(texts, np.asarray(self._encoder.embed(texts)), strict=True))
        return [
            _cosine(vectors[check.gold], vectors[check.answer]) >= self.config.min_cosine for check in checks
        ]

    @cached_property
    def _encoder(self) -> Encoder:
        path = resolve_model(self.config.model, "reward.reference.similarity.model")
        return Encoder(path, MOST_TOKENS, THREADS, "cpu")


def pairs(check: Check) -> list[Pair]:
    """Premises and hypotheses: the sentences of each text with content, after the question and the other text."""
    return [
        (f"{check.question}\n{premise}".strip(), sentence)
        for premise, text in ((check.gold, check.answer), (check.answer, check.gold))
        for sentence in map(str.strip, SENTENCE_END.split(text))
        if content_words(sentence, numbers=True) or sentence == text.strip()
    ]


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
