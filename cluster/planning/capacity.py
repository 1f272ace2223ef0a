"""Waiting, for a limited time, until a cluster's machines are up and have free capacity."""

import time
from collections.abc import Collection, Sequence

import ray
from ray.autoscaler.sdk import request_resources
from ray.util.placement_group import placement_group, remove_placement_group

from cluster.config import ClusterConfig
from cluster.types import LogLine

from .machine import Machine, machines_from_ray
from .plan import Plan, make_plan, wanted_roles
from .roles import Role
from .workload import Workload

QUIET_SECONDS = 5
"""Seconds of waiting before the user is told about it."""
POLL_SECONDS = 2
KEY = "cluster.wait_timeout"


def wait_for_plan(
    config: ClusterConfig,
    work: Workload,
    machines: Sequence[Machine],
    roles: Collection[str] | None,
    seconds: float,
    log: LogLine,
) -> Plan:
    """Return the first plan that fits these machines, or these and others that join within `seconds`.

    An autoscaler, if there is one, is asked for the missing machines.

    Raises:
        ValueError: no plan fits after `seconds`; the message names the role and the shortage.
    """
    deadline = time.monotonic() + seconds
    requested = False
    try:
        while True:
            try:
                return make_plan(config, work, machines, roles)
            except ValueError as error:
                if time.monotonic() >= deadline:
                    waited = f" No more machines joined within {seconds:g} s ({KEY})." if seconds else ""
                    raise ValueError(f"{error}{waited}") from None
                if not requested:
                    log(f"waiting up to {seconds:g} s for more machines ({KEY}): {error}")
                    requested = True
                    wanted = wanted_roles(config, work, machines, roles)
                    bundles, labels = _bundles(largest_phase(wanted))
                    selectors = labels if any(labels) else None
                    request_resources(bundles=bundles, bundle_label_selectors=selectors)
            time.sleep(POLL_SECONDS)
            machines = machines_from_ray(ray.nodes())
    finally:
        if requested:
            request_resources(bundles=[])


def wait_for_capacity(roles: Sequence[Role], seconds: float, log: LogLine) -> None:
    """Return when Ray has free capacity for all processes of the roles at the same time.

    An autoscaler, if there is one, starts the missing machines.

    Raises:
        ValueError: the capacity is not free after `seconds`; the message names the roles and the shortage.
    """
    bundles, labels = _bundles(roles)
    if not bundles:
        return
    group = placement_group(bundles, bundle_label_selector=labels if any(labels) else None)
    try:
        if group.wait(min(QUIET_SECONDS, seconds)):
            return
        log(f"waiting up to {seconds:g} s for capacity ({KEY}): {_shortfall(roles)}")
        if not group.wait(max(0, seconds - QUIET_SECONDS)):
            raise ValueError(
                f"no capacity within {seconds:g} s ({KEY}): {_shortfall(roles)}. Wait for other jobs to end, request "
                f"fewer processes, or raise {KEY}."
            )
    finally:
        remove_placement_group(group)


def largest_phase(roles: Sequence[Role]) -> list[Role]:
    """Roles of the phase that needs most GPUs, then most cores; phases follow one another on the same machines."""
    names = dict.fromkeys(role.phase for role in roles)
    phases = [[role for role in roles if role.phase == name] for name in names]

    def size(phase: Sequence[Role]) -> tuple[float, float]:
        gpus = sum(role.count * role.num_gpus for role in phase)
        return gpus, sum(role.count * role.num_cpus for role in phase)

    return max(phases, key=size)


def _bundles(roles: Sequence[Role]) -> tuple[list[dict[str, float]], list[dict[str, str]]]:
    """Resources and label selector of each process that reserves anything."""
    processes = [role for role in roles for _ in range(role.count) if _reserved(role)]
    return [_reserved(role) for role in processes], [dict(role.labels) for role in processes]


def _reserved(role: Role) -> dict[str, float]:
    return {name: n for name, n in (("CPU", role.num_cpus), ("GPU", role.num_gpus)) if n}


def _shortfall(roles: Sequence[Role]) -> str:
    """Requested and free resources, for a message."""
    requests, free = [], ray.available_resources()
    for role in roles:
        each = ", ".join(f"{n:g} {name}" for name, n in _reserved(role).items())
        requests.append(f"role '{role.name}' needs {role.count} x ({each})")
    totals = {
        name: sum(role.count * _reserved(role).get(name, 0) for role in roles) for name in ("CPU", "GPU")
    }
    available = [
        f"{free.get(name, 0):g} of {needed:g} {name} free" for name, needed in totals.items() if needed
    ]
    return f"{'; '.join(requests)}; in the cluster {', '.join(available)}"
