"""The run that the end-to-end tests look at."""

import pytest

from tests.helpers.killed_run import WholeRun, run_whole


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> WholeRun:
    return run_whole(tmp_path_factory.mktemp("whole_run"))
