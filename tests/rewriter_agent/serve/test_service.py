"""The service gives the targets that the batch job writes."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pyarrow.parquet as pq
import pytest

import rewriter_agent.serve.service as service_module
from rewriter_agent.config import RunConfig
from rewriter_agent.io.files import write_table
from rewriter_agent.io.progress import Progress
from rewriter_agent.io.value_cache import NoCache
from rewriter_agent.prepare.records import PREPARED
from rewriter_agent.prepare.stage import anchors
from rewriter_agent.rewrite.job import rewrite_file
from rewriter_agent.rewrite.record import Provenance
from rewriter_agent.serve.schema import Row
from rewriter_agent.serve.service import RewritingService
from tests.helpers.fake_service import FailingFleet, fake_service, service_config


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


class ChangingSession(SimpleNamespace):
    """A fake session that can switch to another config."""

    def use_config(self, config: RunConfig) -> None:
        self.config = config


@pytest.fixture
def changing(monkeypatch: pytest.MonkeyPatch) -> RewritingService:
    """Service whose rewriters are folders that name their steps; loading takes a while."""

    def steps(folder: Path) -> int:
        if not folder.name.isdecimal():
            raise ValueError("no rewriter")
        return int(folder.name)

    def load(session: ChangingSession, _: Progress) -> int:
        time.sleep(0.1)
        return steps(session.config.rewrite.rewriter)

    monkeypatch.setattr(service_module, "read_rewriter", lambda folder, *_: steps(folder))
    monkeypatch.setattr(service_module, "load_rewriter", load)
    rewrite = {"strategy": "policy", "num_generations": 8, "max_completion_length": 64, "rewriter": "/of/1"}
    made = fake_service(FailingFleet(0.02), service_config(rewrite=rewrite))
    session = ChangingSession(**vars(made.session))
    session.tokens.tokenizer = None
    origin = Provenance(made.origin.config, 1, made.origin.seed)
    return RewritingService(cast(Any, session), made.rewriter, origin)


def test_a_rewriter_is_changed_between_rows(changing: RewritingService) -> None:
    rows = [Row(question=f"Question {i}?", solution="Counting gives it.\n#### 5") for i in range(40)]
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(changing.rewrite, row) for row in rows]
        while not answers[4].done():
            time.sleep(0.001)
        changing.use_rewriter(Path("/of/2"))
        steps = [answer.result().versions.rewriter_steps for answer in answers]
    assert steps == sorted(steps, key=lambda step: step or 0)
    assert set(steps) == {1, 2}


def test_a_rewriter_that_cannot_be_used_leaves_the_old_one(changing: RewritingService) -> None:
    with pytest.raises(ValueError, match="no rewriter"):
        changing.use_rewriter(Path("/of/none"))
    assert changing.versions.rewriter_steps == 1
    with pytest.raises(ValueError, match="strategy=best_of_n uses no rewriter"):
        fake_service().use_rewriter(Path("/of/2"))
