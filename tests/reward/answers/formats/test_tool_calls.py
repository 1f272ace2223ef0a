"""Convention `tool_calls`: the calls that a reply makes, and equality of their values."""

import pytest

from reward import Check, Grade, RewardConfig, Verdict, Verifier
from reward.answers.conventions import compare, extract_answer
from reward.answers.formats.tool_calls import beside, read

CONFIG = RewardConfig()
PYTHON_TAG = "<|python_tag|>"
ROME = '{"name": "weather", "arguments": {"city": "Rome", "days": 1}}'
TIME = '{"name": "time", "arguments": {}}'


def tagged(*calls: str) -> str:
    return "\n".join(f"<tool_call>\n{call}\n</tool_call>" for call in calls)


def xml(name: str, **arguments: object) -> str:
    """A call as Qwen3-Coder writes it."""
    parameters = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in arguments.items())
    return f"<tool_call>\n<function={name}>\n{parameters}</function>\n</tool_call>"


def deepseek(*calls: str) -> str:
    """Calls as DeepSeek writes them."""
    inner = "\n".join(f"<｜tool▁call▁begin｜>{call}<｜tool▁call▁end｜>" for call in calls)
    return f"<｜tool▁calls▁begin｜>{inner}<｜tool▁calls▁end｜>"


XML = xml("weather", city="Rome", days=1)
V3 = 'function<｜tool▁sep｜>weather\n```json\n{"city": "Rome", "days": 1}\n```'
V31 = 'weather<｜tool▁sep｜>{"city": "Rome", "days": 1}'


def verdict(gold: str, answer: str) -> Verdict:
    return compare(Check(gold, answer, "tool_calls"), CONFIG)[0]


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        (f"Let me look.\n{tagged(ROME)}\n", tagged(ROME), tagged(ROME)),
        (tagged(ROME, TIME), tagged(ROME, TIME), tagged(ROME, TIME)),
        (f"[TOOL_CALLS] [{ROME}]", f"[TOOL_CALLS] [{ROME}]", f"[TOOL_CALLS] [{ROME}]"),
        (f"I look.\n{XML}", XML, XML),
        (f"I look.\n{deepseek(V3)} And?", f"{deepseek(V3)} And?", deepseek(V3)),
        (f"I look.{PYTHON_TAG}{ROME}", f"{PYTHON_TAG}{ROME}", f"{PYTHON_TAG}{ROME}"),
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
        (ROME, XML),
        (XML, xml("weather", days="1.0", city="Rome")),
        (ROME.replace("1", '"1"'), XML),
        (ROME.replace("1", "true"), xml("weather", city="Rome", days=True)),
        (
            ROME.replace("1", '["Rome", {"a": null}]'),
            xml("weather", city="Rome", days='["Rome", {"a": null}]'),
        ),
        (ROME.replace("Rome", "a\\n<b>"), xml("weather", city="a\n<b>", days=1)),
        (TIME, xml("time")),
        (f"[{ROME}, {TIME}]", f"{XML}\n{xml('time')}"),
        (ROME, deepseek(V3)),
        (deepseek(V3), deepseek(V31)),
        (f"[{ROME}, {TIME}]", deepseek(V3, "time<｜tool▁sep｜>{}")),
        (ROME, f"{PYTHON_TAG}{ROME.replace('arguments', 'parameters')}"),
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
        (tagged(ROME), XML),
        (XML, tagged(ROME)),
        (deepseek(V3), tagged(ROME)),
        (f"{PYTHON_TAG}{ROME}", ROME),
        (XML, xml("weather", city='"Rome"', days=1)),
        (XML, xml("weather", city="Rome", days=2)),
        (XML, xml("weather", city="Rome")),
        (XML, XML.replace("</function>", "")),
        (XML, XML.replace("<parameter=days>", "<parameter=city>")),
        (XML, XML.replace("<parameter=days>", "And <parameter=days>")),
        (deepseek(V3), deepseek(V3.replace("Rome", "Oslo"))),
        (deepseek(V3), deepseek(V3).removesuffix("<｜tool▁calls▁end｜>")),
        (ROME, f'{PYTHON_TAG}weather.call(city="Rome", days="1")'),
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
    assert beside(tagged(ROME)) == beside(ROME) == beside(XML) == beside(deepseek(V3)) == ""
    assert beside("It is warm.") == "It is warm."


def test_hostile_calls_are_decided_in_child_processes() -> None:
    hostile = [
        *(
            XML.replace("Rome", "<parameter=a>" * 900),
            f"<tool_call><function=f>{' ' * 9000}",
            deepseek("x" * 9000),
        ),
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
