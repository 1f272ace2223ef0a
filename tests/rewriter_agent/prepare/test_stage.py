"""The anchors that `prepare` computes."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ray.exceptions import RayTaskError

from cluster.types import Completion, GenerateRequest, Scored, ScoreRequest
from rewriter_agent.config import RunConfig
from rewriter_agent.config.train import PrepareConfig
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.io.files import read_jsonl, write_jsonl, write_table
from rewriter_agent.io.progress import Progress
from rewriter_agent.io.value_cache import ValueCache
from rewriter_agent.lab.tokenizer import make_tokenizer
from rewriter_agent.models.end_tokens import EndTokens
from rewriter_agent.prepare.held_out import held_out
from rewriter_agent.prepare.records import answerable_replies, prepared, prepared_file, prepared_schema
from rewriter_agent.prepare.stage import _own_samples, prepare
from rewriter_agent.scoring.verifier import make_verifier
from tests.helpers.chats import CALL, OWN_FORM, TEMPLATE, WEATHER
from tests.helpers.groups import EOS, ExactVerifier, RecordingFleet, fake_logprobs, make_problem
from tests.helpers.tiny import THINKING

TEXTS = ("one way", "another")


class Writer(RecordingFleet):
    """Fake engine that writes `TEXTS` in turn, with log-probs of a low temperature."""

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        ids = [[*map(ord, TEXTS[i % len(TEXTS)]), EOS] for i in range(len(requests))]
        return [Completion(row, [0.0] * len(row), True, 0) for row in ids]


def test_own_samples_are_scored_like_any_other_text(tmp_path: Path) -> None:
    fleet, problems = Writer(), [make_problem("a"), make_problem("b")]
    config = SimpleNamespace(prepare=PrepareConfig(num_own_samples=2, temperature=0.5), seed=0)
    run = SimpleNamespace(config=config, reference=fleet)
    prompts = [list(problem.prompt_ids) for problem in problems]

    def own() -> list[dict[str, Any]]:
        with ValueCache(tmp_path / "cache.sqlite") as cache:
            return _own_samples(problems, prompts, cast(Any, run), cache, ("m", "float32"))

    expected = fmean(fmean(fake_logprobs([*map(ord, text), EOS])) for text in TEXTS)
    first = [*map(ord, TEXTS[0]), EOS]
    assert [sample["mean"] for sample in own()] == pytest.approx([expected, expected])
    assert [(sample["ids"], sample["logprobs"]) for sample in own()] == [(first, fake_logprobs(first))] * 2
    assert [request.prompt_ids for request in fleet.asked] == [p for p in prompts for _ in TEXTS]
    own()
    assert len(fleet.asked) == 4, "kept from the first time"


def test_what_the_engine_cannot_do_or_take_is_left_out_and_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokenizer = make_tokenizer(0)

    class Breaking(Writer):
        def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
            if any("poison" in tokenizer.decode(request.prompt_ids) for request in requests):
                raise RayTaskError("score", "traceback", ValueError("an engine cannot do this"))
            return super().score(requests)

    rows = [
        {"question": f"{name}?", "solution": "It is #### 5"} for name in ("a", "poison", "x" * 600, "test")
    ]
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    write_jsonl(train, rows[:3])
    write_jsonl(test, rows[3:])
    config = RunConfig.model_validate(
        {
            "name": "r",
            "output_dir": tmp_path,
            "model": {"max_model_len": 400},
            "data": {"source": "file", "train": str(train), "test": str(test)},
        }
    )
    tokens = Tokens(tokenizer, None, EndTokens({}, (tokenizer.eos_token_id,), {}))
    run = SimpleNamespace(
        config=config,
        tokens=tokens,
        reference=Breaking(),
        backbone_identity=("m", "float32"),
        verifier=ExactVerifier(),
    )
    counts = prepare(cast(Any, run), config.folder / "prepare", Progress("prepare"))
    assert (counts["train"], counts["prompt_too_long"], counts["engine_error"]) == (1, 1, 1)
    (row,) = prepared(prepared_file(config))
    assert row.problem.question == "a?"
    assert list(row.problem.prompt_ids) == tokens.question(row.problem)
    assert list(row.problem.rewriting_prompt_ids) == tokens.rewriting(row.problem)
    left_out = read_jsonl(config.folder / "prepare" / "left_out.jsonl")
    [lengths] = [row["tokens"] for row in left_out if "tokens" in row]
    long = f"{'x' * 600}?"
    assert lengths["question"] > config.model.max_model_len - config.prepare.max_completion_length
    told = capsys.readouterr().out
    assert "1 of 3 training problems do not fit model.max_model_len" in told
    assert f"the longest of their questions has {lengths['question']} tokens" in told
    assert {row["question"]: row["reason"] for row in left_out} == {
        "poison?": "engine_error",
        long: "prompt_too_long",
    }


@pytest.mark.parametrize(("template", "kept"), [(TEMPLATE, 0), (OWN_FORM, 1)])
def test_conversations_are_prepared_with_their_own_prompts(tmp_path: Path, template: str, kept: int) -> None:
    tokenizer = make_tokenizer(0)
    tokenizer.chat_template = template
    ask = {"role": "user", "content": "How many?"}
    reply, tool = {"role": "assistant", "content": "#### 5"}, {"role": "tool", "content": "19"}
    rows = [
        {"messages": [ask, CALL, tool, reply], "tools": [WEATHER]},
        {"messages": [{"role": "system", "content": "Call."}, ask, CALL], "tools": [WEATHER]},
        {"messages": [{"role": "user", "content": "q?"}, CALL], "tools": [WEATHER]},
        {"messages": [{"role": "user", "content": "q?"}, reply]},
    ]
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    write_jsonl(train, rows[:2])
    write_jsonl(test, rows[2:])
    data = {"source": "file", "train": str(train), "test": str(test), "turns": "all"}
    config = RunConfig.model_validate(
        {"name": "r", "output_dir": tmp_path, "model": {"max_model_len": 2000}, "data": data}
    )
    tokens = Tokens(
        tokenizer, "Be brief.", EndTokens({tokenizer.eos_token_id: ("",)}, (tokenizer.eos_token_id,), {})
    )
    run = SimpleNamespace(
        config=config,
        tokens=tokens,
        reference=Writer(),
        backbone_identity=("m", "float32"),
        verifier=ExactVerifier(),
    )
    counts = prepare(cast(Any, run), config.folder / "prepare", Progress("prepare"))
    assert (counts["train"], counts["test"], counts.get("test_tool_calls", 0)) == (3, 2 - kept, kept)
    found = list(prepared(prepared_file(config)))
    assert [row.problem.calls_tools for row in found] == [True, False, True]
    for row in found:
        assert list(row.problem.prompt_ids) == tokens.question(row.problem)
        assert row.expert_ids == tokens.expert(row.problem)
    assert [row.problem.is_kept for row in found] == [bool(kept), False, bool(kept)]
    assert "call>" in tokenizer.decode(found[0].expert_ids)
    # The replies of a row are together.
    compared = [[row.problem.id for row in found[:2]], [found[2].problem.id]]
    assert answerable_replies(prepared_file(config)) == ([[found[1].problem.id]] if kept else compared)


@pytest.mark.parametrize(("policy", "left"), [("keep", 2), ("drop", 1), ("write", 2)])
def test_experts_without_reasoning_are_left_out_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], policy: str, left: int
) -> None:
    tokenizer = make_tokenizer(0)
    tokenizer.chat_template = THINKING
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    solutions = ("It is #### 5", "<think>\n2 and 3\n</think>\n\nIt is #### 5")
    write_jsonl(train, [{"question": f"q{n}?", "solution": text} for n, text in enumerate(solutions)])
    write_jsonl(test, [{"question": "test?", "solution": "#### 5"}])
    options = {
        **{"name": "r", "output_dir": tmp_path, "model": {"max_model_len": 900}},
        "data": {"source": "file", "train": str(train), "test": str(test)},
        "prompts": {"reasoning": policy},
    }
    config = RunConfig.model_validate(options)
    assert config.reward.requires_reasoning == (policy == "write")
    eos = tokenizer.eos_token_id
    run = SimpleNamespace(
        config=config,
        tokens=Tokens(tokenizer, None, EndTokens({eos: ("",)}, (eos,), {})),
        reference=Writer(),
        backbone_identity=("m", "float32"),
        verifier=ExactVerifier(),
    )
    counts = prepare(cast(Any, run), config.folder / "prepare", Progress("prepare"))
    assert (counts["train"], counts.get("expert_without_reasoning")) == (
        left,
        1 if policy == "drop" else None,
    )
    out = read_jsonl(config.folder / "prepare" / "left_out.jsonl")
    assert [row["reason"] for row in out] == ["expert_without_reasoning"] * (2 - left)
    told = "1 of 2 expert solutions have no reasoning in <think>" in capsys.readouterr().out
    assert told == (policy == "keep")


def test_replies_of_a_conversation_are_held_out_together(tmp_path: Path) -> None:
    def rows(first: int) -> list[dict[str, Any]]:
        turns = [
            {"role": role, "content": text}
            for number in range(first, first + 3)
            for role, text in (("user", f"q{number}?"), ("assistant", f"It is #### {number}"))
        ]
        return [{"messages": turns}]

    write_jsonl(tmp_path / "train.jsonl", [row for first in range(0, 60, 3) for row in rows(first)])
    write_jsonl(tmp_path / "test.jsonl", rows(100))
    data = {"source": "file", "train": str(tmp_path / "train.jsonl"), "test": str(tmp_path / "test.jsonl")}
    config = RunConfig.model_validate(
        {
            "name": "r",
            "output_dir": tmp_path,
            "data": {**data, "turns": "all"},
            "sft": {"evaluation": {"num_problems": 10, "eval_steps": 5}},
            "model": {},
        }
    )
    problems = load_problems(config.data).train
    ids = {"prompt_ids": [1], "rewriting_prompt_ids": [1], "expert_ids": [1], "expert_logprobs": [-1.0]}
    numbers = {"expert": -1.0, "own": -0.5, "own_ids": [1], "own_logprobs": [-1.0]}
    table = [{**asdict(problem), **ids, **numbers} for problem in problems]
    write_table(prepared_file(config), table, prepared_schema(problems))
    out = held_out(config)
    places = [
        {one.chat.place for one in problems if one.chat and (one.id in out) is side} for side in (True, False)
    ]
    assert (len(out), len(places[0])) == (12, 4)
    assert not places[0] & places[1]


EXPERTS = {
    "true": "First 5 - 4 = 1. #### 1",
    "one": "First 5 - 4 = 2. #### 1",
    "two": "3 + 1 = 5, 1 + 1 = 3. #### 1",
}


def test_of_a_mix_the_problems_that_are_left_are_counted_by_source(tmp_path: Path) -> None:
    sources = {}
    for name, experts in {"sound": ("true", "true"), "faulty": ("true", "two")}.items():
        rows = [{"question": f"{name} {k}?", "solution": EXPERTS[text]} for k, text in enumerate(experts)]
        write_jsonl(tmp_path / f"{name}.jsonl", rows)
        write_jsonl(tmp_path / f"{name}-test.jsonl", [{"question": f"{name}?", "solution": "#### 1"}])
        files = {"train": str(tmp_path / f"{name}.jsonl"), "test": str(tmp_path / f"{name}-test.jsonl")}
        sources[name] = {"source": "file", **files}
    config = RunConfig.model_validate(
        {
            "name": "r",
            "output_dir": tmp_path,
            "model": {"max_model_len": 400},
            "data": {"source": "mix", "sources": sources, "on_false_step": "drop"},
        }
    )
    counts = prepare(cast(Any, session(config)), config.folder / "prepare", Progress("prepare"))
    assert {key: count for key, count in counts.items() if "/" in key} == {
        "train/sound": 2,
        "train/faulty": 1,
        "test/sound": 1,
        "test/faulty": 1,
    }
    assert (counts["train"], counts["unmixed"]) == (3, 0)


def session(config: RunConfig) -> SimpleNamespace:
    tokenizer = make_tokenizer(0)
    return SimpleNamespace(
        config=config,
        tokens=Tokens(tokenizer, None, EndTokens({}, (tokenizer.eos_token_id,), {})),
        reference=Writer(),
        backbone_identity=("m", "float32"),
        verifier=ExactVerifier(),
    )


@pytest.mark.parametrize(
    ("policy", "kept", "found"), [("keep", 3, []), ("report", 3, [2, 1]), ("drop", 1, [2, 1])]
)
def test_expert_solutions_with_a_false_step_are_counted_listed_and_dropped_on_request(
    tmp_path: Path, policy: str, kept: int, found: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    train, test = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    write_jsonl(train, [{"question": f"{name}?", "solution": text} for name, text in EXPERTS.items()])
    write_jsonl(test, [{"question": "test?", "solution": "5 - 4 = 2. #### 1"}])
    data = {"source": "file", "train": str(train), "test": str(test), "on_false_step": policy}
    config = RunConfig.model_validate(
        {"name": "r", "output_dir": tmp_path, "model": {"max_model_len": 400}, "data": data}
    )
    folder = config.folder / "prepare"
    counts = prepare(cast(Any, session(config)), folder, Progress("prepare"))
    assert (counts["train"], counts["test"], counts["false_step"]) == (kept, 1, 3 - kept)
    assert counts.get("experts_with_false_step") == (None if policy == "keep" else 2)
    assert [len(row["false_steps"]) for row in read_jsonl(folder / "false_steps.jsonl")] == found
    assert {row["reason"] for row in read_jsonl(folder / "left_out.jsonl")} == (
        {"false_step"} if kept == 1 else set()
    )
    told = "2 of 3 expert solutions hold a false step; the worst: 'two?', where '3 + 1 = 5 (the value is 4)' and 1 more"
    assert (told in capsys.readouterr().out) == (policy != "keep")


@pytest.mark.parametrize(
    ("checks", "stops"), [({}, False), ({"coverage": {"max_added": 1, "min_kept": 0}}, True)]
)
def test_checks_against_a_reference_that_err_too_often_stop_the_run(
    tmp_path: Path, checks: dict[str, Any], stops: bool
) -> None:
    rows = [
        {"question": f"Number {k}?", "solution": f"The box holds {k + 5} pens. It is kept on shelf {k}."}
        for k in range(24)
    ]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    data = {
        "source": "file",
        "train": str(tmp_path / "rows.jsonl"),
        "test_size": 4,
        "convention": "reference",
    }
    tree = {"name": "r", "output_dir": tmp_path, "model": {"max_model_len": 400}, "data": data}
    config = RunConfig.model_validate(tree | {"reward": {"reference": checks}})
    folder = config.folder / "prepare"
    with make_verifier(config.reward) as verifier:
        run = session(config)
        run.verifier = verifier
        if stops:
            with pytest.raises(
                ValueError, match="accept 20 of 20 references after this change: a number changed"
            ):
                prepare(cast(Any, run), folder, Progress("prepare"))
        else:
            assert prepare(cast(Any, run), folder, Progress("prepare"))["train"] == 20
    kinds = {row["change"]: row for row in read_jsonl(folder / "reference_errors.jsonl")}
    assert kinds["a number changed"]["error"] == "false acceptance"
    assert kinds["a number changed"]["passed"] == (20 if stops else 0)
