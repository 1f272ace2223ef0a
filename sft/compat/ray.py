"""Private parts of Ray Train."""

import os
from collections.abc import Generator
from contextlib import contextmanager

from .version import check_version

VERSION = "2.60"


@contextmanager
def controller_env(start_timeout: float) -> Generator[None]:
    """Set environment variables for Ray Train's controller: the address of its cluster, and the start timeout.

    Without RAY_ADDRESS, Ray Train monitors its controller through the newest cluster on this machine. If that is
    another cluster, the controller seems dead and its workers lose their cores. If that cluster was killed, the end of
    every training waits for it in vain. Ray Train passes on the variables of a private list only. Its option
    `worker_runtime_env` (https://github.com/ray-project/ray/pull/52421) is for workers, not for the controller, and
    the address of a cluster is not known before `ray.init`, which takes the environment of all.
    """
    import ray
    from ray.train.v2._internal.constants import ENV_VARS_TO_PROPAGATE

    check_version("ray", ray.__version__, VERSION)
    ENV_VARS_TO_PROPAGATE.add("RAY_ADDRESS")
    variables = {
        "RAY_ADDRESS": ray.get_runtime_context().gcs_address,
        "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": str(start_timeout),
    }
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
