"""Values that one run computes and the next one reads."""

from pathlib import Path

import pytest

from rewriter_agent.io.value_cache import ValueCache, cache_key


class Compute:
    """Fake that gives each position its own value, and records the requests."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, missing: list[int]) -> list[dict[str, float]]:
        self.asked.append(missing)
        return [{"value": i / 3} for i in missing]


def test_only_missing_values_are_computed_and_order_is_kept(tmp_path: Path) -> None:
    path, compute = tmp_path / "new" / "cache.sqlite", Compute()
    with ValueCache(path) as cache:
        assert cache.fill(["a", "c"], compute) == [{"value": 0}, {"value": 1 / 3}]
    with ValueCache(path) as cache:
        assert cache.fill(["b", "c", "a"], compute) == [{"value": 0}, {"value": 1 / 3}, {"value": 0}]
        assert cache.fill(["a", "b"], compute) == [{"value": 0}, {"value": 0}]
        assert cache.fill([], compute) == []
    assert compute.asked == [[0, 1], [0]]


def test_what_fails_is_not_kept(tmp_path: Path) -> None:
    def fail(missing: list[int]) -> list[float]:
        raise RuntimeError("engine lost")

    with ValueCache(tmp_path / "cache.sqlite") as cache:
        with pytest.raises(RuntimeError, match="engine lost"):
            cache.fill(["a"], fail)
        assert cache.fill(["a"], lambda _: [0.5]) == [0.5]


def test_two_connections_use_one_file(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    with ValueCache(path) as first, ValueCache(path) as second:
        first.fill(["a"], lambda _: [1.0])
        assert second.fill(["a", "b"], lambda missing: [2.0] * len(missing)) == [1.0, 2.0]


def test_keys_tell_apart_whatever_decides_a_value() -> None:
    parts = [
        ("own", "m", [1, 2], [3]),
        ("own", "m", [1], [2, 3]),
        ("own", "n", [1, 2], [3]),
        ("expert", "m", [1, 2], [3]),
    ]
    assert len({cache_key(*some) for some in parts}) == len(parts)
    assert cache_key(*parts[0]) == cache_key(*parts[0])
