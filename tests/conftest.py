"""Fixtures that every test directory shares."""

import hashlib
import tempfile
from pathlib import Path

import pytest

from rewriter_agent import prompts
from rewriter_agent.models.cache import cached_folder

# The fixtures import `tiny` themselves: it needs torch and transformers, which most tests do without.


@pytest.fixture(scope="session")
def tiny_backbone() -> Path:
    """Folder of a very small trained Llama with tokenizer and chat template; see `tiny.py`.

    Training takes about 20 s, so the folder is kept between test runs until its code or prompts change.
    """
    import tiny

    sources = b"".join(Path(str(module.__file__)).read_bytes() for module in (tiny, prompts))
    name = f"tiny-{hashlib.sha256(sources).hexdigest()[:12]}"
    return cached_folder(Path(tempfile.gettempdir()) / "rewriter-agent-tests", name, tiny.build_backbone)


@pytest.fixture
def toy_problems(tmp_path: Path) -> Path:
    """Folder with train.jsonl (60 rows) and test.jsonl (20 rows): question, solution, answer."""
    import tiny

    rows = tiny.distinct_rows(80, seed=3)
    folder = tmp_path / "toy_problems"
    folder.mkdir()
    tiny.write_jsonl(folder / "train.jsonl", rows[:60])
    tiny.write_jsonl(folder / "test.jsonl", rows[60:])
    return folder
