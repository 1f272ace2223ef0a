"""The log of a run: what libraries print while a command works on the run."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rewriter_agent.io.console import console

from .run_folder import RunFolder


@contextmanager
def run_log(folder: Path) -> Generator[None]:
    """Keep the output of libraries in the log of the run in `folder`; a run that is refused leaves no folder behind."""
    log = RunFolder(folder).log
    new = [path for path in log.parents if not path.exists()]
    try:
        with console.libraries_to(log):
            yield
    except ValueError:
        if folder in new and list(folder.iterdir()) == [log.parent]:
            log.unlink()
            for path in new:
                path.rmdir()
        raise
