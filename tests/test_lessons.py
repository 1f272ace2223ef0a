"""The table of the targets of a study on lessons."""

import json
from pathlib import Path

import pytest

from benchmarks.lessons import by_steps, lesson
from rewriter_agent.data.lab_world.reader import claims, unread

DATA = Path(__file__).parents[1] / "benchmarks" / "data"
EXPERT = "10 * 3 = 30; 30 zorb = 63; 63 - 3 = 60\n#### 60"


@pytest.mark.parametrize("name", ["lessons-train.jsonl", "lessons-test.jsonl"])
def test_the_experts_steps_are_read_and_true(name: str) -> None:
    for line in (DATA / name).read_text().splitlines():
        text = json.loads(line)["solution"]
        found = claims(text)
        assert len(found) == len(text.split("; "))
        assert all(claim.true for claim in found), text
        assert not unread(text)
        assert lesson(text, text) == "named"


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("First 10 * 3 = 30. Then 30 zorb = 63. So 63 - 3 = 60.", "named"),
        ("First 10 * 3 = 30. Then 30 + 33 = 63. So 63 - 3 = 60.", "hidden"),
        ("10 times 3 is 30. 33 more than 30 makes 63. So 63 - 3 = 60.", "hidden"),
        ("First 10 * 3 = 30. So 63 - 3 = 60.", "false"),
    ],
)
def test_the_way_over_the_new_step(text: str, way: str) -> None:
    assert lesson(f"{text}\n#### 60", EXPERT) == way


def test_acceptance_is_told_for_each_eight_steps_of_training(tmp_path: Path) -> None:
    assert by_steps(tmp_path) == ""
    rows = [
        {"step": step, "reward_terms/gate_mean": (step > 8) / 4, "frac_reward_zero_std": 0.5}
        for step in range(1, 11)
    ]
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert (
        by_steps(tmp_path) == "    accepted by steps: 1-8: 0.0, 9-10: 25.0; groups with equal rewards: 50.0"
    )
