"""Rows of general data: read, answered, scored, and mixed in."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ray.exceptions import RayTaskError

from cluster.types import Completion, GenerateRequest, Scored, ScoreRequest
from rewriter_agent.cli import main
from rewriter_agent.config import RunConfig
from rewriter_agent.data.lab_world.skills import SKILLS, retention_items
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.finetune.rows import with_replay
from rewriter_agent.finetune.stage import replayed
from rewriter_agent.io.files import write_jsonl
from rewriter_agent.io.progress import Progress
from rewriter_agent.lab.tokenizer import make_tokenizer
from rewriter_agent.models.end_tokens import EndTokens
from rewriter_agent.pipeline import DATASET, REPLAY, REWRITE, SFT_EXPERT, SFT_REWRITTEN
from rewriter_agent.replay.stage import replay
from rewriter_agent.replay.texts import read_texts
from rewriter_agent.runtime.fingerprints import replay_hash
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.runtime.session import Session
from sft.config.sft import SFTConfig
from sft.data.rows import SFTRow, read_rows, write_rows
from sft.job import SFTJob
from tests.helpers.groups import RecordingFleet, fake_logprobs

TOKENIZER = make_tokenizer(0)
END = TOKENIZER.eos_token_id
ANSWER = [*TOKENIZER.encode("an answer", add_special_tokens=False), END]


class Writer(RecordingFleet):
    """Fake engine that answers; of each call's answers the last is cut."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: list[GenerateRequest] = []

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        self.prompts += requests
        whole = Completion(ANSWER, [-0.25] * len(ANSWER), True, 0)
        cut = Completion(ANSWER[:-1], [-0.25] * (len(ANSWER) - 1), False, 0)
        return [whole] * (len(requests) - 1) + [cut]


def made_up(folder: Path, model: str = "lab", **section: Any) -> tuple[Session, Writer]:
    config = RunConfig.model_validate(
        {
            "name": "r",
            "output_dir": folder,
            "model": {"name_or_path": model, "max_model_len": 400},
            "data": {"source": "lab"},
            "prepare": {"shard_size": 2, "max_completion_length": 100},
            "sft": {"replay": section, "max_length": 64},
        }
    )
    fleet = Writer()
    session = SimpleNamespace(
        config=config,
        folder=RunFolder(config.folder),
        tokens=Tokens(TOKENIZER, None, EndTokens({END: "made up"}, (END,), {})),
        reference=fleet,
    )
    return cast(Session, session), fleet


def prompts_file(folder: Path, *rows: dict[str, object]) -> Path:
    write_jsonl(folder / "general.jsonl", list(rows))
    return folder / "general.jsonl"


def test_own_answers_are_rows_with_both_log_probs(tmp_path: Path) -> None:
    path = prompts_file(tmp_path, *({"prompt": f"Question {name}?"} for name in "abcd"))
    session, fleet = made_up(tmp_path, path=path)
    folder = session.folder.stage("replay")
    counts = replay(session, folder.path, Progress("replay"))
    generated = 4 * len(ANSWER) - 2
    assert counts == {
        "texts": 4,
        "rows": 2,
        "rollouts": 4,
        "generated_tokens": generated,
        "scored_tokens": 2 * len(ANSWER),
    }
    rows = read_rows(folder.rows)
    assert {(row.outcome, row.behavior) for row in rows} == {("replay", "backbone")}
    assert [
        TOKENIZER.decode(row.prompt_ids).count(f"Question {name}?")
        for row, name in zip(rows, "ac", strict=True)
    ]
    for row in rows:
        assert row.completion_ids == ANSWER
        assert row.behavior_logprobs == [-0.25] * len(ANSWER)
        assert row.prior_logprobs == pytest.approx(fake_logprobs(ANSWER))
    assert len({request.seed for request in fleet.prompts}) == 4
    # A job that was killed after a shard.
    (folder.path / "shards" / "part-00001.parquet").unlink()
    before = folder.rows.read_bytes()
    assert replay(session, folder.path, Progress("replay")) == counts
    assert len(fleet.prompts) == 6
    assert folder.rows.read_bytes() == before


class Failing(RecordingFleet):
    """Fake engine that fails at completions of more than five tokens."""

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        return []

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        if any(len(request.completion_ids) > 5 for request in requests):
            raise RayTaskError("score", "", ValueError("no such token"))
        return super().score(requests)


def test_a_text_at_which_an_engine_fails_is_left_out(tmp_path: Path) -> None:
    replies = ["yes", "yes yes yes yes yes yes", "no"]
    path = prompts_file(tmp_path, *({"prompt": "Well?", "completion": reply} for reply in replies))
    session, _ = made_up(tmp_path, source="file", path=path)
    session.reference = Failing()
    folder = session.folder.stage("replay")
    counts = replay(session, folder.path, Progress("replay"))
    rows = read_rows(folder.rows)
    assert {TOKENIZER.decode(row.completion_ids[:-1]) for row in rows} == {"yes", "no"}
    assert counts == {"texts": 3, "rows": 2, "scored_tokens": sum(len(row.completion_ids) for row in rows)}


def test_a_files_completions_are_point_masses(tmp_path: Path) -> None:
    path = prompts_file(
        tmp_path, {"prompt": "Say hello.", "completion": "Hello!"}, {"prompt": "x", "completion": "y " * 500}
    )
    session, fleet = made_up(tmp_path, source="file", path=path)
    folder = session.folder.stage("replay")
    counts = replay(session, folder.path, Progress("replay"))
    (row,) = read_rows(folder.rows)
    assert counts == {"texts": 2, "rows": 1, "scored_tokens": len(row.completion_ids)}
    assert TOKENIZER.decode(row.completion_ids[:-1]) == "Hello!"
    assert row.completion_ids[-1] == END
    assert (row.behavior, row.behavior_logprobs) == ("expert", [0.0] * len(row.completion_ids))
    assert fleet.prompts == []


def test_no_answer_that_ended_is_one_message(tmp_path: Path) -> None:
    session, _ = made_up(tmp_path, path=prompts_file(tmp_path, {"prompt": "a?"}))
    with pytest.raises(
        ValueError, match=r"no completion of the 1 prompts of sft.replay ended within prepare"
    ):
        replay(session, session.folder.stage("replay").path, Progress("replay"))


@pytest.mark.parametrize(
    ("model", "first"), [("lab", "What is 81 + 94?"), ("smollm2-135m-instruct", "What causes")]
)
def test_the_package_brings_prompts(tmp_path: Path, model: str, first: str) -> None:
    texts = read_texts(made_up(tmp_path, model)[0].config)
    assert len(texts) == len({text.prompt for text in texts}) >= 50
    assert all(text.prompt.strip() and text.completion is None for text in texts)
    assert first in texts[0].prompt


def test_no_prompt_of_the_laboratory_is_an_item_of_retention(tmp_path: Path) -> None:
    asked = {text.prompt for text in read_texts(made_up(tmp_path)[0].config)}
    measured = {
        item.prompt for name in SKILLS for seed in range(3) for item in retention_items(name, 25, seed)
    }
    assert not asked & measured


def test_the_file_decides_what_is_stale(tmp_path: Path) -> None:
    path = prompts_file(tmp_path, {"prompt": "a?"})
    config = made_up(tmp_path, path=path)[0].config
    before = REPLAY.fingerprint(config)
    prompts_file(tmp_path, {"prompt": "another?"})
    assert REPLAY.fingerprint(config) != before
    assert replay_hash(made_up(tmp_path)[0].config).keys() == {"lab world"}
    assert replay_hash(made_up(tmp_path, "other")[0].config).keys() == {"prompts.txt"}


def test_a_large_file_is_sampled_by_the_seed(tmp_path: Path) -> None:
    path = prompts_file(tmp_path, *({"prompt": f"{number}?"} for number in range(100)))
    config = made_up(tmp_path, path=path, max_texts=10)[0].config
    texts = read_texts(config)
    assert len(texts) == len(set(texts)) == 10
    assert texts == read_texts(config)
    assert texts != sorted(texts, key=lambda text: int(text.prompt[:-1]))
    assert texts != read_texts(config.model_copy(update={"seed": 1}))


@pytest.mark.parametrize(
    ("source", "rows", "message"),
    [
        ("own", [], "has no row"),
        ("own", [{"question": "a"}], "line 1: column 'prompt' is missing"),
        ("own", [{"prompt": "a"}, {"prompt": " "}], "line 2: column 'prompt' is empty"),
        ("file", [{"prompt": "a"}], "line 1: column 'completion' is missing"),
        ("file", [{"prompt": "a", "completion": 3}], "column 'completion' holds a int, not text"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_message(
    tmp_path: Path, source: str, rows: list[dict[str, object]], message: str
) -> None:
    path = prompts_file(tmp_path, *rows)
    with pytest.raises(ValueError, match="sft.replay.path: .*" + message) as error:
        read_texts(made_up(tmp_path, source=source, path=path)[0].config)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"sft.replay.path: there is no file"):
        read_texts(made_up(tmp_path, path=tmp_path / "none.jsonl")[0].config)


def test_plan_refuses_texts_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("{name: r, model: {name_or_path: lab}, data: {source: lab}}")
    assert main(["plan", str(config), "--set", "sft.replay={path: none.jsonl}"]) == 2
    assert "sft.replay.path: there is no file" in capsys.readouterr().err


def row(tokens: int, outcome: str) -> SFTRow:
    return SFTRow([5], [6] * tokens, None, "none", outcome)


@pytest.mark.parametrize(
    ("targets", "share", "replays", "used"),
    [(19, 0.05, 1, 1), (95, 0.05, 3, 5), (3, 0.5, 4, 3), (2, 0.01, 4, 1)],
)
def test_the_share_is_that_of_all_rows_that_fit(
    tmp_path: Path, targets: int, share: float, replays: int, used: int
) -> None:
    session, _ = made_up(tmp_path, share=share)
    given = [row(3 + number, "replay") for number in range(replays)]
    write_rows([row(90, "replay"), *given], session.folder.stage("replay").rows)
    rows = with_replay(session, [*[row(4, "rewritten")] * targets, row(90, "rewritten")], share)
    added = rows[targets + 1 :]
    assert added == [given[number % replays] for number in range(used)]
    write_rows(rows, tmp_path / "rows.parquet")
    job = SFTJob.model_construct(rows=tmp_path / "rows.parquet", sft=session.config.sft)
    tokens = sum(len(one.completion_ids) for one in added)
    assert replayed(job) == {
        "replay_rows": used,
        "replay_share": round(used / (targets + used), 4),
        "replay_token_share": round(tokens / (tokens + 4 * targets), 4),
    }


def test_replay_rows_that_are_all_too_long_are_one_message(tmp_path: Path) -> None:
    session, _ = made_up(tmp_path)
    write_rows([row(90, "replay")], session.folder.stage("replay").rows)
    with pytest.raises(
        ValueError, match=r"no row of sft.replay has at most sft.max_length=64 tokens; raise it"
    ):
        with_replay(session, [row(4, "rewritten")], 0.05)


def test_only_fine_tuning_on_the_targets_depends_on_replay(tmp_path: Path) -> None:
    session, _ = made_up(tmp_path)
    config = session.config
    plain = config.model_copy(update={"sft": config.sft.model_copy(update={"replay": None})})
    assert [REPLAY.wanted(one) for one in (config, plain)] == [True, False]
    for stage in (REWRITE, DATASET, SFT_EXPERT):
        assert stage.fingerprint(config) == stage.fingerprint(plain)
    assert SFT_REWRITTEN.fingerprint(config) != SFT_REWRITTEN.fingerprint(plain)
    assert REPLAY in SFT_REWRITTEN.before(config)


def test_replay_rows_have_a_plain_loss_unless_they_have_a_rule() -> None:
    sft = SFTConfig.model_validate({"weight": {"kind": "token_is"}, "replay": {}})
    assert (sft.rule("replay").kind, sft.rule("rewritten").kind) == ("none", "token_is")
    ruled = SFTConfig.model_validate({"replay": {}, "outcome_weights": {"replay": {"kind": "dft"}}})
    assert ruled.rule("replay").kind == "dft"
