"""Engine status as Prometheus metrics, on the port of Ray's exporter."""

from collections.abc import Sequence

from ray.util.metrics import Gauge

from .status import EngineStatus

GAUGES = {
    "healthy": "1 if the engine gets work, else 0.",
    "version": "Version of the weights being served.",
    "queue": "Tasks sent to the engine and not answered yet.",
    "restarts": "Engines that this replica has lost.",
    "tokens_per_second": "Prompt and completion tokens computed per second.",
    "busy": "Share of the time in which the engine has work.",
}


class PrometheusExporter:
    """Gauges of one fleet's engines, tagged with `fleet` and `engine`."""

    def __init__(self, fleet: str) -> None:
        self.fleet = fleet
        self.gauges = {
            name: Gauge(f"rewriter_agent_engine_{name}", text, ("fleet", "engine"))
            for name, text in GAUGES.items()
        }

    def __call__(self, engines: Sequence[EngineStatus]) -> None:
        """Set the gauges to the current status."""
        for engine in engines:
            values = vars(engine) | {"healthy": engine.state == "healthy"}
            for name, gauge in self.gauges.items():
                gauge.set(float(values[name]), {"fleet": self.fleet, "engine": str(engine.number)})
