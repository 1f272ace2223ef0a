"""A check of the user's own: read with the config, run in the sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reward import Check, RewardConfig, Verdict, Verifier, check_of

SOURCE = """
import math
SEEN = []

def same(question, reference, rewrite):
    match rewrite:
        case "raise": raise ValueError("no")
        case "loop":
            while True: pass
        case "memory": return len("a" * 10**11)
        case "read": return len(open("/etc/hostname").read()) > 0
        case "text": return "yes"
        case "nan": return math.nan
        case "half": return 0.5
        case "less": return 0.49
    return (question, reference) == ("Who?", "Ann.")
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("checks") / "checks.py"
    file.write_text(SOURCE)
    return file


@pytest.fixture(scope="module")
def verifier(path: Path) -> Iterator[Verifier]:
    reference = {"coverage": None, "verifier": f"{path}:same"}
    config = RewardConfig.model_validate({"reference": reference, "code_timeout": 3.0, "max_verifiers": 1})
    # The config holds the text of the file, for machines that lack it.
    path.unlink()
    with Verifier(RewardConfig.model_validate_json(config.model_dump_json())) as running:
        yield running


@pytest.mark.parametrize(
    ("text", "verdict", "reason"),
    [
        ("Ann it is.", Verdict.EQUAL, None),
        ("half", Verdict.EQUAL, None),
        ("less", Verdict.DIFFERENT, "verifier"),
        ("nan", Verdict.DIFFERENT, "verifier"),
        ("raise", Verdict.UNDECIDED, "crashed"),
        ("text", Verdict.UNDECIDED, "crashed"),
        ("read", Verdict.UNDECIDED, "crashed"),
        ("memory", Verdict.UNDECIDED, "memory"),
        ("loop", Verdict.UNDECIDED, "timeout"),
    ],
)
def test_the_function_decides_within_the_limits(
    verifier: Verifier, text: str, verdict: Verdict, reason: str | None
) -> None:
    [grade] = verifier.verify([check_of("Who?", "Ann.", text, "reference")])
    assert (grade.verdict, grade.reason) == (verdict, reason)


def test_only_a_check_against_a_reference_has_the_question() -> None:
    assert check_of("Who?", "Ann.", "Ann", "reference").question == "Who?"
    assert check_of("Who?", "5", "5.0", "boxed") == Check("5", "5.0", "boxed")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("checks.py", "does not name a file and a function in it"),
        ("nowhere.py:same", "there is no file 'nowhere.py'"),
        ("{folder}/mine.py:other", "defines no function 'other'; it defines same, two"),
        ("{folder}/mine.py:two", "must take three arguments"),
        ("{folder}/broken.py:same", "is not Python: expected ':'"),
    ],
)
def test_a_function_that_cannot_be_used_is_refused(tmp_path: Path, given: str, message: str) -> None:
    (tmp_path / "mine.py").write_text("def same(a, b, c): ...\ndef two(a, b): ...\n")
    (tmp_path / "broken.py").write_text("def same(a, b, c) ...\n")
    with pytest.raises(ValueError, match=message):
        RewardConfig.model_validate({"reference": {"verifier": given.format(folder=tmp_path)}})


def test_some_check_must_be_left() -> None:
    with pytest.raises(ValueError, match="every text would pass; choose one of coverage, verifier"):
        RewardConfig.model_validate({"reference": {"coverage": None}})
