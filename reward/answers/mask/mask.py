"""Hides the final answer of an expert's solution, so that a rewrite has to derive it.

A solution gives its answer away more than once: "115 - 4 = 111" shows what "#### 111" states. So the value is hidden
wherever the solution writes it. An intermediate result that is hidden with it can be computed again from its own step.
If the question states the same value, operands keep it; results and everything after the last one are hidden.
"""

import re
from collections.abc import Callable

from reward.answers.conventions import decide, extract_answer
from reward.answers.extract.final_answer import strip_answer_line
from reward.config import RewardConfig
from reward.types import Check, Verdict

from .mentions import Mentions, Span

MASK = "___"
"""Text in place of a hidden answer; the gate refuses candidates that repeat it."""

_MOST_ROUNDS = 8
_REACH = 200
_CLAUSE_END = re.compile(r"[;\n]|[.,](?=\s)")
_EQUALS = re.compile(
    r"(?:[=≈→]|(?<![A-Za-z])(?:is|are|equals|makes|gives|leaves)(?=\s))\s{0,3}(?:\\?\$|[€£¥(*]){0,3}\s{0,3}\Z"
)
_RELATION_CHARS = 20
_COMPUTED = re.compile(r"\s*(?:[⇐←]|=[^=;\n]{0,80}?\d\s*(?:[-+*/×·÷^−]|\\(?:times|cdot|div)))")
_OPERATOR_END = re.compile(r"[-+*/×·÷^−⊕⊖⊗⊘]\s*\Z")
_LETTER = (
    r"[(\[{{]\s?(?P<bracketed>{0})(?=\s?[)\]}}])"
    r"|(?<![A-Za-z])(?i:option|choice|letter|answer)(?:\s+is)?:?\s+[\"'*_]*(?P<named>{0})(?![\w'’])"
    r"|^[ \t*_]*(?P<line>{0})(?=[.):]|[ \t*_]*$)"
)
_OPTION = (
    r"^[ \t]*\(?{0}[).:][ \t]*(?P<line>\S[^\n]*?)[ \t]*$|\({0}\)[ \t]*(?P<inline>[^()\n]+?)[ \t]*(?=\(|$)"
)
_WORD = re.compile(r"[A-Za-z]")


def mask_answer(question: str, solution: str, answer: str, convention: str) -> str | None:
    """Replace `answer` by `MASK` wherever `solution` gives it away; None if the solution is the answer itself.

    Under `contains`, `python`, `reference` and `tool_calls`, and for JSON without other text, nothing is left to
    derive an answer from. Otherwise no answer equal to `answer` can be extracted from the result, strictly or
    leniently. Numbers are compared by value, in digits and in English words, other answers literally. The time is
    linear in the length of `solution`.

    Raises:
        ValueError: the convention is unknown.
    """
    if convention in ("contains", "python", "reference", "tool_calls"):
        return None
    stated = extract_answer(solution, convention)
    if convention == "json":
        around = solution.replace(stated or "", "").replace("```json", "")
        return _hide_extracted(solution, answer, convention) if _WORD.search(around) else None
    if convention == "choice":
        return _hide_extracted(_hide_choice(question, solution, answer), answer, convention)
    mentions = Mentions(answer, {answer, stated or ""}, ignores_case=convention == "text")
    spans = mentions.find(solution)
    if spans and mentions.find(question):
        spans = _from_derivation(solution, spans)
    return _hide_extracted(_hide(solution, spans), answer, convention)


def _hide(text: str, spans: list[Span]) -> str:
    kept, at = [], 0
    for start, end in spans:
        kept.append(text[at:start])
        at = end
    return MASK.join([*kept, text[at:]])


def _from_derivation(solution: str, spans: list[Span]) -> list[Span]:
    """Select the mentions that are results, and all from the last result on; without a result, from the last mention.

    The question states the value too, so other mentions may be numbers that the steps begin with.
    """
    body = len(strip_answer_line(solution))
    told = [span for span in spans if span[1] <= body]
    results = {span for span in told if _is_result(solution, span)}
    begin = max(results) if results else (told or spans)[-1]
    return [span for span in spans if span in results or span >= begin]


def _is_result(text: str, span: Span) -> bool:
    """Whether an equation computes this value: "105 / 5 = 21", "105 over 5 is 21", "21 = 105 / 5"."""
    window = text[max(0, span[0] - _REACH) : span[0]]
    clause = _CLAUSE_END.split(window)[-1]
    relation = _EQUALS.search(clause, max(0, len(clause) - _RELATION_CHARS))
    if relation and any(map(str.isdigit, re.split("[=≈→]", clause[: relation.start()])[-1])):
        return True
    return _COMPUTED.match(text, span[1], span[1] + _REACH) is not None and not _OPERATOR_END.search(clause)


def _hide_choice(question: str, solution: str, answer: str) -> str:
    """Hide the letter of the choice and, after it, the text that the question gives it."""
    letter = re.escape(answer.strip(" ().").upper())
    named = re.compile(_LETTER.format(letter), re.MULTILINE)
    spans = [
        next(match.span(name) for name in match.groupdict() if match[name])
        for match in named.finditer(solution)
    ]
    masked = _hide(solution, spans)
    option = re.search(_OPTION.format(letter), question, re.MULTILINE)
    if option is None:
        return masked
    text = option["line"] or option["inline"]
    return re.sub(
        rf"({MASK}\W{{1,6}}){re.escape(text.rstrip('.'))}", rf"\1{MASK}", masked, flags=re.IGNORECASE
    )


def _hide_extracted(text: str, answer: str, convention: str) -> str:
    """Hide each answer equal to `answer` that can still be extracted; the whole text if they do not end."""
    is_answer = _equality(answer, convention)
    for _ in range(_MOST_ROUNDS):
        readings = {extract_answer(text, convention, strict=strict) for strict in (True, False)}
        found = next((reading for reading in readings if reading is not None and is_answer(reading)), None)
        if found is None:
            return text
        start = text.rfind(found)
        # An answer that is not literally there, such as a list of two boxes, ends the text.
        start, end = (start, start + len(found)) if start >= 0 else (text.rstrip().rfind("\n") + 1, len(text))
        text = f"{text[:start]}{MASK}{text[end:]}"
    return MASK


def _equality(answer: str, convention: str) -> Callable[[str], bool]:
    config = RewardConfig()

    def is_answer(text: str) -> bool:
        result = decide(Check(answer, text, convention), config)
        return result is not None and result[0] is Verdict.EQUAL

    return is_answer
