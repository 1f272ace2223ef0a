"""Conversion of raw rows to problems."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reward import extract_answer
from reward.answers.formats.contains import holds
from reward.answers.formats.tool_calls import read
from rewriter_agent.config.data import RowData

from .conversation import Conversation, calls_of, check_defined, find_conversations, shown, with_reasoning
from .formats import FORMATS, Format, as_json
from .gold import gold_fault
from .problem import Problem, problem_id
from .prompts import ANSWER_LINE
from .values import SURROGATE, BadRow, answer_text, decode_row, text, text_as_it_is

TOOL_CALLS = "tool_calls"
CALCULATOR_MARK = re.compile(r"<<[^<>\n]*=[^<>\n]*>>")
THOUSANDS_SEPARATOR = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


@dataclass(frozen=True)
class RowParser:
    """Converts the rows of one source, which all have one format."""

    config: RowData
    format: Format | None
    """Format of conversations; None for plain columns."""

    def columns(self, given: Mapping[str, bool]) -> list[str]:
        """Columns to read, if the rows have the given ones."""
        columns = self.config.columns
        if self.format is None:
            return columns.names
        first, *others = self.format.columns
        optional = [name for name in self.format.optional if name in given]
        return [columns.messages or first, *others, *optional, *columns.beside]

    def problems(self, row: object, place: str, source: str) -> list[Problem]:
        """Problems of a row in the form that `read` gives, one for each reply that is rewritten; raises BadRow."""
        values = decode_row(row)
        try:
            if self.format is None:
                return [parse_row(values, self.config, source)]
            given = self.format.row(values, self.config.columns.messages)
            found = find_conversations(self.format, given, place, every=self.config.turns == "all")
            return [self._problem(one, values, source) for one in found]
        except BadRow as bad:
            raise BadRow(f"{bad}{self._other_format(values)}") from bad

    def _problem(self, chat: Conversation, values: dict[str, object], source: str) -> Problem:
        record = chat.dumps()
        if SURROGATE.search(record):
            raise BadRow("the row holds an unpaired surrogate, which is not valid Unicode")
        label, question = chat.turns[chat.turn].label, chat.transcript()
        if chat.calls_tools:
            calls = as_json(calls_of(chat.reply))
            found = bare_problem(question, shown(chat.reply), calls, values, self.config, source)
            return replace(found, conversation=record, convention=TOOL_CALLS)
        found = make_problem(question, with_reasoning(chat.reply), values, self.config, source, label)
        if found.convention == TOOL_CALLS:
            check_defined(read(found.answer), label, chat.row)
        return replace(found, conversation=record)

    def _other_format(self, values: Mapping[str, object]) -> str:
        """Tell that a row is in another format than the first one; empty if it is not."""
        columns = {name: isinstance(value, list) for name, value in values.items()}
        others = [one for one in FORMATS.values() if one is not self.format and one.fits(columns)]
        named = {self.config.columns.question, self.config.columns.solution}
        fits = self.format.fits(columns) if self.format else named & columns.keys()
        if not others or fits:
            return ""
        own = self.format.title if self.format else "plain columns"
        return (
            f". The row is {others[0].title}, and the first row is {own}: a source has one format; convert some rows, "
            "or make a source of a mix for each"
        )


def parse_row(values: dict[str, object], config: RowData, source: str) -> Problem:
    """Convert a row of plain columns to a problem.

    GSM8K's calculator marks `<<2*3=6>>` and thousands separators after `####` are removed. If the
    answer has its own column and the solution does not state it, it is appended to the solution as the last line.
    Raises BadRow.
    """
    columns = config.columns
    question, solution = text_as_it_is(values, columns.question), text(values, columns.solution)
    return make_problem(question, solution, values, config, source, f"column {columns.solution!r}")


def make_problem(
    question: str, solution: str, values: dict[str, object], config: RowData, source: str, where: str
) -> Problem:
    """Problem of a question and a solution, which stands at `where` in the row of these values; raises BadRow."""
    columns, convention = config.columns, config.convention
    if convention == "####":
        solution = CALCULATOR_MARK.sub("", solution)
    answer = extract_answer(solution, convention)
    if columns.answer is not None:
        given = answer_text(values, columns.answer)
        require_gold(given, convention, f"column {columns.answer!r}")
        is_missing = not holds(solution, given) if convention == "contains" else answer is None
        # The gold answer of a program is its tests, which complete no solution.
        if is_missing and convention != "python":
            solution += "\n" + ANSWER_LINE[convention].format(answer=given)
        answer = given
    if answer is None or extract_answer(solution, convention) is None:
        raise BadRow(f"{where} states no answer in the convention {convention!r}")
    if columns.answer is None:
        require_gold(answer, convention, where)
    if convention == "####":
        answer = THOUSANDS_SEPARATOR.sub("", answer)
    return bare_problem(question, solution, answer, values, config, source)


def bare_problem(
    question: str, solution: str, answer: str, values: dict[str, object], config: RowData, source: str
) -> Problem:
    """Problem with the answer as it is; raises BadRow."""
    columns = config.columns
    return Problem(
        problem_id(question),
        question,
        solution,
        answer,
        config.convention,
        source if columns.source is None else answer_text(values, columns.source),
        level=None if columns.level is None else answer_text(values, columns.level),
    )


def require_gold(gold: str, convention: str, where: str) -> None:
    """Raise BadRow if no answer can equal `gold`, which stands at `where` in the row."""
    if fault := gold_fault(gold, convention):
        raise BadRow(f"{where}: {fault}")
