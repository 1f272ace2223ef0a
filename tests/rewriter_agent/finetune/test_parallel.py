"""Fine-tunings as Ray tasks."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import ray

from rewriter_agent.finetune.parallel import run_jobs
from rewriter_agent.io.progress import Progress
from sft.config.sft import SFTConfig
from sft.job import SFTJob

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two_cpus() -> Generator[None]:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def jobs(folder: Path, count: int, **changes: Any) -> list[SFTJob]:
    sft = SFTConfig(num_workers=1)
    return [
        SFTJob(
            model=folder,
            rows=folder / "rows",
            end_token_ids=(2,),
            output_dir=folder / str(number),
            sft=sft,
            **changes,
        )
        for number in range(count)
    ]


def test_a_failing_job_leaves_the_others_alone(tmp_path: Path, two_cpus: None) -> None:
    def work(job: dict[str, Any]) -> None:
        place = Path(job["output_dir"])
        place.with_suffix(".begun").touch()
        assert len(list(tmp_path.glob("*.begun"))) - len(list(tmp_path.glob("*.done"))) <= 2
        place.with_suffix(".done").touch()
        if place.name == "1":
            raise ValueError("no rows; make some")

    failed = run_jobs(jobs(tmp_path, 5), 2, Progress("sweep"), work)
    assert failed == {str(tmp_path / "1"): "no rows; make some"}
    assert sorted(path.stem for path in tmp_path.glob("*.done")) == ["0", "1", "2", "3", "4"]


def test_jobs_that_train_in_their_task_share_its_process(tmp_path: Path, two_cpus: None) -> None:
    def work(job: dict[str, Any]) -> None:
        Path(job["output_dir"]).with_suffix(".pid").write_text(
            f"{os.getpid()} {os.environ['OMP_NUM_THREADS']}"
        )

    assert run_jobs(jobs(tmp_path, 3, in_process=True, threads=1), 1, Progress("sweep"), work) == {}
    found = {path.read_text() for path in tmp_path.glob("*.pid")}
    assert len(found) == 1
    assert found.pop().endswith(" 1")


def test_a_task_whose_process_is_killed_goes_on(tmp_path: Path, two_cpus: None) -> None:
    def work(job: dict[str, Any]) -> None:
        tries = Path(job["output_dir"]).with_suffix(".tries")
        with tries.open("a") as file:
            file.write("x")
        if job["output_dir"].endswith("1") or len(tries.read_text()) == 1:
            os.kill(os.getpid(), 9)

    failed = run_jobs(jobs(tmp_path, 2, in_process=True, max_failures=1), 1, Progress("sweep"), work)
    assert list(failed) == [str(tmp_path / "1")]
    assert (tmp_path / "0.tries").read_text() == "xx"
