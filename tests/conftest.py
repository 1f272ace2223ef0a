"""Fixtures that every test directory shares."""

import gc
import hashlib
import json
import os
import secrets
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from rewriter_agent.config.data import LabData
from rewriter_agent.config.prompts import MATHEMATICS
from rewriter_agent.data import prompts
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.rewriting_template import template_path
from rewriter_agent.models.cache import cached_folder

# As `rewriter_agent.environment` sets it for commands; tqdm reads it when it is imported.
os.environ.setdefault("TQDM_DISABLE", "1")
# Ray reads its token once per process, so all clusters that tests start in this one share it.
os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))

# Ray Train looks every two seconds by default whether a training has ended.
os.environ.setdefault("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.5")

STATUS = pytest.StashKey[int]()

# Collecting the tests imports every library; the collector would scan them a thousand times.
gc.disable()

# A busy machine must not fail a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# The fixture imports `tiny` itself: it needs torch and transformers, which most tests do without.


@pytest.fixture(scope="session")
def tiny_backbone() -> Path:
    """Folder of a very small trained Llama with tokenizer and chat template; see `tiny.py`.

    Training takes about 20 s, so the folder is kept between test runs until its code or prompts change.
    """
    return _tiny(thinks=False)


@pytest.fixture(scope="session")
def thinking_backbone() -> Path:
    """The same for a model that reasons in `<think>` before it answers."""
    return _tiny(thinks=True)


def _tiny(thinks: bool) -> Path:
    from tests.helpers import tiny

    files = [Path(str(module.__file__)) for module in (tiny, prompts)]
    sources = b"".join(file.read_bytes() for file in (*files, template_path(MATHEMATICS)))
    name = f"tiny-{'thinks-' if thinks else ''}{hashlib.sha256(sources).hexdigest()[:12]}"
    build = partial(tiny.build_backbone, thinks=thinks)
    return cached_folder(Path(tempfile.gettempdir()) / "rewriter-agent-tests", name, build)


@pytest.fixture
def toy_problems(tmp_path: Path) -> Path:
    """Folder with train.jsonl (60 rows) and test.jsonl (20 rows): question, solution, answer."""
    problems = load_problems(LabData(num_train=60, num_test=20, style="terse"))
    folder = tmp_path / "toy_problems"
    folder.mkdir()
    for name, part in (("train", problems.train), ("test", problems.test)):
        rows = [{key: asdict(p)[key] for key in ("question", "solution", "answer")} for p in part]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that runs a part of the tests, by files."""
    parser.addoption(
        "--part", metavar="I/N", help="run part I of N: the test files are dealt to the parts in turn"
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the files of one part; a file stays whole, since its tests share what takes long."""
    if given := config.getoption("part"):
        part, parts = (int(number) for number in given.split("/"))
        if not 1 <= part <= parts:
            raise pytest.UsageError(f"--part {given}: give I/N with I between 1 and N, for example 1/4")
        files = sorted({item.path for item in items})
        kept = set(files[part - 1 :: parts])
        config.hook.pytest_deselected(items=[item for item in items if item.path not in kept])
        items[:] = [item for item in items if item.path in kept]


def pytest_collection_finish() -> None:
    """Let the garbage collector work again, which is paused while tests are imported."""
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End the process without finalisation, with pytest's status."""
    # Clusters started one after another in a process leave a thread of Ray's metrics exporter behind, which may crash
    # while the interpreter is taken down: https://github.com/ray-project/ray/pull/58952. The status of tests that have
    # passed would then be that of the crash. Workers of xdist end by themselves.
    # After other statuses pytest has still to print the mistake in its arguments.
    status = config.stash.get(STATUS, None)
    if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not hasattr(config, "workerinput"):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep the status for `pytest_unconfigure`."""
    session.config.stash[STATUS] = int(exitstatus)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Report the time of each file of more than half a minute."""
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.partition("::")[0]] += report.duration
    for file, spent in seconds.most_common():
        if spent > 30:
            terminalreporter.write_line(f"{spent:6.0f}s {file}")
