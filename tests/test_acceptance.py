"""The acceptance: which parts are run where, what the page says, and what it imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.acceptance import parts
from benchmarks.acceptance.__main__ import error_line, main, run
from benchmarks.acceptance.page import Outcome, page
from benchmarks.acceptance.parts import PARTS, Part
from benchmarks.acceptance.rows import Row, read_rows, write_rows

ROOT = Path(__file__).parents[1]
BY_NAME = {part.name: part for part in PARTS}
PART = Part("weights", "Weights", "torch_parts", ())


def test_parts_are_left_out_with_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BY_NAME["weights"].obstacle("cpu", 0, with_engines=False) is None
    assert BY_NAME["sleep"].obstacle("cpu", 0, with_engines=True) == "needs a GPU"
    assert BY_NAME["sequence_parallel"].obstacle("cuda", 1, True) == "needs 2 GPUs, and there are 1"
    assert BY_NAME["engines"].obstacle("cuda", 1, False) == "needs engines (--without-engines)"
    monkeypatch.setattr(parts, "find_spec", lambda name: None if name == "deepspeed" else name)
    assert BY_NAME["tuning"].obstacle("cuda", 1, True) == "needs the packages deepspeed"
    assert BY_NAME["learner"].obstacle("cuda", 1, True) is None


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    rows = [Row("a", 1.5, "GiB", 0.1, 2.0), Row("b", 2.0)]
    write_rows(tmp_path / "rows.json", rows)
    assert read_rows(tmp_path / "rows.json") == rows
    assert read_rows(tmp_path / "none.json") == []


def test_the_page_has_each_part_with_its_numbers_or_its_reason() -> None:
    cpu = {"loss": Row("loss", 1.0), "speed": Row("speed", 10.0)}
    near = Outcome(PART, [Row("loss", 1.01, "", 0.02), Row("speed", 900.0, "tokens/s")], cpu, 12)
    far = Outcome(PART, [Row("loss", 1.05, "", 0.02)], cpu)
    text = page(
        {"device": "cpu"},
        [near, far, Outcome(PART, not_run="needs a GPU"), Outcome(PART, failure="OSError: a | b")],
    )
    assert "| Weights | ran (12 s) |" in text
    assert "| Weights | failed: not near the CPU's: loss |" in text
    assert "| Weights | not run: needs a GPU |" in text
    assert "| Weights | failed: OSError: a \\| b |" in text
    assert "| loss |  | 1.01 | 1 | 0.02 |  |" in text
    assert "| speed | tokens/s | 900 | 10 |  |  |" in text


def test_a_value_that_is_no_number_fails() -> None:
    assert Outcome(PART, [Row("loss", float("nan"))]).verdict == "failed: not near the CPU's: loss"


def test_the_cause_is_the_last_line_that_names_an_error() -> None:
    log = "Traceback (most recent call last):\n  File x\nValueError: too small\n(process ended)\n"
    assert error_line(log) == "ValueError: too small"
    assert (
        error_line("torch.OutOfMemoryError: CUDA out of memory\n")
        == "torch.OutOfMemoryError: CUDA out of memory"
    )
    assert error_line("Segmentation fault\n") == "Segmentation fault"
    assert error_line("") == "no output"


def test_a_part_that_fails_says_why(tmp_path: Path) -> None:
    failure = run(Part("weights", "", "no_such_module", ()), "no_device", tmp_path / "weights")
    # The process takes its part from PARTS: a device that does not exist makes it fail.
    assert failure is not None
    assert failure.startswith("RuntimeError")
    assert failure.endswith("(status 1, weights.log)")


def test_the_service_names_the_run_that_it_needs(tmp_path: Path) -> None:
    failure = run(BY_NAME["service"], "cpu", tmp_path / "service")
    assert failure is not None
    assert failure.startswith("ValueError: ")
    assert "is no finished run: give --only whole_run service" in failure


def test_parts_without_a_gpu_run_to_the_page(tmp_path: Path) -> None:
    options = ["--device", "cpu", "--without-engines", "--only", "weights", "sleep", "engines"]
    assert main([*options, "--output", str(tmp_path / "out")]) == 0
    text = (tmp_path / "out" / "acceptance.md").read_text()
    assert "mean weight, sequence_is" in text
    assert "| Engine that sleeps and wakes up | not run: needs a GPU |" in text
    assert (
        "| Engine with adapter and with merged weights | not run: needs engines (--without-engines) |" in text
    )


def test_no_engine_is_imported_without_engines() -> None:
    modules = "benchmarks.acceptance.__main__, benchmarks.acceptance.torch_parts"
    blocked = "sys.modules.update(dict.fromkeys(['ray', 'vllm', 'trl', 'peft', 'deepspeed', 'datasets']))"
    code = f"import sys; {blocked}; import {modules}"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
