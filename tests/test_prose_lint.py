"""The lint of language: it finds the worst, names what to write instead, and leaves code and quotations alone."""

from pathlib import Path

import pytest

from scripts.prose_lint import CHECKED, main, problems

ROOT = Path(__file__).parents[1]

BAD_PYTHON = '''"""Of the engines."""


class Engine:
    """An engine."""

    version: int
    """Of what it serves."""

    def resume(self) -> None:
        """Resume.

        The run goes on from here.
        """
        # Nobody waits.
'''
GOOD_PYTHON = '''"""Engines of the fleet."""

MESSAGE = "the run goes on, and nobody knows what is wrong"  # a string is not checked
"""Message about `what is` and "those that"."""
'''


def test_it_finds_docstrings_and_comments_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(BAD_PYTHON)
    found = [problem.removeprefix(f"{path}:").split(":")[0] for problem in problems(path)]
    assert found == ["1", "8", "13", "15"]


def test_code_strings_and_quotations_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "good.py"
    path.write_text(GOOD_PYTHON)
    assert problems(path) == []


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("It is made anew.", "again"),
        ("It waits for ever.", "without limit"),
        ("A killed run goes on.", "resumes"),
        ("It keeps those that pass.", "the noun"),
        ("It prints what is wrong.", "a noun"),
        ("The engines are waited for.", "an active verb"),
        ("A file beside the run.", "next to"),
        ("The word, where there is one.", "if, or when"),
    ],
)
def test_a_phrase_is_named_with_what_to_write(text: str, advice: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"# Page\n\n{text}\n\n```\n{text}\n```\n")
    (problem,) = problems(path)
    assert problem.startswith(f"{path}:3: ")
    assert advice in problem


@pytest.mark.parametrize(
    "text",
    [
        "What is an arm?",
        "The reader can go on to the next page.",
        "Besides its answer.",
        "A place where it works.",
    ],
)
def test_plain_sentences_pass(text: str, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(text)
    assert problems(path) == []


def test_the_repository_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(CHECKED) == 0


def test_a_wrong_path_ends_the_lint(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="does not exist"):
        main([str(tmp_path / "no")])
