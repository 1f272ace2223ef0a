"""Lint of language: docstrings that cannot stand alone, and phrases that the field does not use.

Run `python scripts/prose_lint.py [PATH ...]` from the repository's root. CONTRIBUTING.md has the rules.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

CHECKED = (
    *("rewriter_agent", "reward", "cluster", "sft", "benchmarks", "scripts", "examples", "tests"),
    *("docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"),
)
OPENERS = re.compile(
    r"\s*((?:of|by|for|from|in|on|at|to|with|without|as|under|over|beside)|(?:which|whose|whom|who|where)"
    r"|(?:those|them|they|theirs?|its?))\b",
    re.IGNORECASE,
)
"""Words with which a docstring may not begin: prepositions, relatives and possessives."""
PHRASES: dict[str, str] = {
    r"anew": "again, or a verb: retrain, regenerate, start over",
    r"for ever": "without limit, or permanently",
    r"(?:goes|go|gone|going) on(?: with)?(?! to\b)": "resumes, or continues",
    r"those (?:that|which)": "the noun: 'the engines that'",
    r"what (?:is|was)(?![^.|]*\?)": "a noun: 'the result', 'the reason'",
    r"(?:is|are|was|were) waited for": "an active verb: 'the run waits for the engines'",
    r"nobody": "the actor: 'no request', 'no user', or 'not'",
    r"beside": "next to, in addition to, or with",
    r"where (?:there (?:is|are)|none|not|given|needed|possible)": "if, or when",
}
"""Pattern of a phrase, and what to write instead."""
FINDERS = {re.compile(rf"\b{phrase}\b", re.IGNORECASE): advice for phrase, advice in PHRASES.items()}
CODE = re.compile(r"``.*?``|`[^`\n]*`|\"[^\"\n]*\"")
"""Code and quotations, which are not our language."""


def main(given: Sequence[str]) -> int:
    """Print what to change in the given paths, or in all that are checked; 1 if there is something."""
    found = [problem for path in _files(given or CHECKED) for problem in problems(path)]
    print("\n".join(found) or "language: no problems")
    return 1 if found else 0


def problems(path: Path) -> list[str]:
    """List the problems of one file as `path:line: problem; advice`."""
    text = path.read_text(encoding="utf-8")
    found = []
    for line, prose, is_docstring in _python(text) if path.suffix == ".py" else _markdown(text):
        if is_docstring and (first := OPENERS.match(prose)):
            found.append((line, f"a docstring begins with '{first[1]}'; begin with a verb or a noun"))
        for number, sentence in enumerate(prose.splitlines(), line):
            plain = CODE.sub("", sentence)
            found += [
                (number, f"'{hit.group()}'; write {advice}")
                for finder, advice in FINDERS.items()
                if (hit := finder.search(plain))
            ]
    return [f"{path}:{line}: {problem}" for line, problem in sorted(found)]


def _files(names: Sequence[str]) -> Iterator[Path]:
    for path in map(Path, names):
        if not path.exists():
            raise SystemExit(f"{path} does not exist; run the lint from the repository's root")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.suffix in (".py", ".md"):
                yield file


def _python(text: str) -> Iterator[tuple[int, str, bool]]:
    """Line, text, and whether it is a docstring, of each docstring and comment."""
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            value = getattr(statement, "value", None)
            is_text = isinstance(statement, ast.Expr) and isinstance(value, ast.Constant)
            if is_text and isinstance(value.value, str):
                yield statement.lineno, value.value, True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string, False


def _markdown(text: str) -> Iterator[tuple[int, str, bool]]:
    """Lines outside of code blocks."""
    is_code = False
    for number, line in enumerate(text.splitlines(), 1):
        is_code ^= line.strip().startswith("```")
        if not is_code:
            yield number, line, False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
