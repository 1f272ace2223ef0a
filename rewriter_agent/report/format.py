"""Numbers as pages show them."""

from collections.abc import Mapping
from typing import Protocol

from markupsafe import Markup


class Interval(Protocol):
    """A quantity with its 95 % interval."""

    @property
    def value(self) -> float:
        """The quantity."""
        ...

    @property
    def low(self) -> float:
        """Lower end."""
        ...

    @property
    def high(self) -> float:
        """Upper end."""
        ...


class Difference(Interval, Protocol):
    """A difference with its 95 % interval."""

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval excludes 0."""
        ...


def excludes_zero(change: Difference) -> bool:
    """Whether a difference is beyond chance by its interval as it is printed: an end shown as 0.0 excludes nothing."""
    low, high = (round(100 * end, 1) for end in (change.low, change.high))
    return change.beyond_chance and (low > 0 or high < 0)


def percent(value: float) -> str:
    """A share in percent."""
    return f"{100 * value:z.1f}".replace("-", "−")


def points(value: float) -> str:
    """A difference of shares in points, with its sign unless it is 0: a minus as wide as the plus."""
    return f"{100 * value:+z.1f}".replace("+0.0", "0.0").replace("-", "−")


def number(value: float | None) -> str:
    """Three significant digits; a dash for None."""
    return "–" if value is None else f"{value:.3g}".replace("-", "−")


def nats(value: float) -> str:
    """Three decimals, as of nats a token."""
    return f"{value:z.3f}".replace("-", "−")


def share(part: float, whole: float = 1) -> str:
    """Format a share in percent, with the sign; a dash if the whole is 0."""
    return f"{percent(part / whole)} %" if whole else "–"


def relative(value: float | None) -> str:
    """Format a relative change in percent; a dash for None."""
    return "–" if value is None else f"{points(value)} %"


def multiple(value: float | None) -> str:
    """Format a multiple; a dash for None."""
    return "–" if value is None else f"{value:,.0f} ×" if value >= 100 else f"{value:.3g} ×"


def p_value(value: float) -> str:
    """A p-value."""
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def duration(seconds: float) -> str:
    """Seconds as hours and minutes, or minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def thousands(value: int | None) -> str:
    """Format a number with separators; a dash for None."""
    return "–" if value is None else f"{value:,}"


def percent_interval(estimate: Interval) -> Markup:
    """Percent, the interval in a line of its own."""
    ends = (percent(share) for share in (estimate.value, estimate.low, estimate.high))
    # A dash next to a minus would be misread.
    return _stacked(*ends, to="–" if estimate.low >= 0 else " to ")


def points_interval(change: Interval) -> Markup:
    """Points, the interval in a line of its own."""
    return _stacked(*(points(share) for share in (change.value, change.low, change.high)))


def nats_interval(estimate: Interval) -> Markup:
    """Nats, the interval in a line of its own."""
    return _stacked(*(nats(value) for value in (estimate.value, estimate.low, estimate.high)))


def summaries(values: Mapping[str, object]) -> str:
    """Names with their values in a line."""
    return ", ".join(f"{key} {value}" for key, value in values.items())


def oriented(change: Interval) -> tuple[str, str]:
    """The size of a change and its interval in words, in the direction that it has."""
    sign = -1 if change.value < 0 else 1
    low, high = sorted(100 * sign * end for end in (change.low, change.high))
    return f"{abs(100 * change.value):.1f} points", f"95 % interval {low:z.1f} to {high:z.1f}".replace(
        "-", "−"
    )


def _stacked(value: str, low: str, high: str, to: str = " to ") -> Markup:
    return Markup("{}<small>{}{}{}</small>").format(value, low, to, high)
