"""Commands that a user wants after a finished run."""

import shlex
from pathlib import Path

from rewriter_agent.config.method import Method

from .run_folder import RunFolder

READ, USE, MEASURE, REPEAT = (
    "read the report",
    "use the model",
    "measure your own data",
    "repeat with more seeds",
)


def next_commands(run: Path, method: Method, model: str) -> dict[str, str]:
    """Commands by their purpose: use the model, measure data of one's own, repeat the run with other seeds."""
    folder = RunFolder(run.absolute())
    return {
        USE: command("vllm", "serve", str(folder.training("rewritten", method).model)),
        MEASURE: command("rewriter-agent", "gap", "YOUR.jsonl", "--model", model),
        REPEAT: command("rewriter-agent", "run", str(folder.config), "--seeds", "0", "1", "2"),
    }


def read_page(page: Path) -> str:
    """Command that opens a page in the browser."""
    return command("python", "-m", "webbrowser", page.absolute().as_uri())


def command(*words: str) -> str:
    """One line for a shell."""
    return shlex.join(words)
