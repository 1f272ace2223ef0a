"""Convention `tool_calls`: the calls that a reply makes, and equality of their values."""

import pytest

from reward import Check, Grade, RewardConfig, Verdict, Verifier
from reward.answers.conventions import compare, extract_answer
from reward.answers.formats.tool_calls import beside, read

CONFIG = RewardConfig()
ROME = '{"name": "weather", "arguments": {"city": "Rome", "days": 1}}'
TIME = '{"name": "time", "arguments": {}}'


def tagged(*calls: str) -> str:
    return "\n".join(f"<tool_call>\n{call}\n</tool_call>" for call in calls)


def verdict(gold: str, answer: str) -> Verdict:
    return compare(Check(gold, answer, "tool_calls"), CONFIG)[0]


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        (f"Let me look.\n{tagged(ROME)}\n", tagged(ROME), tagged(ROME)),
        (tagged(ROME, TIME), tagged(ROME, TIME), tagged(ROME, TIME)),
        (f"[TOOL_CALLS] [{ROME}]", f"[TOOL_CALLS] [{ROME}]", f"[TOOL_CALLS] [{ROME}]"),
        (f"\n{ROME}\n", ROME, ROME),
        (f"Call this:\n```json\n{ROME}\n```", None, ROME),
        ("It is warm in Rome.", None, None),
    ],
)
def test_calls_are_found_at_the_end_of_a_reply(text: str, strict: str | None, lenient: str | None) -> None:
    assert extract_answer(text, "tool_calls") == strict
    assert extract_answer(text, "tool_calls", strict=False) == lenient


def test_a_text_after_the_calls_is_none_strictly() -> None:
    text = f"{tagged(ROME)}\nDone."
    assert extract_answer(text, "tool_calls", strict=False) == tagged(ROME)
    found = extract_answer(text, "tool_calls")
    assert found is not None
    assert verdict(ROME, found) is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (ROME, '{"arguments": {"days": 1.0, "city": "Rome"}, "name": "weather"}'),
        (ROME, '{"name": "weather", "parameters": {"days": 1, "city": "Rome"}}'),
        (ROME, '{"name": "weather", "arguments": "{\\"city\\": \\"Rome\\", \\"days\\": 1e0}"}'),
        (ROME, f'[{{"type": "function", "id": "a", "function": {ROME}}}]'),
        (TIME, '{"name": "time"}'),
        (ROME, tagged(ROME)),
        (ROME, f"[TOOL_CALLS][{ROME}]"),
        (tagged(ROME, TIME), f"<tool_call>{ROME}</tool_call> <tool_call>{TIME}</tool_call>"),
    ],
)
def test_equal_calls(gold: str, answer: str) -> None:
    assert verdict(gold, answer) is Verdict.EQUAL


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (ROME, ROME.replace("Rome", "rome")),
        (ROME, ROME.replace("1", "true")),
        (ROME, ROME.replace("1", '"1"')),
        (ROME, ROME.replace(', "days": 1', "")),
        (ROME, ROME.replace("weather", "time")),
        (f"[{ROME}, {TIME}]", f"[{TIME}, {ROME}]"),
        (f"[{ROME}, {ROME}]", ROME),
        (ROME, f"[{ROME}, {ROME}]"),
        # A model that reads tags takes anything else for words.
        (tagged(ROME), ROME),
        (tagged(ROME), f"[TOOL_CALLS][{ROME}]"),
        (ROME, tagged(ROME.replace('"city"', '"city": "Oslo", "city"'))),
        (ROME, tagged("weather(city='Rome', days=1)")),
        (ROME, f"<tool_call>{ROME}"),
        (ROME, tagged("NaN")),
        (ROME, ROME.replace('"name"', '"note": "x", "name"')),
    ],
)
def test_other_calls(gold: str, answer: str) -> None:
    assert verdict(gold, answer) is Verdict.DIFFERENT


@pytest.mark.parametrize(
    ("calls", "reason"),
    [
        ("[]", "there is no call"),
        ('{"arguments": {}}', "has no name"),
        ('{"name": "f", "arguments": [1]}', "the arguments of 'f' are a list"),
        ('"f"', "a call is a str"),
        (f"{tagged(ROME)} and {tagged(TIME)}", "a text stands between"),
        (tagged('{"name": "f", "arguments": ' + "[" * 80 + "]" * 80 + "}"), "nested deeper than 64"),
    ],
)
def test_what_is_no_call_is_told(calls: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(calls)
    assert compare(Check(calls, ROME, "tool_calls"), CONFIG) == (Verdict.UNDECIDED, "invalid_gold")


def test_the_words_beside_calls_are_those_before_them() -> None:
    assert beside(f"Let me look.\n\n{tagged(ROME)}") == "Let me look."
    assert beside(tagged(ROME)) == beside(ROME) == ""
    assert beside("It is warm.") == "It is warm."


def test_hostile_calls_are_decided_in_child_processes() -> None:
    hostile = [
        *("[" * 9000, tagged("[" * 9000), "<tool_call>" * 1500, "[TOOL_CALLS]" * 1500, tagged("9" * 9000)),
        '{"name": "f", "arguments": {"a": 1e999999999}}',
    ]
    with Verifier(RewardConfig(max_verifiers=1)) as verifier:
        assert not verifier.pids()
        grades: list[Grade] = verifier.verify([Check(ROME, text, "tool_calls") for text in hostile])
        assert verifier.pids()
        assert verifier.crashes == verifier.timeouts == 0
        [long] = verifier.verify([Check(ROME, ROME + " " * 30_000, "tool_calls")])
    assert Verdict.EQUAL not in {grade.verdict for grade in grades}
    assert (long.verdict, long.reason) == (Verdict.UNDECIDED, "too_long")
