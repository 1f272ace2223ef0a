"""Patterns of arithmetic in words, read from files that users can extend."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .grammar import Parser
from .nodes import Node, Number, Operation
from .tokens import Token, tokenise
from .unit_words import NO_UNITS

ARROW = "=>"
"""Mark between a pattern's phrase and its meaning."""
FIRST_VALUE, FIRST_CALCULATION, LAST = 0xF0000, 0xF8000, 0xFFFFD
"""Characters that stand for expressions in the text that patterns are matched with: values first, then calculations."""
_VALUE = f"[{chr(FIRST_VALUE)}-{chr(LAST)}]"
_CALCULATION = f"[{chr(FIRST_CALCULATION)}-{chr(LAST)}]"
_NO_UNIT = "|".join(sorted(NO_UNITS | {"of", "less", "more", "fewer", "greater"}))
_UNIT = rf"(?: (?!(?:{_NO_UNIT}) )[^\W\d_][\w'-]*){{0,2}}?"
"""Words of a unit after a number: "3 red apples plus 4 apples is 7"."""
_ATOM = re.compile(r"\{([A-Za-z])(!?)\}|\(([^(){}]+)\)(\??)|([^\s(){}]+)|(\S)")
_RELATION = re.compile(r"<=|>=|!=|[=<>≤≥≠≈]")
_FIRST_MARKER = 10**70
"""Number that stands for the first placeholder while a meaning is parsed; no text holds one as long."""
_EXAMPLE = "{a} plus {b} (is|equals) {c} => a + b = c"


@dataclass(frozen=True)
class StepPattern:
    """Phrase with placeholders for numbers, and its meaning: an expression, or a relation of two."""

    phrase: str
    meaning: str
    regex: re.Pattern[str]
    required: tuple[frozenset[str], ...]
    """Sets of words; a text that the phrase matches holds one of each."""
    left: Node
    relation: str
    right: Node | None


def load_patterns(path: Path) -> list[StepPattern]:
    """Read a file of patterns, one a line; blank lines and lines that begin with # are skipped.

    Raises:
        ValueError: a line is no pattern; the message names the file, the line and what to change.
    """
    return parse_patterns(path.read_text(encoding="utf-8").splitlines(), str(path))


def parse_patterns(lines: Iterable[str], source: str) -> list[StepPattern]:
    """Read patterns as `load_patterns` does; messages name `source`."""
    patterns = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                patterns.append(_read(line))
            except ValueError as error:
                raise ValueError(f"{source}, line {number}: {error}") from None
    return patterns


def pattern_lines(given: str) -> list[str]:
    """Return the pattern that `given` is, or the patterns in the file whose path it is, as lines.

    Raises:
        ValueError: a line is no pattern, or there is no such file.
    """
    if ARROW in given:
        patterns = parse_patterns([given], "pattern")
    elif Path(given).is_file():
        patterns = load_patterns(Path(given))
    else:
        raise ValueError(
            f"{given!r} is neither a pattern nor a file of patterns. Write: {_EXAMPLE}, or give the path of a file "
            "with one such line for each pattern"
        )
    return [f"{pattern.phrase} {ARROW} {pattern.meaning}" for pattern in patterns]


def _read(line: str) -> StepPattern:
    phrase, arrow, meaning = (part.strip() for part in line.rpartition(ARROW))
    if not (phrase and arrow and meaning):
        raise ValueError(f"{line!r} is no pattern. Write: {_EXAMPLE}")
    regex, names, required = _compile(phrase)
    relation = _RELATION.search(meaning)
    sides = [meaning[: relation.start()], meaning[relation.end() :]] if relation else [meaning]
    nodes = [_parse(side, names, meaning) for side in sides]
    sign = {"<=": "≤", ">=": "≥", "!=": "≠"}.get(relation[0], relation[0]) if relation else ""
    return StepPattern(phrase, meaning, regex, required, nodes[0], sign, nodes[1] if relation else None)


def _compile(phrase: str) -> tuple[re.Pattern[str], list[str], tuple[frozenset[str], ...]]:
    parts, names, required = [], [], []
    for match in _ATOM.finditer(phrase):
        name, bare, alternatives, optional, word, other = match.groups()
        if other:
            raise ValueError(
                f"{phrase!r} holds {other!r}. Use {{a}}, words, (one|other) and (optional)? only."
            )
        if name:
            if name.lower() in map(str.lower, names):
                raise ValueError(f"{phrase!r} holds {{{name}}} twice. Give each number a letter of its own.")
            names.append(name)
            parts.append(f"(?P<{name}>{_CALCULATION if name.isupper() else _VALUE}){'' if bare else _UNIT}")
            continue
        choices = [_normal(choice) for choice in (alternatives or word).split("|")]
        if not optional:
            required.append(frozenset(choice.split()[0] for choice in choices if choice))
        body = "|".join(map(re.escape, choices))
        parts.append(f"(?:(?<!\\S)(?:{body})(?!\\S)){optional or ''}")
    if not names:
        raise ValueError(f"{phrase!r} holds no number. Write: {_EXAMPLE}")
    # A character that stands for an expression is a word of its own.
    start = "" if phrase.startswith("{") else r"(?<!\S)"
    return re.compile(rf"{start}{' *'.join(parts)}(?!\S)"), names, tuple(required)


def _normal(words: str) -> str:
    """Write words as they stand in the text that patterns are matched with: lower case, signs apart."""
    return " ".join(re.findall(r"[^\W\d_][\w'-]*|\S", words.lower()))


def _parse(side: str, names: Sequence[str], meaning: str) -> Node:
    tokens: list[Token] = []
    for token in tokenise(side):
        if token.text in names:
            token = Token(
                "number", token.text, token.start, token.end, _FIRST_MARKER + names.index(token.text)
            )
        tokens.append(token)
    found = Parser(tokens).expression(0)
    if found is None or found[1] < len(tokens):
        known = ", ".join(names)
        raise ValueError(f"{meaning!r} is no calculation with {known}. Write: {_EXAMPLE}")
    return found[0]


def fill(node: Node, values: Mapping[int, Node]) -> Node:
    """Put `values`, by the position of the placeholder, into a pattern's meaning."""
    if isinstance(node, Number):
        position = int(node.value) - _FIRST_MARKER
        return values.get(position, node) if position >= 0 else node
    return Operation(node.sign, tuple(fill(argument, values) for argument in node.args))


def operands(pattern: StepPattern, match: re.Match[str]) -> list[tuple[int, str]]:
    """Position of each placeholder and the character that it matched, in the order of the text."""
    return [(group - 1, match[name]) for name, group in pattern.regex.groupindex.items()]


ENGLISH = load_patterns(Path(__file__).parent / "patterns" / "en.txt")
