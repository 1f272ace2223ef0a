"""Behaviour log-probs are checked against what their model says of the same tokens given the same prompt."""

from pathlib import Path
from typing import Any, cast

import pytest

from rewriter_agent.io.files import write_table
from rewriter_agent.prepare.records import PREPARED
from rewriter_agent.rewrite.check_logprobs import ROWS, check_logprobs
from rewriter_agent.rewrite.record import REWRITES
from tests.helpers.groups import RecordingFleet, fake_logprobs

IDS = [*map(ord, "It is 5."), 0]


def row(number: int, **changed: Any) -> dict[str, Any]:
    logprobs = {"behavior": "backbone", "behavior_logprobs": fake_logprobs(IDS)}
    written = {"problem_id": f"p{number}", "target_ids": IDS, "writer": "policy", "prompt_kind": "rewriting"}
    return {**logprobs, **written, **changed}


def problem(name: str) -> dict[str, Any]:
    asked = f"How many? {name}"
    return {
        "id": name,
        "prompt_ids": [*map(ord, asked)],
        "rewriting_prompt_ids": [*map(ord, f"{asked} Five.")],
    }


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
    assert policy.asked == []
    assert "".join(map(chr, backbone.asked[0].prompt_ids)).startswith("How many?")


def test_those_of_the_rewriter_are_checked_under_its_prompt_at_temperature_one_only(tmp_path: Path) -> None:
    rows = [row(1, behavior="rewriter"), row(2, behavior="rewriter", writer="backbone"), row(3)]
    found, backbone, policy = check(tmp_path, rows)
    assert found["rescored"] == 3
    assert ["".join(map(chr, request.prompt_ids)) for request in policy.asked] == ["How many? p1 Five."]
    assert len(backbone.asked) == 2
    assert check(tmp_path, rows, temperature=0.7)[0]["rescored"] == 1


def test_rows_of_other_weights_are_refused_with_the_worst_one(tmp_path: Path) -> None:
    off = [value - 1 for value in fake_logprobs(IDS)]
    with pytest.raises(ValueError, match=r"0\.500 nats a token off.*worst: 1\.000, problem p2"):
        check(tmp_path, [row(1), row(2, behavior_logprobs=off)])
