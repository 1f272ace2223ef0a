"""YAML that is hostile or easily misread: one message with the place, in files and in `--set`."""

import re
import time
from pathlib import Path

import pytest

from rewriter_agent.config import load_config
from rewriter_agent.config.safe_yaml import MAX_DEPTH, MAX_VALUES, parse_yaml

MINIMAL = "name: r\nmodel: {}\ndata: {source: gsm_symbolic}\n"


def bomb(width: int, depth: int) -> str:
    lines = ["l0: &l0 [" + ",".join(["x"] * width) + "]"]
    lines += [f"l{i}: &l{i} [" + ",".join([f"*l{i - 1}"] * width) + "]" for i in range(1, depth)]
    return "\n".join(lines) + "\n"


HOSTILE = {
    "multiplying aliases": (bomb(9, 9), "line 5: more than "),
    "multiplying keys": (
        "a: &a {a: 1, b: 2}\n"
        + "\n".join(
            f"b{i}: &b{i} {{x: *{'a' if not i else f'b{i - 1}'}, y: *{'a' if not i else f'b{i - 1}'}}}"
            for i in range(20)
        ),
        "more than ",
    ),
    "an alias of itself": ("a: &a [1, *a]\n", "line 1: the alias *a stands for what it is in"),
    "an alias of what is around it": ("a: &a\n  b:\n    c: *a\n", "line 3: the alias *a stands for"),
    "nested lists": (
        "a: " + "[" * 3000 + "]" * 3000 + "\n",
        "line 1: sections and lists are nested deeper than",
    ),
    "nested sections": ("a: " + "{b: " * 3000, "nested deeper than"),
    "nested by dashes": ("- " * 100_000, "nested deeper than"),
    "many values": ("a: [" + "1," * 30_000 + "]\n", "more than "),
    "a megabyte": ("a: " + "x" * 1_000_001, "and at most 1000000 are read"),
    "a number of 5,000 digits": ("a: " + "1" * 5000, "line 1, column 4: a number of 5000 characters"),
    "a hexadecimal one": ("a: 0x" + "f" * 5000, "a number of 5002 characters"),
    "a sexagesimal one": ("a: 1" + ":20" * 5000, "a number of 15001 characters"),
    "hardly a number": ("a: 0x_", "'0x_' is not a number; quote it"),
    "a Python object": (
        "a: !!python/object/apply:os.system [ls]\n",
        "line 1: the tag tag:yaml.org,2002:python/",
    ),
    "a tag": ("a: !!set {b, c}\n", "line 1: the tag tag:yaml.org,2002:set is not allowed"),
    "a tag of its own": ("a: !env HOME\n", "line 1: the tag !env is not allowed"),
    "a key twice": ("a: 1\nb: 2\na: 3\n", "line 3, column 1: key 'a' is given twice"),
    "a key twice inside": ("a: {b: 1, 'b': 2}\n", "key 'b' is given twice"),
    "tabs": ("a:\n\tb: 1\n", "line 2, column 1: found character '\\t'"),
    "a list as key": ("? [a]\n: b\n", "a key is a section or list"),
    "a number as key": ("a: {1: b}\n", "line 1, column 5: key 1 is not text; put it in quotes"),
    "yes as key": ("yes: 1\n", "key yes is not text"),
    "no finite number": ("a: [1.0, .nan]\n", "line 1, column 10: .nan is not a finite number"),
    "too large a number": ("a: 1.0e+999\n", "1.0e+999 is not a finite number"),
    "two documents": ("a: 1\n---\nb: 2\n", "but found another document"),
    "an unknown alias": ("a: *b\n", "found undefined alias"),
    "a merge of no section": ("<<: 3\n", "expected a mapping"),
    "a NUL byte": ("a: \0\n", "it holds the control character U+0000"),
}


@pytest.mark.parametrize(("text", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_yaml_is_one_short_message(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    before = time.process_time()
    with pytest.raises(ValueError) as error:  # noqa: PT011 the messages are tested
        load_config(path)
    assert time.process_time() - before < 20
    assert type(error.value) is ValueError
    assert str(path) in str(error.value)
    assert len(str(error.value)) < 1000
    if "found another document" not in reason:
        assert reason in str(error.value)


@pytest.mark.parametrize(
    "value",
    [
        "[" * 3000,
        "{a: " * 100,
        "1" * 5000,
        "!!python/name:os.system",
        "&a [*a]",
        "{a: 1, a: 2}",
        "*a",
        "!!int x",
    ],
)
def test_hostile_overrides_are_one_short_message(tmp_path: Path, value: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(MINIMAL)
    with pytest.raises(ValueError, match=r"^--set reward\.json_schema=") as error:
        load_config(path, [f"reward.json_schema={value}"])
    assert len(str(error.value)) < 1000


def test_an_override_of_a_thousand_sections(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(MINIMAL)
    with pytest.raises(ValueError, match=f"a key has at most {MAX_DEPTH} parts"):
        load_config(path, ["a." * 1000 + "b=1"])


@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "1.0e+999"])
@pytest.mark.parametrize(
    "key",
    ["train.learning_rate", "sft.learning_rate", "reward.timeout", "cluster.timeout", "prepare.temperature"],
)
def test_numbers_are_finite(tmp_path: Path, key: str, value: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(MINIMAL)
    with pytest.raises(ValueError, match=rf"^--set {key}=.*{re.escape(value)} is not a finite number"):
        load_config(path, [f"{key}={value}"])


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_text_of_numbers_is_finite_too(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(MINIMAL)
    for key in ("train.learning_rate", "sft.learning_rate", "reward.timeout", "cluster.timeout"):
        with pytest.raises(ValueError, match=rf"^{key}: Input should be a finite number"):
            load_config(path, [f"{key}='{text}'"])


def test_an_override_changes_no_other_alias(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(MINIMAL + "prepare: &a {max_completion_length: 100}\nrewrite: *a\n")
    config = load_config(path, ["rewrite.max_completion_length=200"])
    assert (config.prepare.max_completion_length, config.rewrite.max_completion_length) == (100, 200)


@pytest.mark.parametrize("key", ["seed", "evaluate.seed", "data.seed"])
@pytest.mark.parametrize("value", [-1, 2**32, 10**50])
def test_seeds_are_those_that_generators_take(tmp_path: Path, key: str, value: int) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(MINIMAL)
    with pytest.raises(ValueError, match=f"^{key}: "):
        load_config(path, [f"{key}={value}"])


def test_a_value_in_a_message_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(MINIMAL + f"seed: {'x' * 100_000}\n")
    with pytest.raises(ValueError, match=r"^seed: ") as error:
        load_config(path)
    assert len(str(error.value)) < 1000


def test_anchors_aliases_and_merges_within_reason_are_read() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: *b, z: 4}\n".replace("b: {", "b: &b {")
    assert parse_yaml(text, "it") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 3, "z": 4},
    }


def test_what_looks_like_a_date_is_text() -> None:
    assert parse_yaml("{a: 2024-01-31, b: 2001-12-14 21:59:43}", "it") == {
        "a": "2024-01-31",
        "b": "2001-12-14 21:59:43",
    }


def test_values_up_to_the_limits_are_read() -> None:
    deep = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse_yaml(deep, "it") is not None
    assert len(parse_yaml("[" + "1," * (MAX_VALUES - 1) + "]", "it")) == MAX_VALUES - 1
    assert parse_yaml("1" * 100, "it") == int("1" * 100)


def test_a_base_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for base, reason in {
        "loop.yaml": "cannot be used (Too many levels",
        "none.yaml": "there is no file",
        '"nul\\0"': "cannot be used (embedded null byte)",
        "/dev/zero": "is a device or pipe",
        ".": "is a folder",
    }.items():
        path.write_text(f"base: {base}\n")
        with pytest.raises(ValueError, match=r"^config \('base' of ") as error:
            load_config(path)
        assert reason in str(error.value)
    (tmp_path / "bomb.yaml").write_text(bomb(9, 9))
    path.write_text("base: bomb.yaml\n")
    with pytest.raises(ValueError, match=r"bomb\.yaml, line 5: more than"):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "name: ä\nmodel: é\n".encode("latin-1"),
            "line 1: the byte 0xe4 is not UTF-8; save the file as UTF-8",
        ),
        ("name: ä\nmodel: \0\n".encode(), "line 2: it holds the control character U+0000; take it out"),
        ("name: a\n\nmodel: \x1b[31m\n", "line 3: it holds the control character U+001B; take it out"),
    ],
)
def test_a_character_that_is_not_allowed_is_named_with_its_line(text: bytes | str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"x.yaml is not valid YAML: {reason}")):
        parse_yaml(text, "x.yaml")
