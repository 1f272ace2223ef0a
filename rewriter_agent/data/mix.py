"""Mix of several sources: weighted training problems, and the test problems of all."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from random import Random

from rewriter_agent.config.data import DataConfig, MixData, RowData, SourceConfig

from .problem import Problem, ProblemSet

IN_SOURCE = "/"
"""Separates the name of a source from the origin of a row in `Problem.source`; no name holds it."""


def mix_problems(config: MixData, sets: Mapping[str, ProblemSet]) -> ProblemSet:
    """Mix the problems of the sources, whose order does not matter.

    Of equal questions the first stays, in the order of the sources' names; a test question leaves every source's
    training problems.

    Raises:
        ValueError: a source gives no training problem to the mix.
    """
    counts, test, seen = Counter[str](), dict[str, Problem](), dict[str, Problem]()
    by_name = sorted(sets.items())
    for name, loaded in by_name:
        counts.update(loaded.counts)
        counts["test_duplicates"] += _add(test, _named(loaded.test, name, config.sources[name]))
    pools: dict[str, list[Problem]] = {}
    for name, loaded in by_name:
        pool = [problem for problem in loaded.train if problem.id not in test]
        counts["overlap"] += len(loaded.train) - len(pool)
        before = len(seen)
        counts["train_duplicates"] += _add(seen, _named(pool, name, config.sources[name]))
        pools[name] = list(seen.values())[before:]
    train = _interleaved(pools, config)[: config.num_train]
    _require_all(pools, train, config)
    counts.update(unmixed=len(seen) - len(train))
    sizes = {"train": len(train), "test": len(test)}
    skipped = tuple(f"data.sources.{name}: {line}" for name, loaded in by_name for line in loaded.skipped)
    formats = tuple(f"data.sources.{name}: {line}" for name, loaded in by_name for line in loaded.formats)
    return ProblemSet(train, list(test.values()), {**counts, **sizes}, skipped, formats)


def source_counts(data: DataConfig, train: Iterable[str], test: Iterable[str]) -> dict[str, int]:
    """Count training and test problems by source of a mix, from `Problem.source` of each; empty for another config."""
    if not isinstance(data, MixData):
        return {}
    parts = {"train": Counter(map(source_name, train)), "test": Counter(map(source_name, test))}
    return {f"{part}/{name}": found[name] for part, found in parts.items() for name in sorted(data.sources)}


def source_name(source: str) -> str:
    """Name of the source in the mix, from `Problem.source`."""
    return source.partition(IN_SOURCE)[0]


def _named(problems: Iterable[Problem], name: str, source: SourceConfig) -> list[Problem]:
    """Problems whose `source` is the name in the mix, followed by the row's origin if a column holds it."""
    if isinstance(source, RowData) and source.columns.source is not None:
        return [replace(problem, source=f"{name}{IN_SOURCE}{problem.source}") for problem in problems]
    return [replace(problem, source=name) for problem in problems]


def _add(found: dict[str, Problem], problems: Iterable[Problem]) -> int:
    """Add the problems that are new, and return the number of others."""
    others = 0
    for problem in problems:
        others += problem.id in found
        found.setdefault(problem.id, problem)
    return others


def _interleaved(pools: Mapping[str, list[Problem]], config: MixData) -> list[Problem]:
    """Take problems by weight, each source's in random order, until the next one's source has none left.

    Problem k of a source is due at (k + 1/2) / weight, as seats are in the method of Sainte-Laguë. So every beginning
    of the mix has the shares of the weights, up to rounding.
    """
    due: list[tuple[float, str, Problem]] = []
    ends = []
    for name, pool in pools.items():
        weight = config.weight(name)
        drawn = Random(f"mix-{config.seed}-{name}").sample(pool, len(pool))
        due += [((k + 0.5) / weight, name, problem) for k, problem in enumerate(drawn)]
        ends.append((len(pool) + 0.5) / weight)
    return [problem for time, _, problem in sorted(due, key=lambda item: item[:2]) if time < min(ends)]


def _require_all(pools: Mapping[str, list[Problem]], train: list[Problem], config: MixData) -> None:
    """Raise ValueError if a source gives no problem."""
    given = Counter(source_name(problem.source) for problem in train)
    for name, pool in pools.items():
        if not pool:
            raise ValueError(
                f"data.sources.{name} has no training problem of its own: all are in another source or among the test "
                "problems; leave it out"
            )
    if missing := [name for name in pools if not given[name]]:
        raise ValueError(
            f"data.weights gives {', '.join(missing)} none of the {len(train)} training problems; raise its weight, or "
            "data.num_train, or give more problems in the other sources"
        )
