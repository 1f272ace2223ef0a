"""Checks against a reference by models, built here and very small."""

from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from reward import Check, RewardConfig, Verdict
from rewriter_agent.scoring.reference_models import pairs
from rewriter_agent.scoring.verifier import make_verifier

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = (*SPECIAL, "paris", "lyon", "is", "the", "capital", "of", "france", "and", "on", "seine", ".", ",")
SIZE = BertConfig(
    vocab_size=len(WORDS),
    hidden_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=32,
    max_position_embeddings=64,
)
REFERENCE = "paris is the capital of france . paris is on the seine ."
LABELS = ("CONTRADICTION", "NEUTRAL", "ENTAILMENT")


def save_model(folder: Path, labels: tuple[str, ...], favourite: int) -> str:
    """A model that gives one label a probability of 0.98 for any pair."""
    torch.manual_seed(0)
    config = BertConfig(**SIZE.to_diff_dict() | {"id2label": dict(enumerate(labels))})
    model = BertForSequenceClassification(config)
    torch.nn.init.zeros_(model.classifier.weight)
    model.classifier.bias.data = torch.zeros(len(labels)).index_fill(0, torch.tensor(favourite), 5.0)
    model.save_pretrained(folder)
    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, "[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return str(folder)


def graded(checks: dict[str, object], *texts: str) -> list[tuple[Verdict, str | None]]:
    config = RewardConfig.model_validate({"reference": {"coverage": None, **checks}})
    with make_verifier(config) as verifier:
        found = verifier.verify([Check(REFERENCE, text, "reference", "paris ?") for text in texts])
    return [(grade.verdict, grade.reason) for grade in found]


@pytest.mark.parametrize(("favourite", "passes"), [(2, True), (1, False), (0, False)])
def test_only_entailment_passes(tmp_path: Path, favourite: int, passes: bool) -> None:
    model = save_model(tmp_path, LABELS, favourite)
    expected = (Verdict.EQUAL, None) if passes else (Verdict.DIFFERENT, "entailment")
    assert graded({"entailment": {"model": model}}, REFERENCE, "lyon is on the seine .") == [expected] * 2
    if passes:
        [strict] = graded({"entailment": {"model": model, "min_probability": 0.99}}, REFERENCE)
        assert strict == (Verdict.DIFFERENT, "entailment")


def test_a_model_without_a_label_for_entailment_is_refused(tmp_path: Path) -> None:
    model = save_model(tmp_path, ("bad", "good"), 0)
    with pytest.raises(ValueError, match="has the labels bad, good, and none or several of them begin with"):
        graded({"entailment": {"model": model}}, REFERENCE)


def test_each_sentence_must_follow_from_the_other_text_in_both_directions() -> None:
    check = Check("A dog barks. It is loud.", "A loud dog barks.\n- So it is.", "reference", "What is it?")
    assert pairs(check) == [
        ("What is it?\nA dog barks. It is loud.", "A loud dog barks."),
        ("What is it?\nA loud dog barks.\n- So it is.", "A dog barks."),
        ("What is it?\nA loud dog barks.\n- So it is.", "It is loud."),
    ]


def test_similar_texts_pass(tmp_path: Path) -> None:
    similarity = {"model": save_model(tmp_path, LABELS, 0), "min_cosine": 0.999}
    same, other = graded({"similarity": similarity}, f" {REFERENCE}", "lyon and lyon and lyon")
    assert same == (Verdict.EQUAL, None)
    assert other == (Verdict.DIFFERENT, "similarity")


def test_models_are_asked_only_about_texts_that_pass_the_other_checks(tmp_path: Path) -> None:
    checks = {"coverage": {}, "entailment": {"model": str(tmp_path / "missing")}}
    assert graded(checks, "lyon .") == [(Verdict.DIFFERENT, "coverage")]
    with pytest.raises(ValueError, match=r"reward\.reference\.entailment\.model"):
        graded(checks, REFERENCE)
