"""Pages from templates: they load nothing, have no scripts, and escape all text."""

from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from . import format
from .coloured import LEVELS, coloured


def environment(package: str) -> Environment:
    """Templates of `package` and those of the report, with its style sheet and filters."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name, ".") for name in (package, "rewriter_agent.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": format.percent_interval,
        "points": format.points_interval,
        "nats": format.nats_interval,
        "signed": format.points,
        "relative": format.relative,
        "share": format.share,
        "duration": format.duration,
        "number": format.number,
        "multiple": format.multiple,
        "thousands": format.thousands,
        "chance": format.p_value,
        "summaries": format.summaries,
        "coloured": lambda text: coloured(text.pieces, text.logprobs),
    }
    shared: dict[str, Any] = environment.globals
    shared["levels"] = LEVELS
    return environment
