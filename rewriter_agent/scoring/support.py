"""Requests that measure how much the reasoning of candidates supports their answers."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from cluster.types import Scored, ScoreRequest
from reward import extract_answer
from reward.gate import ANSWER_IS_TEXT
from reward.support import support

_MARKER = re.compile(r"####|\\boxed|\\fbox|(?i:answer)")
_MAX_MARKER_CHARS = 40


@dataclass(frozen=True)
class StatedAnswer:
    """Tokens of the answer that a candidate states, and of the marker before them."""

    start: int
    """Position of the answer among the candidate's tokens."""
    marker: tuple[int, ...]
    answer: tuple[int, ...]


class StatedAnswers:
    """Answers that the candidates of a group state, and their support.

    Log-probs after the reasoning are read off the scores of the whole texts. Only the answers alone are requests of
    their own; candidates that state an answer in the same tokens share one.
    """

    def __init__(
        self, convention: str, candidates: Sequence[Sequence[int]], pieces: Sequence[Sequence[str]]
    ) -> None:
        """`pieces` are the texts of each candidate's tokens."""
        pairs = zip(candidates, pieces, strict=True)
        self._found = [stated_answer(convention, ids, texts) for ids, texts in pairs]
        self._alone = list(dict.fromkeys((one.marker, one.answer) for one in self._found if one))

    def requests(self, question: Sequence[int]) -> list[ScoreRequest]:
        """Build the requests for the answers right after the question and their marker."""
        return [ScoreRequest([*question, *marker], list(answer)) for marker, answer in self._alone]

    def supports(self, texts: Sequence[Scored], alone: Sequence[Scored]) -> list[float | None]:
        """Compute each candidate's support, in nats per token; None if its answer is the whole text."""
        scores = dict(zip(self._alone, alone, strict=True))
        return [
            support(
                text.logprobs[one.start : one.start + len(one.answer)],
                scores[one.marker, one.answer].logprobs,
            )
            if one
            else None
            for one, text in zip(self._found, texts, strict=True)
        ]


def stated_answer(convention: str, ids: Sequence[int], pieces: Sequence[str]) -> StatedAnswer | None:
    """Find the tokens of the answer that a candidate states; None if the answer is the whole text.

    An answer that is not literally in the text, such as a list of two boxes, is taken to be the last line.
    """
    text = "".join(pieces).rstrip()
    answer = extract_answer(text, convention)
    if convention in ANSWER_IS_TEXT or answer is None:
        return None
    at = text.rfind(answer)
    if at < 0:
        at = text.rfind("\n") + 1
        answer = text[at:]
    ends = list(accumulate(map(len, pieces)))
    start, stop = _token_from(ends, at), bisect_left(ends, at + len(answer)) + 1
    near = max(0, at - _MAX_MARKER_CHARS)
    markers = [near + marker.start() for marker in _MARKER.finditer(text[near:at])]
    marker = ids[_token_from(ends, markers[-1]) : start] if markers else ()
    return StatedAnswer(start, tuple(marker), tuple(ids[start:stop]))


def _token_from(ends: Sequence[int], at: int) -> int:
    """First token of the character at `at`; `ends` are the positions at which the tokens' texts end."""
    token = bisect_left(ends, at)
    # Tokens without a text that follow are bytes of the character.
    return token + 1 if at and ends[token] == at else token
