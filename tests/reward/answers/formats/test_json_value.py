"""Convention `json`: extraction of JSON from a text, and equality of two values."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.answers.formats.json_schema import check_schema
from reward.answers.formats.json_text import MAX_DEPTH, extract, loads
from reward.answers.formats.json_value import compare, decide
from reward.config import RewardConfig
from reward.types import Check, GradeReason, Verdict

PLAIN = RewardConfig()
PERSON = {
    "type": "object",
    "required": ["age"],
    "properties": {"age": {"$ref": "#/$defs/age"}},
    "$defs": {"age": {"type": "integer"}},
}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def result(gold: str, answer: str) -> tuple[Verdict, GradeReason | None] | None:
    return decide(Check(gold, answer, "json"), PLAIN)


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ('{"a": 1}', '{"a": 1}', '{"a": 1}'),
        (" 5\n", "5", "5"),
        ('Here:\n```json\n{"a": [1, 2]}\n```\nDone.', '{"a": [1, 2]}', '{"a": [1, 2]}'),
        ("```\n[1]\n```\n```JSON\n[2]\n```", "[2]", "[2]"),
        ("```json\n[1]\n```\n```json\nnot JSON\n```", "[1]", "[1]"),
        ('```python\n[1]\n```\nand {"a": 1}.', None, '{"a": 1}'),
        ('```json\n{"a": 1}', None, '{"a": 1}'),
        ('He said 5" and then {"a": "}"} was it', None, '{"a": "}"}'),
        ('[1, 2) then {"b": [1]} x', None, '{"b": [1]}'),
        ("first [1] then [2].", None, "[2]"),
        ('{"a": NaN}', None, None),
        ('{"a": 1, "a": 2}', None, None),
        ("{'a': 1}", None, None),
        ("", None, None),
    ],
)
def test_extraction(text: str, strict: str | None, lenient: str | None) -> None:
    assert extract(text, strict=True) == strict
    assert extract(text, strict=False) == lenient


@given(VALUES)
def test_a_rendered_value_is_found_and_equal(value: object) -> None:
    text = json.dumps(value, indent=1)
    assert extract(text, strict=True) == text
    assert extract(f"So:\n```json\n{text}\n```\n", strict=True) == text
    assert result(text, json.dumps(value, sort_keys=True)) == (Verdict.EQUAL, None)


@given(VALUES, VALUES)
def test_the_order_of_the_two_does_not_matter(left: object, right: object) -> None:
    first, second = json.dumps(left), json.dumps(right)
    assert result(first, second) == result(second, first)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ('{"a": 1, "b": [1, 2]}', '{"b": [1, 2.0], "a": 1.0}'),
        ("0.1", "0.10"),
        ("100", "1e2"),
        ('"\\u0061"', '"a"'),
        ('{"name": "f", "arguments": {"x": 1}}', '{"name": "f", "arguments": "{\\"x\\": 1.0}"}'),
        ('[{"name": "f", "arguments": {}}]', '[{"name": "f", "arguments": "{}"}]'),
        ('{"name": "f", "arguments": "text"}', '{"name": "f", "arguments": "text"}'),
    ],
)
def test_equal(gold: str, answer: str) -> None:
    assert result(gold, answer) == result(answer, gold) == (Verdict.EQUAL, None)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("1", "true"),
        ("0", "false"),
        ("null", "false"),
        ("1", '"1"'),
        ("[1, 2]", "[2, 1]"),
        ('"a"', '"A"'),
        ('{"a": 1}', '{"a": 1, "b": null}'),
        ("0.1", "0.1000000000000000055511151231257827"),
        ("1e999999", "1"),
        ('{"name": "f", "arguments": {}}', '{"name": "g", "arguments": {}}'),
        ('{"name": "f", "arguments": {"x": true}}', '{"name": "f", "arguments": "{\\"x\\": 1}"}'),
        ('{"text": {}}', '{"text": "{}"}'),
    ],
)
def test_different(gold: str, answer: str) -> None:
    assert result(gold, answer) == result(answer, gold) == (Verdict.DIFFERENT, None)


@pytest.mark.parametrize(
    "gold", ["yes", "NaN", "[Infinity]", '{"a": 1, "a": 1}', "[1", "1e99999999999999999999"]
)
def test_a_gold_that_is_not_json_is_refused(gold: str) -> None:
    assert result(gold, "1") == (Verdict.UNDECIDED, "invalid_gold")
    assert result("1", gold) == (Verdict.DIFFERENT, "unparsable")


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
def test_deep_nesting_is_undecided(depth: int) -> None:
    deep = "[" * depth + "]" * depth
    assert extract(deep, strict=True) == deep
    assert result("1", deep) == result(deep, "1") == (Verdict.UNDECIDED, "unparsable")


def test_nesting_up_to_the_limit_is_compared() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert result(deep, deep) == (Verdict.EQUAL, None)


def test_brackets_inside_a_string_are_no_nesting() -> None:
    assert loads('"' + "[" * 1000 + '\\""') == "[" * 1000 + '"'


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ('{"age": 5}', '{"age": 5}', (Verdict.EQUAL, None)),
        ('{"age": 5}', '{"age": 6}', (Verdict.DIFFERENT, None)),
        ('{"age": 5}', '{"age": "5"}', (Verdict.DIFFERENT, "schema")),
        ('{"age": 5}', "[]", (Verdict.DIFFERENT, "schema")),
    ],
)
def test_a_schema_is_checked_in_the_sandbox_only(gold: str, answer: str, expected: object) -> None:
    config, check = RewardConfig(json_schema=PERSON), Check(gold, answer, "json")
    assert decide(check, config) is None
    assert compare(check, config) == expected


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "objekt"}, "'objekt' is not valid"),
        ({"properties": 5}, "5 is not of type 'object'"),
        ({"items": {"$ref": "https://example.org/schema"}}, "'https://example.org/schema' leads nowhere"),
        ({"items": {"$ref": "#/$defs/none"}}, "'#/[$]defs/none' leads nowhere"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"items": {"$ref": "#/items"}},
        {"$defs": {"a": {"anyOf": [True, {"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}},
        {"dependentSchemas": {"x": {"allOf": [{"$ref": "#"}]}}},
    ],
)
def test_a_schema_without_end_is_refused(schema: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="leads back to itself"):
        check_schema(schema)


def test_a_schema_nested_too_deep_is_refused() -> None:
    schema: dict[str, object] = {}
    for _ in range(5000):
        schema = {"not": schema}
    with pytest.raises(ValueError, match="too deep"):
        check_schema(schema)


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"anyOf": [{"type": "null"}, {"$ref": "#"}]}])
def test_a_schema_that_exhausts_the_stack_leaves_its_check_undecided(schema: dict[str, object]) -> None:
    config = RewardConfig().model_copy(update={"json_schema": schema})
    assert compare(Check("1", "1", "json"), config) == (Verdict.UNDECIDED, "unparsable")


@pytest.mark.parametrize(
    "schema",
    [
        PERSON,
        {"properties": {"child": {"$ref": "#"}}, "items": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"items": {"$ref": "#/$defs/a"}}}},
        {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}], "$defs": {"a": True}},
    ],
)
def test_a_good_schema_is_accepted(schema: dict[str, object]) -> None:
    check_schema(schema)


def test_a_small_stack_is_enough() -> None:
    """Threads of the caller may have a small stack, and a crash there would end its process."""
    deep, results = '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH, []
    before = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=lambda: results.append(result(deep, deep)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert results == [(Verdict.EQUAL, None)]
