"""Lines about a fleet that pauses for want of engines."""

from cluster.fleet.pauses import Pauses


def test_the_start_is_no_pause() -> None:
    pauses = Pauses("f", engines=3, min_healthy=2)
    assert [pauses.update(available, wanted=True) for available in (0, 1, 2)] == [None, None, None]


def test_a_pause_and_its_end_are_told_once() -> None:
    pauses = Pauses("f", engines=3, min_healthy=2)
    pauses.update(3, wanted=False)
    assert pauses.update(1, wanted=False) is None
    assert pauses.update(1, wanted=True) == (
        "fleet 'f': paused, 1 of 3 engines available, 2 needed (cluster.min_healthy)"
    )
    assert [pauses.update(0, wanted=True), pauses.update(1, wanted=False)] == [None, None]
    assert pauses.update(2, wanted=False) == "fleet 'f': resumed with 2 of 3 engines"
    assert pauses.update(3, wanted=True) is None
