"""The run that the end-to-end tests look at."""

from pathlib import Path

import pytest
from killed_run import WholeRun, run_whole


@pytest.fixture(scope="session")
def whole_run(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> WholeRun:
    return run_whole(tiny_backbone, tmp_path_factory.mktemp("whole_run"))
