"""A fleet of one transformers model in this process, to run GRPO without engines."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from cluster.fleet.status import EngineStatus
from cluster.types import Completion, EngineSpec, GenerateRequest, Scored, ScoreRequest


class SmallFleet:
    """Fleet that samples and scores in batches, with the methods of `cluster.fleet.fleet.Fleet` that training uses."""

    def __init__(self, folder: Path, eos_id: int) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.eos_id = eos_id
        self.name = "policy"
        self.engines = [self]
        self.version = 0
        self.spec = EngineSpec(str(folder), "float32", 512, 8, "cpu", 1, 1, 0.9, 1, 1.0, 0.0)

    def status(self) -> list[EngineStatus]:
        return []

    def publish(self, version: int, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
        self.model.load_state_dict(dict(weights), strict=False)
        self.version = version

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        width = max(len(r.prompt_ids) for r in requests)
        prompts = torch.full((len(requests), width), self.eos_id)
        for row, request in zip(prompts, requests, strict=True):
            row[width - len(request.prompt_ids) :] = torch.tensor(request.prompt_ids)
        lengths = torch.tensor([len(r.prompt_ids) for r in requests])
        mask = (torch.arange(width) >= width - lengths[:, None]).long()
        with torch.random.fork_rng():
            torch.manual_seed(requests[0].seed)
            written = self.model.generate(
                prompts,
                attention_mask=mask,
                do_sample=True,
                temperature=requests[0].temperature,
                top_k=0,
                max_new_tokens=requests[0].max_tokens,
                eos_token_id=self.eos_id,
                pad_token_id=self.eos_id,
            )[:, width:].tolist()
        ids = [self._until_eos(row) for row in written]
        asked = [ScoreRequest(r.prompt_ids, row) for r, row in zip(requests, ids, strict=True)]
        return [
            Completion(row, scored.logprobs, row[-1] == self.eos_id, self.version)
            for row, scored in zip(ids, self.score(asked), strict=True)
        ]

    @torch.inference_mode()
    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        rows = [torch.tensor(r.prompt_ids + r.completion_ids) for r in requests]
        # Padding on the right changes nothing to its left.
        logits = self.model(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)).logits
        scored = []
        for request, row, table in zip(requests, rows, logits, strict=True):
            start = len(request.prompt_ids)
            distributions = table[start - 1 : len(row) - 1].log_softmax(-1)
            logprobs = distributions.gather(1, row[start:, None])[:, 0].tolist()
            entropies = -(distributions.exp() * distributions).sum(-1)
            scored.append(Scored(logprobs, entropies.tolist() if request.entropies else None))
        return scored

    def _until_eos(self, row: list[int]) -> list[int]:
        return row[: row.index(self.eos_id) + 1] if self.eos_id in row else row
