"""Errors of the checks against a reference, by gold answers that the run did not see."""

import json
from pathlib import Path

from benchmarks.hidden_gold import measure
from rewriter_agent.config import RunConfig
from rewriter_agent.data.problem import problem_id
from rewriter_agent.io.files import write_table
from rewriter_agent.rewrite.record import CANDIDATES
from rewriter_agent.runtime.run_folder import RunFolder


def test_accepted_texts_without_the_gold_answer_are_false_acceptances(tmp_path: Path) -> None:
    rows = [{"question": f"q{n}?", "solution": f"It is green {n}.", "gold": f"green {n}"} for n in range(2)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = RunConfig.model_validate(
        {
            "name": "r",
            "output_dir": tmp_path,
            "model": {},
            "data": {"source": "file", "train": str(tmp_path / "train.jsonl"), "convention": "reference"},
        }
    )
    written = [
        ("q0?", "Green 0, I think.", None),
        ("q0?", "It is red.", None),
        ("q1?", "Green 1 it is.", "wrong_answer"),
        ("q1?", "No idea.", "wrong_answer"),
        ("q1?", "Red.", "leak"),
    ]
    table = [
        {"problem_id": problem_id(question), "text": text, "gate": reason is None, "reason": reason}
        for question, text, reason in written
    ]
    write_table(RunFolder(config.folder).rewrite.candidates, table, CANDIDATES)
    found = measure(config, "gold", "contains")
    counts = {name: (error.accepted, error.trials) for name, error in found.items()}
    assert counts == {"false acceptance": (1, 2), "false rejection": (1, 2)}
