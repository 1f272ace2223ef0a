"""The targets as a data set for other trainers."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from datasets import Dataset, load_dataset
from trl.data_utils import is_conversational

from rewriter_agent.config import RunConfig
from rewriter_agent.config.method import SELF_TRAIN
from rewriter_agent.config.prompts import PromptsConfig
from rewriter_agent.config.strategies import STRATEGIES
from rewriter_agent.io.files import write_table
from rewriter_agent.rewrite.dataset import how_made, write_dataset
from rewriter_agent.rewrite.record import CANDIDATES, PROBLEM_COSTS, REWRITES
from rewriter_agent.runtime.run_folder import StageFolder

CONFIG = RunConfig.model_validate(
    {
        "name": "made-up",
        "model": {"system_prompt": "Be brief."},
        "data": {"source": "gsm_symbolic"},
        "rewrite": {"strategy": "best_of_n"},
        "dataset": {"license": "cc-by-4.0"},
        "output_dir": "/somewhere/private",
    }
)


def row(number: int, **changed: Any) -> dict[str, Any]:
    texts = {"question": f"How many? {number}", "target_text": f"It is {number}.\n#### {number}"}
    ours = {"problem_id": str(number), "answer": str(number), "convention": "####", "outcome": "rewritten"}
    return {"target": 0, "target_ids": [1], **texts, **ours, **changed}


def write_rewriting(folder: Path, rows: list[dict[str, Any]]) -> StageFolder:
    """The tables of a rewriting job with these targets."""
    cost = {"rollouts": 8, "prompt_tokens": 60, "generated_tokens": 100, "scored_tokens": 50, "judged": 0}
    tables = StageFolder(folder)
    write_table(tables.rewrites, rows, REWRITES)
    write_table(tables.candidates, [], CANDIDATES)
    write_table(
        tables.costs, [{**cost, "problem_id": r["problem_id"], "judged_bad": []} for r in rows], PROBLEM_COSTS
    )
    return tables


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rewriting = write_rewriting(tmp_path, [row(1), row(2, outcome="expert_fallback"), row(3)])
    for _ in range(2):  # What a killed job left is written again.
        assert write_dataset(tmp_path / "dataset", rewriting, CONFIG) == {"rows": 3}
    return tmp_path / "dataset"


def test_datasets_and_trl_read_it(folder: Path, tmp_path: Path) -> None:
    loaded = load_dataset(str(folder), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(loaded, Dataset)
    assert len(loaded) == 3
    first = loaded[0]
    assert is_conversational(first)
    assert [message["role"] for message in first["prompt"]] == ["system", "user"]
    assert first["prompt"][1]["content"].startswith("How many? 1\n\nEnd with a last line")
    assert first["completion"] == [{"role": "assistant", "content": "It is 1.\n#### 1"}]
    assert loaded["outcome"][:] == ["rewritten", "expert_fallback", "rewritten"]


def test_the_card_is_written_from_the_run(folder: Path) -> None:
    _, front, body = (folder / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(front)["license"] == "cc-by-4.0"
    assert "3 training targets for 3 problems" in body
    assert "| rollouts | 24 |" in body
    assert "| expert_fallback | 1 |" in body
    assert "strategy: best_of_n" in body
    assert "rewritten by `smollm2-135m-instruct` itself" in body
    assert "private" not in body


def test_the_users_prompts_are_in_the_rows_and_in_the_card(tmp_path: Path) -> None:
    prompts = PromptsConfig(answer_format="none", rewrite="mathematics-es", show_answer=False)
    config = CONFIG.model_copy(update={"prompts": prompts})
    write_dataset(
        tmp_path / "dataset", write_rewriting(tmp_path, [row(1, question=" How\r\nmany? ")]), config
    )
    loaded = load_dataset(str(tmp_path / "dataset"), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(loaded, Dataset)
    assert loaded[0]["prompt"][1]["content"] == " How\r\nmany? "
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert "````text\nQUESTION\n````\n" in card
    assert "Notas:\nEXPERT SOLUTION WITH ___ FOR ITS RESULT\n" in card
    assert "answer_format: none\n  rewrite: mathematics-es\n  show_answer: false" in card


def test_a_strategy_without_the_rewriting_prompt_does_not_show_it(tmp_path: Path) -> None:
    section = CONFIG.rewrite.model_copy(update={"strategy": "self_align"})
    config = CONFIG.model_copy(update={"rewrite": section})
    write_dataset(tmp_path, write_rewriting(tmp_path, [row(1, outcome="self_correct")]), config)
    card = (tmp_path / "README.md").read_text()
    assert "QUESTION\n\nEnd with a last line of the form: #### answer" in card
    assert "EXPERT SOLUTION" not in card


def test_a_method_that_drops_the_experts_rows_publishes_none(tmp_path: Path) -> None:
    rewriting = write_rewriting(tmp_path, [row(1, outcome="expert_fallback"), row(2), row(3)])
    config = CONFIG.model_copy(update={"method": "accepted_only"})
    assert write_dataset(tmp_path / "dataset", rewriting, config) == {"rows": 2}
    loaded = load_dataset(str(tmp_path / "dataset"), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(loaded, Dataset)
    assert loaded["outcome"][:] == ["rewritten", "rewritten"]
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert "2 training targets for 3 problems" in card
    assert "| dropped | 1 |" in card
    assert "Problems without such a text are left out" in card
    assert "expert_fallback" not in card


def test_nothing_accepted_is_one_message(tmp_path: Path) -> None:
    rewriting = write_rewriting(tmp_path, [row(1, outcome="expert_fallback"), row(2, outcome="expert_kept")])
    config = CONFIG.model_copy(update={"method": "accepted_only"})
    with pytest.raises(ValueError, match="passed the gate: method=accepted_only drops all 2 problems"):
        write_dataset(tmp_path / "dataset", rewriting, config)
    assert not (tmp_path / "dataset").exists()


def test_the_card_of_unverified_samples_says_so(tmp_path: Path) -> None:
    section = CONFIG.rewrite.model_copy(update={"strategy": "self_train_unverified"})
    config = CONFIG.model_copy(update={"method": "self_train", "rewrite": section})
    write_dataset(tmp_path, write_rewriting(tmp_path, [row(1, outcome="self_correct")]), config)
    card = (tmp_path / "README.md").read_text()
    assert "not verified. Nothing was checked but that each text ended" in card
    assert "gold answer" not in card


def test_the_card_names_no_place(tmp_path: Path) -> None:
    places = {
        "model": {"name_or_path": "/private/backbone"},
        "data": {"source": "hub", "name": "/private/problems"},
        "reward": {"embedding_model": "/private/embedder"},
        "rewrite": {"rewriter": "/private/other/train"},
    }
    rewriting = write_rewriting(tmp_path, [row(1)])
    write_dataset(tmp_path, rewriting, RunConfig.model_validate({"name": "made-up", **places}))
    card = (tmp_path / "README.md").read_text()
    assert "private" not in card
    assert "data set `problems`" in card
    assert "embedding_model: embedder" in card


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_card_says_how_each_strategy_makes_its_targets(strategy: str) -> None:
    method = "self_train" if strategy in SELF_TRAIN else "rewrite"
    tree = {"name": "r", "model": {}, "data": {"source": "lab"}, "method": method}
    made = how_made(RunConfig.model_validate(tree | {"rewrite": {"strategy": strategy}}), 24)
    assert "solutions" in made or "answers of" in made
