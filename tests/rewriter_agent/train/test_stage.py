"""The stage `train` after a kill behind its last step."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from rewriter_agent.config import make_config
from rewriter_agent.data.prompts import Prompts
from rewriter_agent.io.progress import Progress
from rewriter_agent.runtime.session import Session
from rewriter_agent.train.rewriter import CARD, MODEL
from rewriter_agent.train.stage import train

LINE = {
    "step": 2,
    "completions/mean_length": 10.0,
    "completions/mean_scored_length": 2.5,
    "num_tokens": 900.0,
    "reward": 0.5,
    "frac_reward_zero_std": 0.0,
}


def test_what_has_been_learned_is_not_learned_again(tmp_path: Path) -> None:
    config = make_config({"name": "r", "model": {"name_or_path": "lab"}, "data": {"source": "lab"}})
    # It has neither engines nor a tokenizer.
    tokens = SimpleNamespace(prompts=Prompts())
    identity = ("its weights", "bfloat16")
    session = cast(Session, SimpleNamespace(config=config, backbone_identity=identity, tokens=tokens))
    (tmp_path / MODEL).mkdir()
    lines: list[dict[str, Any]] = [LINE | {"step": step} for step in (1, 2)]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    counts = train(session, tmp_path, Progress("train"))
    assert counts["steps"] == 2
    candidates = config.train.candidates_per_step
    assert (counts["generated_tokens"], counts["scored_tokens"]) == (
        2 * candidates * 10,
        2 * candidates * 2.5,
    )
    card = json.loads((tmp_path / CARD).read_text())
    assert (card["steps"], card["prompts"]) == (2, Prompts().record())
