"""vLLM and transformers agree on the laboratory's backbone."""

from collections.abc import Iterator
from itertools import chain
from statistics import fmean

import pytest
import ray
import torch
from engine_reference import cpu_engine, reference_logprobs
from transformers import LlamaForCausalLM

from cluster.fleet import Fleet
from cluster.types import EngineSpec, ScoreRequest
from rewriter_agent.config.data import LabData
from rewriter_agent.data.load import load_problems
from rewriter_agent.lab.skills import SKILLS, retention_items
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.resolve import load_tokenizer
from rewriter_agent.prompts import user_messages
from rewriter_agent.tokens import Tokens

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not LAB_FOLDER.exists(), reason="the backbone is not there; `make lab-backbone` makes it"
    ),
]

ITEMS = 200
# Nats a token: mean over all items, and the largest mean of an item. In one and the same implementation, going from
# float32 to bfloat16 moves them by about 1e-2, on single items by 2e-2.
TOLERANCES = {"float32": (1e-4, 1e-4), "bfloat16": (2e-2, 5e-2)}


@pytest.fixture(scope="module", params=TOLERANCES)
def spec(request: pytest.FixtureRequest) -> EngineSpec:
    return cpu_engine(LAB_FOLDER, request.param, max_model_len=512, max_num_seqs=64, kv_cache_gb=0.1)


@pytest.fixture(scope="module")
def fleet(spec: EngineSpec) -> Iterator[Fleet]:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield Fleet.start("backbone", spec, 1, 120).wait()
    ray.shutdown()


def items() -> list[ScoreRequest]:
    """Test problems with their solutions, and skills with their answers, half and half."""
    tokens = Tokens(load_tokenizer(str(LAB_FOLDER)), None)
    problems = load_problems(LabData(num_train=1, num_test=ITEMS // 2)).test
    solved = [ScoreRequest(tokens.question(problem), tokens.expert(problem)) for problem in problems]
    asked = chain(*(retention_items(skill, ITEMS // 2 // len(SKILLS), seed=0) for skill in SKILLS))
    eos = tokens.tokenizer.eos_token_id
    return solved + [
        ScoreRequest(tokens.prompt(user_messages(item.prompt)), [*tokens.tokenizer.encode(item.answer), eos])
        for item in asked
    ]


def test_logprobs_agree(fleet: Fleet, spec: EngineSpec) -> None:
    requests = items()
    assert len(requests) >= ITEMS
    model = LlamaForCausalLM.from_pretrained(LAB_FOLDER, dtype=getattr(torch, spec.dtype)).eval()
    differences = [
        [abs(a - b) for a, b in zip(scored.logprobs, reference_logprobs(model, request), strict=True)]
        for request, scored in zip(requests, fleet.score(requests), strict=True)
    ]
    means = [fmean(item) for item in differences]
    print(
        f"{spec.dtype}: nats a token, mean over items {fmean(means):.1e}, largest mean of an item "
        f"{max(means):.1e}, largest of a token {max(chain(*differences)):.1e}"
    )
    mean, largest = TOLERANCES[spec.dtype]
    assert fmean(means) < mean
    assert max(means) < largest
