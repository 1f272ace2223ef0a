"""Log-probs are checked against the present ones of their model, for the same tokens and the same prompt."""

from pathlib import Path
from typing import Any, cast

import pytest

from cluster.types import ScoreRequest
from rewriter_agent.io.files import write_table
from rewriter_agent.prepare.records import PREPARED
from rewriter_agent.rewrite.check_logprobs import ROWS, check_logprobs
from rewriter_agent.rewrite.record import REWRITES
from tests.helpers.groups import RecordingFleet, fake_logprobs

IDS = [*map(ord, "It is 5."), 0]


def row(number: int, **changed: Any) -> dict[str, Any]:
    logprobs = {"behavior_logprobs": fake_logprobs(IDS), "prior_logprobs": fake_logprobs(IDS)}
    written = {"problem_id": f"p{number}", "target_ids": IDS, "writer": "policy", "prompt_kind": "rewriting"}
    return {**logprobs, **written, **changed}


def problem(name: str) -> dict[str, Any]:
    asked = f"How many? {name}"
    return {
        "id": name,
        "prompt_ids": [*map(ord, asked)],
        "rewriting_prompt_ids": [*map(ord, f"{asked} Five.")],
    }


def asked(request: ScoreRequest) -> str:
    return "".join(map(chr, request.prompt_ids))


def check(folder: Path, rows: list[dict[str, Any]], temperature: float = 1.0) -> tuple[Any, ...]:
    path, prepared = folder / "rewrites.parquet", folder / "train.parquet"
    write_table(path, rows, REWRITES)
    write_table(prepared, [problem(row["problem_id"]) for row in rows], PREPARED)
    backbone, policy = RecordingFleet(), RecordingFleet()
    fleets = cast(Any, {"backbone": backbone, "policy": policy})
    return check_logprobs(path, prepared, fleets, temperature, 0), backbone, policy


def test_rows_that_agree(tmp_path: Path) -> None:
    found, backbone, policy = check(tmp_path, [row(i) for i in range(ROWS + 20)])
    assert found["rescored"] == ROWS == len(backbone.asked)
    assert found["rescored_difference"] == found["rescored_worst"] == pytest.approx(0, abs=1e-6)
    assert found["behavior_rescored"] == ROWS == len(policy.asked)
    assert found["behavior_rescored_worst"] == pytest.approx(0, abs=1e-6)
    assert not any(asked(backbone).endswith("Five.") for backbone in backbone.asked)
    assert all(asked(policy).endswith("Five.") for policy in policy.asked)


def test_behaviour_is_checked_with_the_writer_under_its_prompt_at_temperature_one_only(
    tmp_path: Path,
) -> None:
    own = row(2, writer="backbone", prompt_kind="question")
    expert = row(4, writer=None, prompt_kind=None, behavior_logprobs=[0.0] * len(IDS))
    quoting = row(5, behavior="expert", behavior_logprobs=[0.0] * len(IDS))
    rows = [row(1), own, row(3, writer="backbone"), expert, quoting]
    found, backbone, policy = check(tmp_path, rows)
    assert (found["rescored"], found["behavior_rescored"]) == (5, 3)
    assert list(map(asked, policy.asked)) == ["How many? p1 Five."]
    question = [f"How many? p{number}" for number in (1, 2, 3, 4, 5)]
    assert list(map(asked, backbone.asked)) == [*question, "How many? p2", "How many? p3 Five."]
    for temperature in (0.0, 0.7):
        found, backbone, policy = check(tmp_path, rows, temperature)
        assert (found["rescored"], len(backbone.asked), policy.asked) == (5, 5, [])
        assert "behavior_rescored" not in found
    assert "behavior_rescored" not in check(tmp_path, [expert, quoting])[0]


def test_rows_of_other_weights_are_refused_with_the_worst_one(tmp_path: Path) -> None:
    off = [value - 1 for value in fake_logprobs(IDS)]
    for column in ("behavior_logprobs", "prior_logprobs"):
        message = rf"the {column} of 2 rows .*0\.500 nats a token off.*worst: 1\.000, problem p2"
        with pytest.raises(ValueError, match=message):
            check(tmp_path, [row(1), row(2, **{column: off})])
