"""Python answers: found in a text, and run against the gold tests.

This is the one place of the package that executes what it is given. It happens in a child process forked for
one answer, confined by `reward.sandbox.confine` (no files but Python's libraries, no network, no processes, limited
memory) and killed at `code_timeout`; nothing here may be called in any other process.

What the confinement cannot give is a referee that the answer does not share a process with. An answer's own
top-level code runs before the tests are sent, a pass counts only with a word that comes with the tests, and the
builtins are put back in between; so an early exit, printed text, guessed replies and a replaced `exec` fail.
Code written for this very sandbox could still, while the tests run or by replacing this module's functions
before, find that word and send it; and an object that calls itself equal to everything, or a replaced library
function that the tests call, passes asserts as it does elsewhere. Tests that check types and many values help.
"""

import builtins
import json
import re
import sys
from types import CodeType, ModuleType

from reward.config import RewardConfig
from reward.sandbox.channel import Channel
from reward.types import Check, GradeReason, Verdict

# Possessive, as a line of a megabyte may come close to a fence in many ways.
_FENCE = re.compile(r"(?P<indent> *+)(?P<ticks>`{3,}+)[ \t]*+(?P<info>[^`\s]*+)[^`]*+")
_LANGUAGES = ("", "python", "py", "python3")


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

    EQUAL where the tests (`gold`) ran to their end; DIFFERENT (`test_failed`) where answer or tests raised,
    exited or are no Python; UNDECIDED where memory ran out (`memory`) or the tests are no Python
    (`invalid_gold`).
    """
    namespace = _fresh_main()
    return _judge(_run(check.answer, "answer", namespace), check.gold, namespace)


def serve(channel: Channel) -> None:
    """`compare` over a channel, the tests being read only after the answer's own code has run.

    In come the answer as JSON and, after the line `ran` went out, `[tests, word]`; out goes the verdict with
    its reason, or with `word` for a pass.
    """
    namespace = _fresh_main()
    failure = _run(json.loads(channel.receive()), "answer", namespace)
    channel.send("ran")
    tests, word = json.loads(channel.receive())
    verdict, reason = _judge(failure, tests, namespace)
    channel.send(f"{verdict.value} {reason or word}")


def _fresh_main() -> dict[str, object]:
    # Dataclasses and pickle look a class's module up by its name.
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    return vars(module)


def _judge(
    failure: GradeReason | None, tests: str, namespace: dict[str, object]
) -> tuple[Verdict, GradeReason | None]:
    try:
        program = _compile(tests, "tests")
    except (SyntaxError, ValueError):
        return Verdict.UNDECIDED, "invalid_gold"
    failure = failure or _run(program, "tests", namespace)
    if failure is None:
        return Verdict.EQUAL, None
    return (Verdict.UNDECIDED if failure == "memory" else Verdict.DIFFERENT), failure


def _run(source: str | CodeType, name: str, namespace: dict[str, object]) -> GradeReason | None:
    """Executes it and says how it failed, if it did; what it did to the builtins is undone."""
    kept = vars(builtins).copy()
    try:
        exec(_compile(source, name) if isinstance(source, str) else source, namespace)  # noqa: S102
    except MemoryError:
        return "memory"
    except BaseException:  # noqa: BLE001 (whatever the code raises, SystemExit too, is its failure)
        return "test_failed"
    finally:
        vars(builtins).update(kept)
    return None


def _compile(source: str, name: str) -> CodeType:
    return compile(source, f"<{name}>", "exec", dont_inherit=True)


def _is_python(opening: re.Match[str]) -> bool:
    return opening["info"].lower() in _LANGUAGES


def _block(opening: re.Match[str], lines: list[str]) -> str | None:
    if not _is_python(opening):
        return None
    width = len(opening["indent"])
    return _code("".join(line[min(width, len(line) - len(line.lstrip(" "))) :] for line in lines))


def _code(text: str) -> str | None:
    return text.strip("\r\n").rstrip() if text.strip() else None
