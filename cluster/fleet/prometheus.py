"""What engines are doing, as Prometheus metrics on the port of Ray's own exporter."""

from collections.abc import Sequence

from ray.util.metrics import Gauge

from .status import EngineStatus

GAUGES = {
    "healthy": "1 where the engine gets work, else 0.",
    "version": "Version of the weights that it serves.",
    "queue": "Tasks that it has.",
    "restarts": "Engines that were lost in its place.",
    "tokens_per_second": "Tokens of prompts and completions that it computes.",
    "busy": "Share of the time in which it has something to do.",
}


class Exporter:
    """Of one fleet; tags are `fleet` and `engine`."""

    def __init__(self, fleet: str) -> None:
        self.fleet = fleet
        self.gauges = {
            name: Gauge(f"rewriter_agent_engine_{name}", text, ("fleet", "engine"))
            for name, text in GAUGES.items()
        }

    def __call__(self, engines: Sequence[EngineStatus]) -> None:
        """Export what they are doing now."""
        for engine in engines:
            values = vars(engine) | {"healthy": engine.state == "healthy"}
            for name, gauge in self.gauges.items():
                gauge.set(float(values[name]), {"fleet": self.fleet, "engine": str(engine.number)})
