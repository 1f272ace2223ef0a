"""Chooses pseudo-random points for comparing two expressions; equal expressions get equal points."""

import random
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from reward.answers.math.tree import Call, Expr, Num, symbols, unknowns

from .rational import Irrational, Point, TooLarge, Undefined, rational_value

ENOUGH = 4
"""Fewest points of the common domain at which expressions in unknowns must agree to be equal."""
_COUNTING = frozenset(("!", "!!", "binom", "gcd", "lcm"))
"""Functions of integers; the variables in their arguments are natural numbers."""
_COUNTING_POINTS = 10
_STEPS = frozenset(("floor", "ceil", "gcd", "lcm", "min", "max"))
"""Functions that a few nearby points cannot distinguish from others."""
_MAX_SCALES = 6
_MAX_SCALE = 10**12


def point_stages(left: Expr, right: Expr) -> Iterator[list[Point]]:
    """Yield points for all unknowns in stages: moderate, near zero, and beyond the constants."""
    names = unknowns(left) | unknowns(right)
    if not names:
        yield [{}]
        return
    counts = _counted(left) | _counted(right)
    yield _counting_points(names, counts) if counts else sample_points(names)
    near = near_points(names)
    yield _with_small(near, counts, 6)
    wide = _wide_points(names, _scales(left) | _scales(right))
    yield _with_small(wide, counts, 40)


def exact_points(left: Expr, right: Expr) -> list[Point]:
    """Points for expressions that are computed exactly; few, unless one is piecewise."""
    if is_piecewise(left) or is_piecewise(right):
        return [point for stage in point_stages(left, right) for point in stage]
    names = symbols(left) | symbols(right)
    return sample_points(names) if names else [{}]


def sample_points(names: Iterable[str], whole: int = 3, fractional: int = 3) -> list[Point]:
    """Pseudo-random points for the variables: `whole` positive integers, then fractions of both signs."""
    ordered = sorted(names)
    points: list[Point] = []
    for index in range(whole + fractional):
        # One generator per variable, because its values must not depend on the other variables.
        draws = {name: random.Random(f"{index} {name}") for name in ordered}
        if index < whole:
            points.append({name: Fraction(draw.randint(53, 499)) for name, draw in draws.items()})
        else:
            points.append({name: _fraction(draw) for name, draw in draws.items()})
    return points


def small_points(names: Iterable[str], largest: int, number: int) -> list[Point]:
    """Natural numbers from 2 to `largest` for the variables."""
    generators = {name: random.Random(f"small {name}") for name in names}
    return [
        {name: Fraction(draw.randint(2, largest)) for name, draw in generators.items()} for _ in range(number)
    ]


def near_points(names: Iterable[str]) -> list[Point]:
    """Points below 2, positive and then of both signs, likewise integer ones below 7, and some up to 40."""
    ordered = sorted(names)
    columns = [_near_values(random.Random(f"near {name}")) for name in ordered]
    return [dict(zip(ordered, values, strict=True)) for values in zip(*columns, strict=True)]


def has_steps(expression: Expr) -> bool:
    """Whether a function in `expression` is constant over a whole range."""
    if not isinstance(expression, Call):
        return False
    return expression.name in _STEPS or any(map(has_steps, expression.args))


def is_piecewise(expression: Expr) -> bool:
    """Whether `expression` may follow different formulas in different ranges, as |x-10| and sqrt((x-10)^2) do."""
    if not isinstance(expression, Call):
        return False
    if expression.name == "abs" or expression.name in _STEPS:
        return True
    if expression.name == "root" and _has_power(expression.args[0]):
        return True
    if expression.name == "^" and _is_fraction(expression.args[1]) and _has_power(expression.args[0]):
        return True
    return any(map(is_piecewise, expression.args))


def _has_power(expression: Expr) -> bool:
    """Whether a power or a product of unknowns occurs."""
    if not isinstance(expression, Call):
        return False
    is_power = expression.name in ("^", "*") and bool(symbols(expression))
    return is_power or any(map(_has_power, expression.args))


def _is_fraction(expression: Expr) -> bool:
    if isinstance(expression, Num):
        return expression.value.denominator > 1
    return isinstance(expression, Call) and expression.name == "/"


def _counting_points(names: frozenset[str], counts: frozenset[str]) -> list[Point]:
    points = sample_points(names - counts, 3, _COUNTING_POINTS - 3)
    return _with_small(points, counts, 40)


def _with_small(points: list[Point], counts: frozenset[str], largest: int) -> list[Point]:
    small = small_points(counts, largest, len(points))
    return [{**point, **few} for point, few in zip(points, small, strict=True)]


def _counted(expression: Expr) -> frozenset[str]:
    """Variables in the arguments of functions of integers."""
    if not isinstance(expression, Call):
        return frozenset()
    if expression.name in _COUNTING:
        return symbols(expression)
    return frozenset().union(*map(_counted, expression.args))


def _scales(expression: Expr) -> frozenset[Fraction]:
    """Magnitudes of the constants in `expression`, between which its behaviour may change."""
    if not unknowns(expression):
        try:
            size = abs(rational_value(expression, {}))
        except (Irrational, Undefined, TooLarge):
            return frozenset()
        return frozenset((size,)) if 0 < size <= _MAX_SCALE else frozenset()
    assert not isinstance(expression, Num)
    args = expression.args if isinstance(expression, Call) else ()
    return frozenset((Fraction(1),)).union(*map(_scales, args))


def _wide_points(names: Iterable[str], scales: frozenset[Fraction]) -> list[Point]:
    """Points below and beyond each of the largest `scales`, of both signs, then points close to zero."""
    ordered = sorted(names)
    draws = {name: random.Random(f"wide {name}") for name in ordered}
    points: list[Point] = []
    for scale in (*sorted(scales, reverse=True)[:_MAX_SCALES], Fraction(1, 8)):
        for low, high in ((50, 950), (1050, 4000)):
            for sign in (1, 1, -1):
                points.append(_scaled(draws, scale, (low, high), sign))
    return points


def _scaled(
    draws: Mapping[str, random.Random], scale: Fraction, span: tuple[int, int], sign: int
) -> dict[str, Fraction]:
    # At a negative point only some variables become negative.
    return {
        name: scale * Fraction(draw.randint(*span), 1000) * (draw.choice((1, -1)) if sign < 0 else 1)
        for name, draw in draws.items()
    }


def _near_values(draw: random.Random) -> list[Fraction]:
    values: list[Fraction] = []
    for is_signed in (False, True):
        values += _shuffled(draw, [Fraction(draw.randint(300, 1900), 997) for _ in range(6)], is_signed)
        values += _shuffled(draw, [Fraction(number) for number in range(1, 7)], is_signed)
    # Some further out, for expressions that change there, as |x-10| does.
    return values + _shuffled(draw, [Fraction(draw.randint(8000, 40_000), 997) for _ in range(6)], True)


def _shuffled(draw: random.Random, values: list[Fraction], is_signed: bool) -> list[Fraction]:
    """Shuffle `values`; with `is_signed` half of them become negative."""
    signs = draw.sample((1, -1) * (len(values) // 2), len(values))
    return [
        value * sign if is_signed else value
        for value, sign in zip(draw.sample(values, len(values)), signs, strict=True)
    ]


def _fraction(draw: random.Random) -> Fraction:
    return Fraction(draw.choice((-1, 1)) * draw.randint(100, 999), draw.randint(50, 400))
