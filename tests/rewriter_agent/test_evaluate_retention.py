"""Retention through lm-eval: same numbers as a direct computation, offline, deterministic."""

import pytest
import torch
from lm_eval.api.instance import Instance
from local_fleet import LocalFleet, make_model, make_tokenizer

from rewriter_agent.config.evaluate import EvaluateConfig
from rewriter_agent.evaluate.fleet_lm import FleetLM
from rewriter_agent.evaluate.retention import evaluate_retention
from rewriter_agent.evaluate.retention_tasks import build_task, contains, load_items

CONFIG = EvaluateConfig(retention_limit=3)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


@pytest.fixture
def fleet(tokenizer):
    return LocalFleet(make_model(len(tokenizer)), tokenizer.eos_token_id, max_model_len=2000)


def instance(kind: str, *arguments: object) -> Instance:
    return Instance(request_type=kind, doc={}, arguments=arguments, idx=0)


@torch.no_grad()
def direct_loglikelihood(fleet: LocalFleet, tokenizer, context: str, continuation: str) -> float:
    whole, start = tokenizer.encode(context + continuation), len(tokenizer.encode(context))
    logprobs = fleet.model(torch.tensor([whole])).logits[0].log_softmax(-1)
    return sum(float(logprobs[i - 1, whole[i]]) for i in range(start, len(whole)))


def test_loglikelihood_is_that_of_a_direct_computation(fleet, tokenizer):
    pairs = [("Question: What is water?\nAnswer:", " a liquid"), ("Tom has", " 3 apples."), ("Is it", " so")]
    answers = FleetLM(fleet, tokenizer, seed=0).loglikelihood([instance("loglikelihood", *p) for p in pairs])
    expected = [direct_loglikelihood(fleet, tokenizer, *pair) for pair in pairs]
    assert [value for value, _ in answers] == pytest.approx(expected, abs=1e-4)


def test_loglikelihood_is_that_of_the_harness_own_transformers_model(fleet, tokenizer):
    from lm_eval.models.huggingface import HFLM

    pairs = [("Question: Is it?\nAnswer: ", "yes"), ("", " apples"), ("Tom has 3 apples", ".")]
    requests = [instance("loglikelihood", *pair) for pair in pairs]
    reference = HFLM(pretrained=fleet.model, tokenizer=tokenizer, batch_size=1)
    expected = [value for value, _ in reference.loglikelihood(requests, disable_tqdm=True)]
    answers = FleetLM(fleet, tokenizer, seed=0).loglikelihood(requests)
    assert [value for value, _ in answers] == pytest.approx(expected, abs=1e-4)


def test_a_space_at_the_end_of_the_context_moves_to_the_continuation(fleet, tokenizer):
    FleetLM(fleet, tokenizer, seed=0).loglikelihood([instance("loglikelihood", "Tom has ", "apples")])
    assert tokenizer.decode(fleet.scored[0].prompt_ids) == "Tom has"
    assert tokenizer.decode(fleet.scored[0].completion_ids) == " apples"


def test_an_empty_context_is_one_eos(fleet, tokenizer):
    FleetLM(fleet, tokenizer, seed=0).loglikelihood([instance("loglikelihood", "", "apples")])
    assert fleet.scored[0].prompt_ids == [tokenizer.eos_token_id]


def test_a_long_context_loses_its_beginning(fleet, tokenizer):
    FleetLM(fleet, tokenizer, seed=0).loglikelihood(
        [instance("loglikelihood", "x " * 1500 + "the end", " yes")]
    )
    request = fleet.scored[0]
    assert len(request.prompt_ids) + len(request.completion_ids) == fleet.spec.max_model_len - 1
    assert tokenizer.decode(request.prompt_ids).endswith("the end")


def test_a_continuation_without_room_is_refused(fleet, tokenizer):
    with pytest.raises(ValueError, match=r"model\.max_model_len"):
        FleetLM(fleet, tokenizer, seed=0).loglikelihood([instance("loglikelihood", "a", "x " * 1500)])


def test_generated_text_ends_before_the_first_stop_string(fleet, tokenizer):
    lm = FleetLM(fleet, tokenizer, seed=0)
    arguments = {"max_gen_toks": 8, "do_sample": False}
    [whole] = lm.generate_until([instance("generate_until", "Tom", arguments | {"until": []})])
    stop = whole[3]
    [cut] = lm.generate_until([instance("generate_until", "Tom", arguments | {"until": [stop]})])
    assert cut == whole[: whole.index(stop)]


def test_perplexity_is_not_offered(fleet, tokenizer):
    with pytest.raises(NotImplementedError):
        FleetLM(fleet, tokenizer, seed=0).loglikelihood_rolling([])


@pytest.mark.parametrize("name", ["arc_easy", "sciq"])
def test_multiple_choice_agrees_with_the_argmax_of_direct_loglikelihoods(fleet, tokenizer, name, capfd):
    part = evaluate_retention(fleet, tokenizer, name, CONFIG)
    task = build_task(name, CONFIG.retention_limit, CONFIG.seed)
    documents = list(task.validation_docs())
    for document in documents:
        context, choices = task.doc_to_text(document), task.doc_to_choice(document)
        values = [direct_loglikelihood(fleet, tokenizer, context, f" {choice}") for choice in choices]
        right = values.index(max(values)) == task.doc_to_target(document)
        assert part.correct[document["item_id"]] == right
    assert part.metrics["acc,none"] == pytest.approx(sum(part.correct.values()) / 3)
    assert {"acc_stderr,none", "acc_norm,none", "acc_norm_stderr,none"} <= part.metrics.keys()
    assert capfd.readouterr().err == ""


def test_generation_goes_through_the_chat_template(fleet, tokenizer):
    part = evaluate_retention(fleet, tokenizer, "sciq_generate", CONFIG, system_prompt="Be brief.")
    prompts = [tokenizer.decode(request.prompt_ids) for request in fleet.asked]
    assert all(prompt.endswith("in a few words.<|im_end|>\n<|im_start|>assistant\n") for prompt in prompts)
    assert any(prompt.startswith("<|im_start|>system\nBe brief.<|im_end|>") for prompt in prompts)
    assert {request.max_tokens for request in fleet.asked} == {32}
    assert {request.temperature for request in fleet.asked} == {0.0}
    assert len(part.correct) == 3
    assert part.metrics["contains,none"] == sum(part.correct.values()) / 3
    assert "contains_stderr,none" in part.metrics


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("It is the Electromagnetic\tspectrum.", 1.0),
        ("\n electromagnetic-spectrum", 1.0),
        ("a spectrum\nelectromagnetic spectrum", 0.0),
        ("electromagnetic spectrums", 0.0),
        ("", 0.0),
    ],
)
def test_contains_compares_words_of_the_first_line(answer, expected):
    assert contains({"correct_answer": "electromagnetic spectrum"}, [answer]) == {"contains": expected}


def test_items_depend_on_the_seed_only():
    first, again, other = (load_items("sciq", 20, seed)["item_id"] for seed in (0, 0, 1))
    assert list(first) == list(again) != list(other)
    assert len(set(first)) == 20


def test_generative_items_have_a_passage():
    assert all(passage.strip() for passage in load_items("sciq_generate", 10_000, 0)["support"])
