"""Waiting, but not for ever: for a cluster's machines to come up, and for those that others use to be free."""

import time
from collections.abc import Callable, Collection, Sequence

import ray
from ray.autoscaler.sdk import request_resources
from ray.util.placement_group import placement_group, remove_placement_group

from cluster.config import ClusterConfig

from .machine import Machine, of_nodes
from .plan import Plan, make_plan
from .roles import Role, make_roles
from .workload import Workload

Say = Callable[[str], None]
QUIET_SECONDS = 5
POLL_SECONDS = 2
KEY = "cluster.wait_timeout"


def wait_for_plan(
    config: ClusterConfig,
    work: Workload,
    machines: Sequence[Machine],
    roles: Collection[str] | None,
    seconds: float,
    say: Say,
) -> Plan:
    """The first plan that the cluster allows, with these machines or with more; an autoscaler is asked for them.

    Raises:
        ValueError: there is none after so many seconds; the message names the role and what is short.
    """
    deadline = time.monotonic() + seconds
    asked = False
    try:
        while True:
            try:
                return make_plan(config, work, machines, roles)
            except ValueError as error:
                if time.monotonic() >= deadline:
                    waited = f" No more machines came within {seconds:g} s ({KEY})." if seconds else ""
                    raise ValueError(f"{error}{waited}") from None
                if not asked:
                    say(f"waiting up to {seconds:g} s for more machines ({KEY}): {error}")
                    asked = True
                    wanted = [
                        r for r in make_roles(config, work, machines) if roles is None or r.name in roles
                    ]
                    bundles, labels = _bundles(largest_phase(wanted))
                    selectors = labels if any(labels) else None
                    request_resources(bundles=bundles, bundle_label_selectors=selectors)
            time.sleep(POLL_SECONDS)
            machines = of_nodes(ray.nodes())
    finally:
        if asked:
            request_resources(bundles=[])


def wait_for_room(roles: Sequence[Role], seconds: float, say: Say) -> None:
    """Return when Ray has room for all processes of the roles at the same time.

    An autoscaler, where there is one, starts what is missing.

    Raises:
        ValueError: it has not after so many seconds; the message names the roles and what is short.
    """
    bundles, labels = _bundles(roles)
    if not bundles:
        return
    group = placement_group(bundles, bundle_label_selector=labels if any(labels) else None)
    try:
        if group.wait(min(QUIET_SECONDS, seconds)):
            return
        say(f"waiting up to {seconds:g} s for room ({KEY}): {_shortfall(roles)}")
        if not group.wait(max(0, seconds - QUIET_SECONDS)):
            raise ValueError(
                f"no room within {seconds:g} s ({KEY}): {_shortfall(roles)}. Let the others end, ask for fewer, or "
                "wait longer."
            )
    finally:
        remove_placement_group(group)


def largest_phase(roles: Sequence[Role]) -> list[Role]:
    """Those that need most GPUs, then most cores: phases follow one another on the same machines."""
    names = dict.fromkeys(role.phase for role in roles)
    phases = [[role for role in roles if role.phase == name] for name in names]

    def size(phase: Sequence[Role]) -> tuple[float, float]:
        gpus = sum(role.count * role.num_gpus for role in phase)
        return gpus, sum(role.count * role.num_cpus for role in phase)

    return max(phases, key=size)


def _bundles(roles: Sequence[Role]) -> tuple[list[dict[str, float]], list[dict[str, str]]]:
    """What each process reserves, and the labels that it asks for; those that reserve nothing left out."""
    processes = [role for role in roles for _ in range(role.count) if _reserved(role)]
    return [_reserved(role) for role in processes], [dict(role.labels) for role in processes]


def _reserved(role: Role) -> dict[str, float]:
    return {name: n for name, n in (("CPU", role.num_cpus), ("GPU", role.num_gpus)) if n}


def _shortfall(roles: Sequence[Role]) -> str:
    """What the roles ask for, and what is free of it."""
    asked, free = [], ray.available_resources()
    for role in roles:
        each = ", ".join(f"{n:g} {name}" for name, n in _reserved(role).items())
        asked.append(f"role '{role.name}' asks for {role.count} x ({each})")
    totals = {
        name: sum(role.count * _reserved(role).get(name, 0) for role in roles) for name in ("CPU", "GPU")
    }
    found = [f"{free.get(name, 0):g} of {needed:g} {name} free" for name, needed in totals.items() if needed]
    return f"{'; '.join(asked)}; in the cluster {', '.join(found)}"
