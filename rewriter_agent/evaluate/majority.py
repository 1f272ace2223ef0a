"""Groups a problem's sampled answers into classes of equal answers, for majority votes."""

from collections.abc import Callable, Sequence
from itertools import combinations

from reward import Check, Verdict, Verify


def votes(
    conventions: Sequence[str],
    found: Sequence[Sequence[str | None]],
    right: Sequence[Sequence[bool]],
    verify: Verify,
) -> list[list[int | None]]:
    """Class of each answer, for each problem: 0 for right answers, None if there is no answer.

    Wrong answers are compared with each other by the verifier, as right ones are with the gold answer.
    """
    pairs = [
        Check(one, other, convention)
        for convention, texts, grades in zip(conventions, found, right, strict=True)
        for one, other in combinations(_wrong(texts, grades), 2)
    ]
    verdicts = dict(zip(pairs, verify(pairs), strict=True))
    return [
        _numbered(convention, texts, grades, lambda check: verdicts[check].verdict is Verdict.EQUAL)
        for convention, texts, grades in zip(conventions, found, right, strict=True)
    ]


def _wrong(texts: Sequence[str | None], grades: Sequence[bool]) -> list[str]:
    """Each once, in the order of their first appearance."""
    return list(
        dict.fromkeys(
            text for text, right in zip(texts, grades, strict=True) if text is not None and not right
        )
    )


def _numbered(
    convention: str, texts: Sequence[str | None], grades: Sequence[bool], equal: Callable[[Check], bool]
) -> list[int | None]:
    classes: list[list[str]] = []
    for text in _wrong(texts, grades):
        same = [members for members in classes if equal(Check(members[0], text, convention))]
        same[0].append(text) if same else classes.append([text])
    numbers = {text: number for number, members in enumerate(classes, start=1) for text in members}
    return [
        0 if right else None if text is None else numbers[text]
        for text, right in zip(texts, grades, strict=True)
    ]
