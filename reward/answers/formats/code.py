"""Python answers: found in a text, and run against the gold tests.

This is the one place of the package that executes what it is given. It happens in a child process forked for
one answer, confined by `reward.sandbox.confine` (no files but Python's libraries, no network, no processes, limited
memory) and killed at `code_timeout`; nothing here may be called in any other process.

What the confinement cannot give is a referee that the answer does not share a process with. So an answer's own
top-level code runs before the tests are sent; they are sent for one secret word, and a pass is another. Both
words are only ever on the interpreter's evaluation stack while foreign code runs, where no Python code can see
them, and the steps from the one to the other use C functions that were looked up before. Early exits, guessed
replies, reading the channel, replaced functions of this module and replaced builtins fail.

What is left: an object that calls itself equal to everything, or a replaced library function that the tests
call, passes asserts as it does elsewhere (tests that check types and many values help); and code that reads the
memory of its own process, as numpy's unchecked arrays allow, can find a word.
"""

import builtins
import json
import re
import socket
import sys
from types import ModuleType, TracebackType
from typing import Any
from unittest.main import TestProgram

from reward.config import RewardConfig
from reward.sandbox.channel import Channel
from reward.types import Check, GradeReason, Verdict

# Possessive, as a line of a megabyte may come close to a fence in many ways.
_FENCE = re.compile(r"(?P<indent> *+)(?P<ticks>`{3,}+)[ \t]*+(?P<info>[^`\s]*+)[^`]*+")
_LANGUAGES = ("", "python", "py", "python3")

WORD_BYTES = 32
"""Length of each of the two words that a parent sends."""

REFEREES = (
    *(
        "abs",
        "all",
        "any",
        "bool",
        "dict",
        "enumerate",
        "float",
        "frozenset",
        "int",
        "isinstance",
        "issubclass",
    ),
    *("len", "list", "range", "repr", "round", "set", "sorted", "str", "tuple", "type", "zip"),
)
"""Builtins that tests check with: functions and classes of the answer under these names are taken away."""

_PASS_BY_EXIT = (TestProgram.__init__.__code__, TestProgram.runTests.__code__)
_VERDICTS: dict[GradeReason, Verdict] = {
    "test_failed": Verdict.DIFFERENT,
    "memory": Verdict.UNDECIDED,
    "invalid_gold": Verdict.UNDECIDED,
}
FAILURES = {f"{verdict.value} {reason}": (verdict, reason) for reason, verdict in _VERDICTS.items()}
"""What a child may say, other than the word for a pass."""


class _Failed(Exception):
    """Answer or tests did not run to their end."""

    def __init__(self, reason: GradeReason) -> None:
        super().__init__(reason)
        self.reason: GradeReason = reason


def extract(text: str, strict: bool) -> str | None:
    """The last fenced block marked python, py or unmarked; linear in the length of the text.

    A last such block that is not closed is no answer if `strict`; else it runs to the end of the text, and a
    text without a block is code as a whole. None where there is no code.
    """
    found: str | None = None
    opening: re.Match[str] | None = None
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        fence = _FENCE.fullmatch(line.rstrip())
        if opening is None and fence:
            opening, lines = fence, []
        elif (
            opening is not None
            and fence
            and not fence["info"]
            and len(fence["ticks"]) >= len(opening["ticks"])
        ):
            found = _block(opening, lines) or found
            opening = None
        else:
            lines.append(line)
    if opening is not None and _is_python(opening):
        return None if strict else _code("".join(lines))
    return found if strict or found else _code(text)


def compare(check: Check, config: RewardConfig) -> tuple[Verdict, GradeReason | None]:
    """Runs answer and tests in this process, which must be confined and end afterwards.

    EQUAL where the tests (`gold`) ran to their end, or ended with a `unittest.main()` that found no fault;
    DIFFERENT (`test_failed`) where answer or tests raised, exited or are no Python; UNDECIDED where memory ran
    out (`memory`) or the tests are no Python (`invalid_gold`).
    """
    tools, namespace = _tools(), _fresh_main()
    try:
        _run_tests(check.gold, _run_answer(check.answer, namespace), namespace, tools)
    except _Failed as error:
        return _VERDICTS[error.reason], error.reason
    return Verdict.EQUAL, None


def serve(end: socket.socket, max_line: int) -> None:
    """`compare` over a socket, the tests being read only after the answer's own code has run.

    In come a word and `[answer, bytes of tests]` as a line of JSON; the word goes out; in come another word and
    the tests; out goes that word for a pass, else verdict and reason. What goes out ends with a newline.
    """
    # Looked up now: whatever has a name may be another thing once the answer has run.
    receive, send, whole, size, text = end.recv, end.sendall, socket.MSG_WAITALL, WORD_BYTES, str
    channel, run_answer, run_tests, tools = Channel(end, max_line), _run_answer, _run_tests, _tools()
    failed, read, fixed, namespace = _Failed, json.loads, tuple, _fresh_main()
    # The first item of a tuple is on the evaluation stack, which no frame shows, while the next are worked out.
    send(
        (
            receive(size, whole),
            request := fixed(read(channel.receive())),
            failure := run_answer(request[0], namespace),
        )[0]
        + b"\n"
    )
    try:
        send(
            (
                receive(size, whole),
                run_tests(
                    text(receive(request[1], whole), "utf-8", "surrogatepass"), failure, namespace, tools
                ),
            )[0]
            + b"\n"
        )
    except failed as error:
        send(f"{_VERDICTS[error.reason].value} {error.reason}\n".encode())


def _fresh_main() -> dict[str, object]:
    # Dataclasses and pickle look a class's module up by its name, and unittest reads the arguments.
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    sys.argv[:] = ["answer"]
    return vars(module)


def _tools() -> tuple[Any, ...]:
    """What `_run_tests` needs, for it to look no name up."""
    unreadable, too_deep = (SyntaxError, ValueError), (RecursionError, MemoryError)
    return compile, exec, unreadable, too_deep, SystemExit, _PASS_BY_EXIT, MemoryError, BaseException, _Failed


def _run_answer(source: str, namespace: dict[str, object]) -> GradeReason | None:
    """Executes it and says how it failed, if it did; then puts the builtins back, for the tests."""
    real, referees, is_callable = vars(builtins), REFEREES, callable
    kept = tuple(real.items())
    try:
        exec(compile(source, "<answer>", "exec", dont_inherit=True), namespace)  # noqa: S102
    except MemoryError:
        return "memory"
    except BaseException:  # noqa: BLE001 (whatever the code raises, SystemExit too, is its failure)
        return "test_failed"
    finally:
        real.update(kept)
        namespace["__builtins__"] = real
        for name in referees:
            # A variable called `list` is a habit, and makes no test pass.
            if name in namespace and is_callable(namespace[name]):
                del namespace[name]
    return None


def _run_tests(
    tests: str, failure: GradeReason | None, namespace: dict[str, object], tools: tuple[Any, ...]
) -> None:
    """Returns if they ran to their end; `failure` is the answer's own.

    Raises:
        _Failed: they did not.
    """
    build, execute, unreadable, too_deep, leaving, pass_by_exit, no_memory, anything, failed = tools
    try:
        program = build(tests, "<tests>", "exec", dont_inherit=True)
    except unreadable:
        failure = "invalid_gold"
    except too_deep:
        failure = failure or "invalid_gold"
    if failure is not None:
        raise failed(failure)
    try:
        execute(program, namespace)
    except leaving as error:
        # unittest.main() leaves by SystemExit even for a pass. One that came by any other way, out of the
        # answer for instance, is none.
        trace: TracebackType | None = error.__traceback__.tb_next
        ways = ()
        while trace is not None:
            ways += (trace.tb_frame.f_code,)
            trace = trace.tb_next
        if error.code or ways != (program, *pass_by_exit):
            raise failed("test_failed") from None
    except no_memory:
        raise failed("memory") from None
    except anything:
        raise failed("test_failed") from None


def _is_python(opening: re.Match[str]) -> bool:
    return opening["info"].lower() in _LANGUAGES


def _block(opening: re.Match[str], lines: list[str]) -> str | None:
    if not _is_python(opening):
        return None
    width = len(opening["indent"])
    return _code("".join(line[min(width, len(line) - len(line.lstrip(" "))) :] for line in lines))


def _code(text: str) -> str | None:
    return text.strip("\r\n").rstrip() if text.strip() else None
