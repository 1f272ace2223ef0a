"""The report: one HTML file that needs nothing else, and its numbers as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..evaluate.statistics import Change, Estimate
from ..files import atomic, write_json
from . import figures
from .data import ReportData
from .over_seeds import OverSeeds, SeedMean, over_seeds_verdict
from .verdict import chance, verdict

ARM_TITLES = {
    "base": "base",
    "expert": "SFT on expert data",
    "rewritten": "SFT on rewritten data",
}


def build_report(data: ReportData, output: Path) -> None:
    """Write `output` (HTML) and `report.json` with every number that it shows beside it.

    The page loads nothing, has no scripts, and escapes all text: questions and model output are untrusted.
    """
    _write(
        output,
        "report.html.j2",
        {"verdict": verdict(data.rewritten_against_expert), **asdict(data)},
        data=data,
        tradeoff=Markup(figures.tradeoff(data.arms)),
        reward_terms=Markup(figures.reward_terms(data.training.reward_terms)) if data.training else None,
        sft_losses=Markup(figures.sft_losses(data.sft)),
    )


def build_over_seeds(data: OverSeeds, output: Path) -> None:
    """The same for the runs of several seeds."""
    _write(
        output,
        "over_seeds.html.j2",
        {"verdict": over_seeds_verdict(data), **asdict(data)},
        data=data,
        tradeoff=Markup(figures.tradeoff_by_seed(data.arms)),
    )


def _write(output: Path, template: str, numbers: dict[str, Any], **shown: object) -> None:
    page = environment("rewriter_agent.report").get_template(template)
    html = page.render(verdict=numbers["verdict"], titles=ARM_TITLES, **shown)
    with atomic(output) as temporary:
        temporary.write_text(html, encoding="utf-8")
    write_json(output.with_name("report.json"), numbers)


def environment(package: str) -> Environment:
    """Templates of `package`, with the report's style sheet and filters; all text is escaped."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name, ".") for name in (package, "rewriter_agent.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": _percent,
        "points": _points,
        "interval": _interval,
        "share": _share,
        "duration": _duration,
        "number": _number,
        "chance": lambda p_value: chance(p_value).removeprefix("p = ").removeprefix("p "),
        "summaries": _summaries,
    }
    return environment


def _percent(value: Estimate) -> str:
    return f"{value.value * 100:.1f} ± {value.stderr * 100:.1f}"


def _points(value: Change) -> str:
    # A minus sign as wide as the plus, and no "-0.0".
    return f"{value.value * 100 + 0.0:+.1f}".replace("-", "−") + f" ± {value.stderr * 100:.1f}"


def _interval(mean: SeedMean) -> str:
    shown = f"{mean.value * 100 + 0.0:.1f} [{mean.low * 100 + 0.0:.1f}, {mean.high * 100 + 0.0:.1f}]"
    return shown.replace("-", "−")


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _summaries(values: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())
