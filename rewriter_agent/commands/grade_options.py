"""The options of `grade`, most of them keys of the reward's config."""

import argparse
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reward import CONVENTIONS, RewardConfig
from reward.answers.formats.json_schema import check_schema
from rewriter_agent.config.safe_yaml import parse_yaml
from rewriter_agent.io.foreign_json import read_object
from rewriter_agent.scoring.grade_rows import MODES

REWARD_OPTIONS: dict[str, tuple[str, type]] = {
    "--timeout": ("timeout", float),
    "--code-timeout": ("code_timeout", float),
    "--memory-limit-gb": ("memory_limit_gb", float),
    "--max-answer-chars": ("max_answer_chars", int),
    "--workers": ("max_verifiers", int),
    "--tolerance": ("numeric_tolerance", float),
    "--text-min-f1": ("text_min_f1", float),
}
"""Option to the config key that it sets, and the key's type."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options; the config's defaults apply."""
    parser.add_argument("input", type=Path, help="JSON Lines file with id, gold and text a row")
    parser.add_argument("--output", type=Path, required=True, help="JSON Lines file to write")
    parser.add_argument(
        "--convention",
        choices=CONVENTIONS,
        default="boxed",
        help="convention of rows that name none (default: boxed)",
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        default="strict",
        help="strict: the convention must be kept; lenient: the last likely answer counts (default: strict)",
    )
    parser.add_argument(
        "--steps",
        action="store_true",
        help="check the steps of each text, too: false and broken ones are listed",
    )
    parser.add_argument(
        "--step-patterns",
        action="append",
        default=[],
        metavar="FILE",
        help="file of further patterns of arithmetic in words, one a line; may be given several times",
    )
    parser.add_argument(
        "--reference",
        metavar="YAML",
        help="checks of rows under the convention reference, as in reward.reference of a config, such as "
        "'{verifier: checks.py:same}' (default: coverage)",
    )
    parser.add_argument("--json-schema", type=Path, metavar="FILE", help=_help("json_schema"))
    for option, (key, kind) in REWARD_OPTIONS.items():
        parser.add_argument(option, dest=key, type=kind, metavar="N", help=_help(key))


def reward_config(options: argparse.Namespace) -> RewardConfig:
    """Build the reward config from the options.

    Raises:
        ValueError: a value is out of range, or the schema cannot be used.
    """
    given: dict[str, Any] = {key: getattr(options, key) for key, _ in REWARD_OPTIONS.values()}
    given = {key: value for key, value in given.items() if value is not None}
    given["step_patterns"] = options.step_patterns
    if options.reference is not None:
        given["reference"] = parse_yaml(options.reference, "--reference")
    if options.json_schema is not None:
        given["json_schema"] = _read_schema(options.json_schema)
    try:
        return RewardConfig(**given)
    except ValidationError as error:
        names = {key: option for option, (key, _) in REWARD_OPTIONS.items()}
        names |= {"step_patterns": "--step-patterns", "reference": "--reference"}
        details = [(names[str(detail["loc"][0])], detail) for detail in error.errors()]
        raise ValueError("\n".join(f"{n}: {d['msg']} (got {d['input']!r})" for n, d in details)) from None


def _read_schema(path: Path) -> dict[str, Any]:
    schema = read_object(path, "--json-schema", "give the path of a JSON file")
    try:
        check_schema(schema)
    except ValueError as error:
        raise ValueError(f"--json-schema {path}: {error}") from error
    return schema


def _help(key: str) -> str:
    field = RewardConfig.model_fields[key]
    default = "" if field.default is None else f" (default: {field.default})"
    return " ".join(f"{field.description}{default}".replace("%", "%%").split())
