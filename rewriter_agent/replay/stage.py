"""Stage `replay`: rows of general data, which fine-tuning mixes into the rewritten rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from cluster.types import Completion, GenerateRequest, ScoreRequest
from rewriter_agent.data.prompts import user_messages
from rewriter_agent.io.files import Shard, batches, read_table, run_shards
from rewriter_agent.io.progress import Progress
from rewriter_agent.io.seeds import request_seed
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session
from rewriter_agent.scoring.retry import map_isolating_failures
from sft.config.replay import REPLAY
from sft.data.rows import SCHEMA, Behavior, SFTRow, write_rows

from .texts import ReplayText, read_texts

GENERATED = "generated_tokens"
TRIED = pa.schema([*SCHEMA, (GENERATED, pa.int64())])
"""One row per text at which no engine fails; a text that cannot be used has no ids."""
Texts = Sequence[tuple[int, ReplayText]]
"""Texts with their numbers."""


@dataclass(frozen=True)
class _Written:
    """A completion of a prompt, before the backbone has scored it; without ids if it cannot be used."""

    prompt_ids: list[int]
    completion_ids: list[int]
    behavior: Behavior
    behavior_logprobs: list[float]
    generated_tokens: int = 0


def replay(session: Session, folder: Path, progress: Progress) -> dict[str, Any]:
    """Answer or encode the general prompts, and score the completions under the backbone.

    An answer that did not end, a text that does not fit the model's context, and a text at which an engine fails are
    left out.

    Raises:
        ValueError: the texts cannot be read, or no row is left.
    """
    section = session.config.sft.replay
    assert section is not None, "the stage is wanted only with a replay"
    texts = list(enumerate(read_texts(session.config)))
    progress(f"{len(texts)} general prompts, source '{section.source}'")

    def work(shard: Texts) -> list[dict[str, Any]]:
        rows = map_isolating_failures(lambda some: _rows(session, some), shard, lambda: [session.reference])
        return [row for row in rows if row is not None]

    def after(shard: Shard) -> None:
        if shard.new:
            progress.share(shard.done, len(texts), "general prompts")

    shards = batches(texts, session.config.prepare.shard_size)
    parts = run_shards(shards, folder / "shards", TRIED, work, after)
    tried = [row for part in parts for row in read_table(part)]
    generated = sum(row.pop(GENERATED) for row in tried)
    rows = [SFTRow(**row) for row in tried if row["completion_ids"]]
    if not rows:
        raise ValueError(
            f"no completion of the {len(texts)} prompts of sft.replay ended within prepare.max_completion_length="
            f"{session.config.prepare.max_completion_length} and fits model.max_model_len; raise them, or set "
            "sft.replay.path to other texts"
        )
    write_rows(rows, StageFolder(folder).rows)
    return {
        "texts": len(texts),
        "rows": len(rows),
        **({"rollouts": len(texts), GENERATED: generated} if section.source == "own" else {}),
        "scored_tokens": sum(len(row.completion_ids) for row in rows),
    }


def _rows(session: Session, shard: Texts) -> list[dict[str, Any]]:
    """Rows of `TRIED`, in order."""
    is_given = shard[0][1].completion is not None
    written = (_given if is_given else _answered)(session, shard)
    usable = [text for text in written if text.completion_ids]
    scored = session.reference.score([ScoreRequest(text.prompt_ids, text.completion_ids) for text in usable])
    priors = iter([answer.logprobs for answer in scored])
    return [
        {GENERATED: text.generated_tokens, **(_row(text, next(priors)) if text.completion_ids else {})}
        for text in written
    ]


def _row(text: _Written, prior_logprobs: list[float]) -> dict[str, Any]:
    row = SFTRow(
        text.prompt_ids, text.completion_ids, text.behavior_logprobs, text.behavior, REPLAY, prior_logprobs
    )
    return asdict(row)


def _given(session: Session, shard: Texts) -> list[_Written]:
    """Encode the user's completions, which are point masses."""
    tokens, longest = session.tokens, session.config.model.max_model_len - 1
    found = []
    for _, text in shard:
        assert text.completion is not None, "the file has the column"
        prompt, completion = _prompt(session, text), tokens.completion(text.completion)
        kept = completion if len(prompt) + len(completion) <= longest else []
        found.append(_Written(prompt, kept, "expert", [0.0] * len(kept)))
    return found


def _answered(session: Session, shard: Texts) -> list[_Written]:
    """Let the backbone answer the prompts, as it samples in `prepare`."""
    settings = session.config.prepare
    longest = session.config.model.max_model_len - 1 - settings.max_completion_length
    prompts = [_prompt(session, text) for _, text in shard]
    asked = [
        GenerateRequest(
            prompt,
            settings.max_completion_length,
            settings.temperature,
            request_seed(session.config.seed, REPLAY, number),
        )
        for (number, _), prompt in zip(shard, prompts, strict=True)
        if len(prompt) <= longest
    ]
    answers = iter(session.reference.generate(asked))
    return [
        _answer(session, prompt, next(answers))
        if len(prompt) <= longest
        else _Written(prompt, [], "backbone", [])
        for prompt in prompts
    ]


def _answer(session: Session, prompt: list[int], answer: Completion) -> _Written:
    ids, tokens = answer.token_ids, session.tokens
    usable = tokens.finished(ids) and not tokens.has_control_tokens(ids)
    kept = (list(ids), list(answer.logprobs)) if usable else ([], [])
    return _Written(prompt, kept[0], "backbone", kept[1], len(ids))


def _prompt(session: Session, text: ReplayText) -> list[int]:
    return session.tokens.prompt(user_messages(text.prompt, session.config.model.system_prompt))
