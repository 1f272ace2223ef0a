"""A rewriting job on engines that answer from the requests' seeds."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cluster.types import Completion, GenerateRequest
from reward import RewardConfig
from rewriter_agent.config.rewrite import RewriteConfig
from rewriter_agent.io.files import write_table
from rewriter_agent.io.progress import Progress
from rewriter_agent.prepare.records import PREPARED
from rewriter_agent.rewrite.job import rewrite_file
from rewriter_agent.rewrite.record import Provenance
from rewriter_agent.rewrite.rounds import Rewriter
from rewriter_agent.scoring.group_scorer import GroupScorer
from tests.helpers.groups import EOS, ExactVerifier, LetterTokens, RecordingFleet, fake_logprobs

CONFIG = RewriteConfig(
    strategy="mind_the_gap", num_generations=4, max_completion_length=64, shard_size=5, num_targets=2
)


class SeededFleet(RecordingFleet):
    """Fake engine whose texts follow from the seeds of the requests; about half are right."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds
        self.spec = SimpleNamespace(max_model_len=1000)

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        time.sleep(self.seconds)
        return [self._completion(request) for request in requests]

    def _completion(self, request: GenerateRequest) -> Completion:
        drawn = hashlib.sha256(str(request.seed).encode()).hexdigest()
        ids = [*map(ord, f"Some words {drawn[:12]}\n#### {5 if drawn[0] < '8' else 6}"), EOS]
        return Completion(ids, fake_logprobs(ids), True, 0)


def write_problems(path: Path, count: int) -> None:
    """Prepared problems whose answer is 5."""
    row = {"solution": "Counting gives it.\n#### 5", "answer": "5", "convention": "####", "source": "test"}
    anchors = {
        "expert_ids": [7, 0],
        "expert_logprobs": [-2.0, -2.0],
        "expert": -2.0,
        "own": -0.5,
        "own_ids": [7, 0],
        "own_logprobs": [-0.5, -0.5],
    }
    rows = []
    for i in range(count):
        question = f"Question {i}?"
        prompts = {
            "prompt_ids": [*map(ord, question)],
            "rewriting_prompt_ids": [*map(ord, f"{question} {row['solution']}")],
        }
        rows.append({"id": f"{i:04}", "question": question, **row, **prompts, **anchors})
    write_table(path, rows, PREPARED)


def run(folder: Path, seconds: float) -> Path:
    """Rewrite `folder/train.parquet`; each call of an engine takes `seconds`."""
    fleet, tokens = cast(Any, SeededFleet(seconds)), cast(Any, LetterTokens())
    scorer = GroupScorer(tokens, fleet, cast(Any, ExactVerifier()), RewardConfig())
    rewriter = Rewriter(CONFIG, 0, tokens, {"backbone": fleet}, scorer)
    origin = Provenance(CONFIG, None, 0)
    check_steps = ExactVerifier().check_steps
    rewrite_file(
        folder / "train.parquet", folder, rewriter, origin, check_steps, Progress("rewrite"), side_by_side=2
    )
    return folder / "rewrites.parquet"
