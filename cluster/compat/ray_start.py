"""`ray start` whose node is told the port of its dashboard agent: `python -m cluster.compat.ray_start start ...`."""

import sys

from .ray import agent_port_told

OPTION = "--dashboard-agent-listen-port="


def main() -> None:
    """Run Ray's command line with the arguments of this process."""
    from ray.scripts import scripts

    (port,) = (int(argument.removeprefix(OPTION)) for argument in sys.argv if argument.startswith(OPTION))
    with agent_port_told(port):
        scripts.main()


if __name__ == "__main__":
    main()
