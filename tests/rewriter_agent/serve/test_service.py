"""The service gives the targets that the batch job writes."""

from pathlib import Path

import pyarrow.parquet as pq

from rewriter_agent.io.files import write_table
from rewriter_agent.io.progress import Progress
from rewriter_agent.io.value_cache import NoCache
from rewriter_agent.prepare.records import PREPARED
from rewriter_agent.prepare.stage import anchors
from rewriter_agent.rewrite.job import rewrite_file
from rewriter_agent.serve.schema import Row
from tests.helpers.fake_service import fake_service


def test_targets_are_those_of_the_batch_job(tmp_path: Path) -> None:
    service = fake_service()
    session = service.session
    rows = [
        Row(question=f"Question {i}?", solution=f"Counting gives it.\n#### {5 + i % 3}") for i in range(40)
    ]
    encoded = [session.tokens.encode(service._problem(row)) for row in rows]
    prepared = anchors(encoded, session.tokens, session, NoCache(), session.backbone_identity)
    write_table(tmp_path / "train.parquet", prepared, PREPARED)
    rewrite_file(
        tmp_path / "train.parquet",
        tmp_path,
        service.rewriter,
        service.origin,
        session.verifier.check_steps,
        Progress("rewrite"),
    )
    written = pq.read_table(tmp_path / "rewrites.parquet").to_pylist()
    keys = ("problem_id", "target_text", "outcome", "reason")
    answers = [service.rewrite(row) for row in rows]
    assert [tuple(row[key] for key in keys) for row in written] == [
        (answer.id, answer.target, answer.outcome, answer.reason) for answer in answers
    ]
    assert {answer.outcome for answer in answers} == {"rewritten", "expert_fallback"}
