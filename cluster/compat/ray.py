"""Private parts of Ray."""

from collections.abc import Generator
from contextlib import contextmanager

from .version import check_version

VERSION = "2.60"


def check_ray() -> None:
    """Check Ray's version.

    Raises:
        ImportError: this module was written for another one.
    """
    import ray

    check_version("ray", ray.__version__, VERSION)


@contextmanager
def one_machine_only() -> Generator[None]:
    """Have `ray.init` assume inside the block that clusters of several machines are unsupported, as on macOS.

    Ray's servers then listen on loopback only. Ray reads the environment variable for it
    (https://github.com/ray-project/ray/issues/30770) only once, on import, and has no other setting.
    """
    from ray._private import ray_constants

    check_ray()
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def newest_cluster() -> str:
    """Address that `auto` means to `ray.init`: of the cluster that was started last on this machine.

    Known in advance, it can be checked before `ray.init` tries to join, and named if nothing answers.

    Raises:
        ConnectionError: there is no cluster.
    """
    from ray._private.services import get_ray_address_from_environment

    check_ray()
    return get_ray_address_from_environment("auto", None)
