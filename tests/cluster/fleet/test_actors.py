"""What Ray's reports of an actor's end are reduced to."""

import pytest

from cluster.fleet.actors import MAX_RAISED, _raised

REPORT = """The actor died because of an error raised in its creation task, ray::VLLMEngine.__init__() (pid=1)
  File "engine.py", line 8, in __init__
RuntimeError: the first

The above exception was the direct cause of the following exception:

ray::VLLMEngine.__init__() (pid=1)
           ^^^^^^^^^^^^^
  File "engine.py", line 8, in __init__
{last}"""


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("RuntimeError: no kernel", "RuntimeError: no kernel"),
        (
            "torch.OutOfMemoryError: of 80 GiB\n  none is left",
            "torch.OutOfMemoryError: of 80 GiB none is left",
        ),
        ("cluster.engine.request_loop.BrokenEngineError: RuntimeError: no", "RuntimeError: no"),
    ],
)
def test_an_error_of_a_start_is_the_last_one_raised(last: str, expected: str) -> None:
    assert _raised(REPORT.format(last=last)) == expected


def test_a_report_is_cut() -> None:
    assert len(_raised("ValueError: " + "x" * 10_000)) == MAX_RAISED
    assert _raised("no such thing") == "no such thing"
