"""Templates of the rewriting prompt: Jinja files with named fields, which the user may write.

A template has fields, conditions and a few filters, and nothing that repeats work. So its prompt is at most as long as
the file with every field filled in, and takes linear time to make. The fields are data: no text in them is a template.
"""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rewriter_agent.io.given_file import check_file
from rewriter_agent.user_errors import MAX_QUOTED, printable, quoted

FOLDER = Path(__file__).parent / "rewriting_prompts"
SHIPPED = tuple(sorted(file.stem for file in FOLDER.glob("*.jinja")))
KEY = "prompts.rewrite"
MAX_BYTES = 65_536
MAX_PARTS = 1_000
"""Fields, conditions and texts between them: Jinja takes seconds to compile more."""
FIELDS = (
    "question",
    "solution",
    "answer",
    "answer_shown",
    "ending",
    "answer_form",
    "answer_line",
    "convention",
    "mask",
)
FILTERS = ("default", "length", "lower", "trim", "upper")
TESTS = ("defined", "undefined")
PARTS = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.CondExpr),
    *(nodes.Name, nodes.Const, nodes.Tuple, nodes.List, nodes.Concat),
    *(nodes.Compare, nodes.Operand, nodes.Not, nodes.And, nodes.Or),
)
"""Parts of Jinja's language whose work is linear in the texts; filters and tests are allowed by name."""
ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    # A prompt is plain text.
    autoescape=False,
)
QUESTION, SOLUTION = "\ue000", "\ue001"
"""Private characters that stand for the texts of a trial: no filter changes them, and no template holds them."""


@dataclass(frozen=True)
class RewritingTemplate:
    """A checked template with its name, which is that of a shipped one or the path of a file."""

    name: str
    source: str

    def render(self, fields: Mapping[str, str | bool]) -> str:
        """Fill in the fields; blanks at both ends, such as the line break after a last condition, are removed.

        Raises:
            ValueError: the template shows an answer that is not among the fields, or compares a text with a number.
        """
        try:
            return _compiled(self.source).render(fields).strip()
        except UndefinedError as error:
            raise ValueError(
                f"{KEY}: {self.name} uses the field 'answer' where it is not to be shown (prompts.show_answer=false "
                "masks it, and the gold answer of a program is its tests). Put it inside "
                "{% if answer_shown %} ... {% endif %}, or set prompts.show_answer=true"
            ) from error
        except (TemplateError, TypeError) as error:
            raise ValueError(f"{KEY}: {self.name} cannot be filled in ({quoted(error)})") from error

    def check_use(self, fields: Mapping[str, str | bool]) -> None:
        """Raise ValueError unless the prompt, with the other fields as given, shows question and solution."""
        trial = self.render({**fields, "question": QUESTION, "solution": SOLUTION})
        for name, text in (("question", QUESTION), ("solution", SOLUTION)):
            if text not in trial:
                raise ValueError(
                    f"{KEY}: {self.name} does not show the {name}, and a rewrite is made from question and solution; "
                    f"put {{{{ {name} }}}} in it"
                )


def template_path(name: str) -> Path:
    """File of a shipped template, or the one that the user names."""
    return FOLDER / f"{name}.jinja" if name in SHIPPED else Path(os.path.expanduser(name))


def load_template(name: str) -> RewritingTemplate:
    """Read and check a template.

    Raises:
        ValueError: no such file, not a text, too long, or not a template of known fields.
    """
    path = template_path(name)
    check_file(path, KEY, f"name a Jinja file, or a shipped template: {', '.join(SHIPPED)}")
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        raise ValueError(f"{KEY}: {name} has {len(content):,} bytes; a prompt has at most {MAX_BYTES:,}")
    try:
        source = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(f"{KEY}: {name}, line {line} is not UTF-8; save the file as UTF-8") from error
    _check(source, name)
    return RewritingTemplate(name, source)


@lru_cache(maxsize=8)
def _compiled(source: str) -> Template:
    return ENVIRONMENT.from_string(source)


def _check(source: str, name: str) -> None:
    """Raise ValueError unless a text is a template; it is compiled only if its parts are allowed."""
    try:
        parts = list(_nodes(_parsed(source, name), 1))
        for node, line in parts:
            if fault := _fault(node):
                raise ValueError(f"{KEY}: {name}, line {line}: {fault}")
        if len(parts) > MAX_PARTS:
            raise ValueError(
                f"{KEY}: {name} has {len(parts):,} fields, conditions and texts between them; a prompt has at most "
                f"{MAX_PARTS:,}"
            )
        _compiled(source)
    # Python's own limits, on the code that Jinja writes.
    except (RecursionError, SyntaxError) as error:
        raise ValueError(
            f"{KEY}: {name} has conditions or brackets too deep inside one another; simplify it"
        ) from error


def _parsed(source: str, name: str) -> nodes.Template:
    try:
        return ENVIRONMENT.parse(source)
    except TemplateSyntaxError as error:
        raise ValueError(
            f"{KEY}: {name}, line {error.lineno} is not a Jinja template ({quoted(error)})"
        ) from error
    except ValueError as error:
        # Python reads no integer of more digits.
        raise ValueError(f"{KEY}: {name} holds a number that is too long ({quoted(error)})") from error


def _nodes(node: nodes.Node, line: int) -> Iterator[tuple[nodes.Node, int]]:
    """Each part of a template with its line."""
    line = node.lineno or line
    yield node, line
    for child in node.iter_child_nodes():
        yield from _nodes(child, line)


def _fault(node: nodes.Node) -> str | None:
    """Name the fault of a part, apart from the parts in it."""
    if isinstance(node, nodes.Name) and node.name not in FIELDS:
        nearest = difflib.get_close_matches(node.name, FIELDS, n=1, cutoff=0.6)
        hint = f" did you mean '{nearest[0]}'?" if nearest else ""
        return f"there is no field '{_short(node.name)}';{hint} the fields are {', '.join(FIELDS)}"
    if isinstance(node, nodes.Filter | nodes.Test):
        allowed, kind = (FILTERS, "filter") if isinstance(node, nodes.Filter) else (TESTS, "test")
        if node.name in allowed:
            return None
        return f"there is no {kind} '{_short(node.name)}'; a prompt has {', '.join(allowed)}"
    if isinstance(node, PARTS):
        return None
    return (
        f"a prompt has no {type(node).__name__}: it takes text, fields, comments, conditions ({{% if %}}, and, or, "
        f"not, in, comparisons), joining by ~ and the filters {', '.join(FILTERS)}"
    )


def _short(text: str) -> str:
    return printable(text, MAX_QUOTED)
