"""The confined verifier against bare math-verify, side by side: `python -m benchmarks.verifier`.

The same pairs of answers, built by seeded rules and equal or not by construction, go through
`reward.Verifier` with every limit on, and through `verify(parse(gold), parse(answer))` of math-verify in this
process with no limit at all. Pass `--pairs` and `--seed` for others. Ratios carry over to other machines; the
figures do not.
"""

import argparse
import logging
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from statistics import quantiles

from math_verify import parse, verify

from reward.answers.conventions import decide
from reward.config import RewardConfig
from reward.sandbox.verifier import Verifier, usable_cores
from reward.types import Check, StepCheck, Verdict

BOMB = Check(r"\sin(x) + 18", r"\int_0^1 \sin(x^x) e^{x^3} dx", "boxed")
CODE_BOMB = Check("pass", "while True: pass", "python")


@dataclass(frozen=True)
class Pair:
    """Two answers, each as it stands in a box, and whether they are equal by construction."""

    kind: str
    gold: str
    answer: str
    equal: bool


def number(rng: random.Random, equal: bool) -> tuple[str, str]:
    """A whole number with and without thousands separators."""
    value = rng.randrange(1000, 10**7)
    return str(value), f"{value if equal else value + rng.randrange(1, 9):,}"


def fraction(rng: random.Random, equal: bool) -> tuple[str, str]:
    """A fraction in lowest terms and expanded."""
    value, factor = Fraction(rng.randrange(1, 60), rng.randrange(2, 60)), rng.randrange(2, 7)
    over = value.numerator * factor + (0 if equal else 1)
    return f"{value.numerator}/{value.denominator}", rf"\frac{{{over}}}{{{value.denominator * factor}}}"


def root(rng: random.Random, equal: bool) -> tuple[str, str]:
    """A square root, and with its square factor taken out."""
    outside, inside = rng.randrange(2, 9), rng.choice((2, 3, 5, 6, 7, 10))
    return rf"\sqrt{{{outside**2 * inside}}}", rf"{outside if equal else outside + 1}\sqrt{{{inside}}}"


def polynomial(rng: random.Random, equal: bool) -> tuple[str, str]:
    """A quadratic, multiplied out and factored."""
    a, b = rng.randrange(1, 20), rng.randrange(1, 20)
    return f"x^2+{a + b}x+{a * b}", f"(x+{a})(x+{b if equal else b + 1})"


def finite_set(rng: random.Random, equal: bool) -> tuple[str, str]:
    """A set of numbers, and in another order with a root that is whole."""
    members = rng.sample(range(2, 40), 3)
    other = [*members[1:], members[0] + (0 if equal else 50)]
    return (
        rf"\{{{', '.join(map(str, members))}\}}",
        rf"\{{{other[0]}, {other[1]}, \sqrt{{{other[2] ** 2}}}\}}",
    )


def interval(rng: random.Random, equal: bool) -> tuple[str, str]:
    """An interval, and with one end as a fraction or one bracket changed."""
    low, high = rng.randrange(0, 20), rng.randrange(20, 40)
    return f"[{low}, {high})", rf"[{low}, \frac{{{2 * high}}}{{2}}{')' if equal else ']'}"


def identity(rng: random.Random, equal: bool) -> tuple[str, str]:
    """A sine of a double angle, and with it taken apart: for the parser, so for a child."""
    value, factor = rng.randrange(1, 100), rng.randrange(2, 20)
    other = value if equal else value + 1
    return rf"{factor}\sin(2x)+{value}", rf"{other}+{2 * factor}\sin(x)\cos(x)"


def text(rng: random.Random, equal: bool) -> tuple[str, str]:
    """A word, and in a text wrapper."""
    words = ("Monday", "triangle", "parabola", "ellipse", "odd", "increasing", "London", "green")
    word, other = rng.sample(words, 2)
    return word, rf"\text{{{word if equal else other}}}"


KINDS: dict[str, Callable[[random.Random, bool], tuple[str, str]]] = {
    "number": number,
    "fraction": fraction,
    "root": root,
    "polynomial": polynomial,
    "finite set": finite_set,
    "interval": interval,
    "identity": identity,
    "text": text,
}


def build(count: int, seed: int) -> list[Pair]:
    """`count` different pairs, kinds and truths in turn."""
    rng = random.Random(seed)
    pairs: dict[tuple[str, str], Pair] = {}
    turn = 0
    while len(pairs) < count:
        kind, equal = list(KINDS)[turn % len(KINDS)], turn // len(KINDS) % 2 == 0
        gold, answer = KINDS[kind](rng, equal)
        # Words are few: a suffix keeps the pairs different, which prevents answers from cached grades.
        suffix = f" {'abcdefghij'[turn % 10]}{'klmnopqrst'[turn // 10 % 10]} {turn}" if kind == "text" else ""
        answer = answer.replace("}", f"{suffix}}}") if suffix else answer
        pairs[gold + suffix, answer] = Pair(kind, gold + suffix, answer, equal)
        turn += 1
    return list(pairs.values())


def run_bare(pairs: list[Pair]) -> tuple[list[bool], list[float]]:
    """Verdicts and seconds of each pair with math-verify alone."""
    verdicts, seconds = [], []
    for pair in pairs:
        start = time.perf_counter()
        gold, answer = (parse(rf"\boxed{{{side}}}", parsing_timeout=0) for side in (pair.gold, pair.answer))
        verdicts.append(verify(gold, answer, timeout_seconds=None))
        seconds.append(time.perf_counter() - start)
    return verdicts, seconds


def cost(verifier: Verifier, bomb: Check, easy: list[Check]) -> float:
    """Seconds added by one bomb among easy checks."""
    start = time.perf_counter()
    verifier.verify(easy)
    middle = time.perf_counter()
    verifier.verify([*easy[: len(easy) // 2], bomb, *easy[len(easy) // 2 :]])
    return (time.perf_counter() - middle) - (middle - start)


def solution(rng: random.Random) -> StepCheck:
    """A solution of six steps in several notations, a quarter of them with a false result."""
    lines = []
    for _ in range(6):
        a, b = rng.randrange(2, 90), rng.randrange(2, 90)
        shift = rng.choice((0, 0, 0, 1))
        lines.append(
            rng.choice(
                (
                    f"That makes {a} + {b} = {a + b + shift} apples.",
                    rf"So $\frac{{{a * b}}}{{{b}}} = {a + shift}$.",
                    f"{a} boxes of {b} hold {a} x {b} = {a * b + shift:,} pens.",
                    f"{a} plus {b} is {a + b + shift}.",
                    f"She pays ${a} - ${b} = ${a - b + shift}.",
                )
            )
        )
    return StepCheck("\n".join(lines), "", "####")


def step_line(verifier: Verifier, count: int, seed: int) -> str:
    """Throughput of the step check as one line of the table."""
    rng = random.Random(seed)
    checks = [solution(rng) for _ in range(count)]
    start = time.perf_counter()
    reports = verifier.check_steps(checks)
    seconds = time.perf_counter() - start
    checked = sum(report.checked for report in reports if report)
    false = sum(len(report.false) for report in reports if report)
    return (
        f"{f'steps, {usable_cores()} cores':<32}{count / seconds:>10.0f} texts/s   "
        f"{checked} of {6 * count} steps checked, {false} false"
    )


def speed_line(name: str, pairs: int, total: float, seconds: list[float]) -> str:
    """Throughput and latency as one line of the table."""
    cuts = quantiles(seconds, n=100)
    return f"{name:<32}{pairs / total:>10.0f} pairs/s   p50 {cuts[49] * 1e3:>7.2f} ms   p99 {cuts[98] * 1e3:>7.2f} ms"


def print_agreement(pairs: list[Pair], confined: list[Verdict], bare: list[bool]) -> None:
    """Count by kind and truth how often each side says equal."""
    rows = Counter((pair.kind, pair.equal) for pair in pairs)
    ours, undecided, theirs = Counter(), Counter(), Counter()
    for pair, verdict, other in zip(pairs, confined, bare, strict=True):
        ours[pair.kind, pair.equal] += verdict is Verdict.EQUAL
        undecided[pair.kind, pair.equal] += verdict is Verdict.UNDECIDED
        theirs[pair.kind, pair.equal] += other
    print(f"\n{'kind':<14}{'built as':<12}{'pairs':>7}{'confined =':>12}{'undecided':>11}{'bare =':>9}")
    for (kind, equal), count in rows.items():
        key = kind, equal
        truth = "equal" if equal else "different"
        print(f"{kind:<14}{truth:<12}{count:>7}{ours[key]:>12}{undecided[key]:>11}{theirs[key]:>9}")


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=2880, help="pairs of answers, half of them equal (2880)")
    parser.add_argument("--seed", type=int, default=0, help="of the rules that build the pairs (0)")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    pairs = build(arguments.pairs, arguments.seed)
    checks = [Check(pair.gold, pair.answer, "boxed") for pair in pairs]
    config = RewardConfig(timeout=2, code_timeout=2)
    asked = sum(decide(check, config) is None for check in checks)
    with Verifier(config) as verifier:
        start = time.perf_counter()
        verifier.verify([Check(r"\sin(2x)", r"2\sin(x)\cos(x)", "boxed")])
        startup = time.perf_counter() - start
        run_bare(pairs[:28])
        start = time.perf_counter()
        grades = verifier.verify(checks)
        confined_seconds = time.perf_counter() - start
        bare, bare_latency = run_bare(pairs)
        easy = [Check(rf"\sin(2x) + {n}", rf"2\sin(x)\cos(x) + {n}", "boxed") for n in range(40)]
        steps = step_line(verifier, len(pairs) // 2, arguments.seed)
        bombs = cost(verifier, BOMB, easy), cost(verifier, CODE_BOMB, easy)
    print(
        speed_line(
            f"confined, {usable_cores()} cores", len(pairs), confined_seconds, [g.seconds for g in grades]
        )
    )
    print(speed_line("bare math-verify, 1 process", len(pairs), sum(bare_latency), bare_latency))
    print(steps)
    print(f"ratio{sum(bare_latency) / confined_seconds:>37.2f} x bare   first use {startup:.1f} s")
    print(f"{asked} of {len(pairs)} pairs needed a child, the others none")
    print(f"a hanging pair costs {bombs[0]:.2f} s, hanging code {bombs[1]:.2f} s, at a limit of 2 s")
    print_agreement(pairs, [grade.verdict for grade in grades], bare)


if __name__ == "__main__":
    main()
