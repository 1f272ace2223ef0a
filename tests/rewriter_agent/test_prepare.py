"""The anchors that `prepare` computes."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any, cast

import pytest
from groups import EOS, LetterTokens, RecordingFleet, fake_logprobs, make_problem

from cluster.types import Completion, GenerateRequest
from rewriter_agent.anchor_cache import AnchorCache
from rewriter_agent.config.train import PrepareConfig
from rewriter_agent.prepare import _own_samples

TEXTS = ("one way", "another")


class Writer(RecordingFleet):
    """Writes `TEXTS` in turn, with log-probs that are those of a low temperature."""

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        ids = [[*map(ord, TEXTS[i % len(TEXTS)]), EOS] for i in range(len(requests))]
        return [Completion(row, [0.0] * len(row), True, 0) for row in ids]


def test_own_samples_are_scored_like_any_other_text(tmp_path: Path) -> None:
    fleet, tokens, problems = Writer(), LetterTokens(), [make_problem("a"), make_problem("b")]
    config = SimpleNamespace(prepare=PrepareConfig(num_own_samples=2, temperature=0.5), seed=0)
    run = SimpleNamespace(config=config, backbone=fleet, backbone_identity=("m", "float32"))
    prompts = [tokens.question(problem) for problem in problems]

    def own() -> list[dict[str, Any]]:
        with AnchorCache(tmp_path / "cache.sqlite") as cache:
            return _own_samples(problems, prompts, cast(Any, tokens), cast(Any, run), cache)

    expected = fmean(fmean(fake_logprobs([*map(ord, text), EOS])) for text in TEXTS)
    assert own() == [{"texts": list(TEXTS), "logprob": pytest.approx(expected)}] * 2
    assert [request.prompt_ids for request in fleet.asked] == [p for p in prompts for _ in TEXTS]
    own()
    assert len(fleet.asked) == 4, "kept from the first time"
