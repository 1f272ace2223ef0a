"""The targets as a Hugging Face data set that other trainers read, with its card."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from rewriter_agent.config import RunConfig
from rewriter_agent.config.data import HubData, SourceConfig, sources_of
from rewriter_agent.config.method import trains_on
from rewriter_agent.config.outcomes import OUTCOMES
from rewriter_agent.config.strategies import STRATEGIES, StrategyName
from rewriter_agent.data.prompts import example_rewriting, qa_messages, read_prompts
from rewriter_agent.io.files import atomic, batches, read_table, write_jsonl
from rewriter_agent.push.fence import fenced
from rewriter_agent.push.redact import public_config, public_name
from rewriter_agent.runtime.run_folder import StageFolder

from .conversations import (
    ORIGINAL,
    Target,
    has_conversations,
    original_rows,
    trl_row,
    with_conversations,
)
from .tally import Tally, nothing_accepted

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
DATASET = pa.schema(
    [
        ("prompt", MESSAGES),
        ("completion", MESSAGES),
        ("problem_id", pa.string()),
        ("outcome", pa.string()),
        ("answer", pa.string()),
    ]
)
"""TRL's conversational prompt-completion form, and the origin of each row."""
SHOWN = ("question", "convention", "answer", "target_text", "problem_id", "outcome", "policy_version")
ROWS_AT_A_TIME = 1000
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
MADE: dict[StrategyName, str] = {
    "policy": "expert solutions rewritten by a LoRA adapter on `{model}` that was trained for it ({steps} GRPO steps)",
    "best_of_n": "expert solutions rewritten by `{model}` itself, by prompt",
    "guided_align": "expert solutions rewritten by `{model}` itself, by prompt",
    "self_align": "solutions of `{model}` itself, written from the question alone",
    "mind_the_gap": "solutions of `{model}` itself from the question alone or, if those failed, from the expert's",
    "quote_align": "expert solutions rewritten by `{model}` itself, by prompt, with steps quoted from the experts",
    "expert": "expert solutions as they are",
    "self_train": "solutions of `{model}` itself, written from the question alone",
    "self_train_unverified": "answers of `{model}` itself, written from the question alone and not verified",
}


def write_dataset(
    folder: Path, rewriting: StageFolder, config: RunConfig, prepared: Path | None = None
) -> dict[str, Any]:
    """Write data and card to `folder`, in the form of `datasets.load_dataset`; returns the counts.

    The prompts are the ones that the targets' log-probs and the package's own SFT use. If some of the `prepared`
    problems are conversations, the rows are written in the form that they came in, too.
    """
    tally = Tally.of(rewriting, config.method)
    if not tally.targets:
        left = f"method={config.method} drops all {tally.problems} problems"
        raise ValueError(nothing_accepted(config.rewrite.strategy, left))
    steps = next(read_table(rewriting.rewrites, ("policy_version",)))["policy_version"]

    def targets() -> Iterator[dict[str, Any]]:
        return (
            row for row in read_table(rewriting.rewrites, SHOWN) if trains_on(config.method, row["outcome"])
        )

    formats: list[str] = []
    if prepared is not None and has_conversations(prepared):
        formats = _write_lines(folder, lambda: with_conversations(targets(), prepared), config)
    else:
        _write_table(folder, targets(), config)
    with atomic(folder / "README.md") as temporary:
        temporary.write_text(_card(tally, steps, config, formats), encoding="utf-8")
    return {"rows": tally.targets}


def _write_table(folder: Path, targets: Iterable[dict[str, Any]], config: RunConfig) -> None:
    with (
        atomic(folder / "data" / "train-00000-of-00001.parquet") as temporary,
        pq.ParquetWriter(temporary, DATASET) as writer,
    ):
        for rows in batches(targets, ROWS_AT_A_TIME):
            table = [_row(row, config) for row in rows]
            writer.write_table(pa.Table.from_pylist(table, schema=DATASET))


def _write_lines(folder: Path, targets: Callable[[], Iterator[Target]], config: RunConfig) -> list[str]:
    """Write both forms; returns the formats of the rows."""
    found: set[str] = set()

    def rows() -> Iterator[dict[str, Any]]:
        for row, chat in targets():
            if chat is not None:
                found.add(chat.format.title)
            yield _row(row, config) if chat is None else trl_row(row, chat, config)

    write_jsonl(folder / "data" / "train.jsonl", rows())
    # A mix takes the replies of a conversation apart.
    together = config.data.source != "mix"
    write_jsonl(folder / ORIGINAL / "train.jsonl", original_rows(targets(), together))
    return sorted(found)


def _false_steps(tally: Tally) -> str:
    if tally.false_share is None:
        return ""
    return f"{tally.false_share:.1%} of the targets hold a false step, such as `5 - 4 = 2`. "


def _checks(config: RunConfig) -> str:
    """Say how the texts of models were checked, and which of them became targets."""
    strategy = STRATEGIES[config.rewrite.strategy]
    dropped = "" if config.method == "rewrite" else "Problems without such a text are left out. "
    if strategy.accepts == "finished":
        return f"Nothing was checked but that each text ended. {dropped}"
    rule = config.rewrite.select or strategy.select
    others = " that do not compare with the expert's solution" if strategy.accepts == "own" else ""
    return (
        "Everything that a model wrote was checked against the gold answer and by the other rules of the reward below"
        f"{others}; of what passed, rule `{rule}` chose. {dropped}"
    )


def _outcomes(tally: Tally) -> str:
    named = sorted(tally.outcomes.keys() & OUTCOMES.keys())
    return "; ".join(f"`{name}`, {OUTCOMES[name]}" for name in named)


def how_made(config: RunConfig, steps: int | None) -> str:
    """Describe how the strategy makes its targets; `steps` are those of its rewriter, if it has one."""
    model = public_name(config.model.name_or_path)
    return MADE[config.rewrite.strategy].format(model=model, steps=steps)


def _row(row: dict[str, Any], config: RunConfig) -> dict[str, Any]:
    system_prompt, answer_format = config.model.system_prompt, config.prompts.answer_format
    return {
        "prompt": qa_messages(row["question"], row["convention"], system_prompt, answer_format),
        "completion": [{"role": "assistant", "content": row["target_text"]}],
        "problem_id": row["problem_id"],
        "outcome": row["outcome"],
        "answer": row["answer"],
    }


def _files(has_originals: bool) -> dict[str, str]:
    """Files of each configuration of the data set."""
    if not has_originals:
        return {"default": "data/*.parquet"}
    return {"default": "data/*.jsonl", ORIGINAL: f"{ORIGINAL}/*.jsonl"}


def _own_messages(formats: Sequence[str]) -> str:
    return (
        "; the prompt of a conversation is its own messages, and only a plain question has this form"
        if formats
        else ""
    )


def _originals(formats: Sequence[str]) -> list[str]:
    if not formats:
        return []
    return [
        "",
        f"The configuration `{ORIGINAL}` has the rows in the form that they came in, {' and '.join(formats)}, with the "
        "replies replaced. `rewritten_turns` names the replies, and `outcomes` and `problem_ids` tell of each.",
    ]


def _source(data: SourceConfig) -> str:
    return f"data set `{public_name(data.name)}`" if isinstance(data, HubData) else f"source: {data.source}"


def _prompts(config: RunConfig, formats: Sequence[str]) -> list[str]:
    """The prompts with placeholders; that of rewriting only if the strategy uses it."""
    prompts = read_prompts(config.prompts, config.convention)
    question = qa_messages("QUESTION", config.convention, answer_format=prompts.answer_format)
    lines = [
        "## Prompts",
        "",
        f"The question, in the column `prompt`{_own_messages(formats)}:",
        "",
        fenced(question[-1]["content"]),
        "",
    ]
    rounds = STRATEGIES[config.rewrite.strategy].rounds
    if all(round_.prompt == "question" for round_ in rounds):
        return lines
    rewriting = example_rewriting(prompts, config.convention)[-1]["content"]
    return [*lines, "The prompt that the rewrites were written from:", "", fenced(rewriting), ""]


def _card(tally: Tally, steps: int | None, config: RunConfig, formats: Sequence[str] = ()) -> str:
    strategy = config.rewrite.strategy
    source = " and ".join(dict.fromkeys(map(_source, sources_of(config.data))))
    front = {
        "license": config.dataset.license,
        "task_categories": ["text-generation"],
        "size_categories": [next((name for limit, name in SIZES if tally.targets < limit), "n>1M")],
        "tags": ["rewriter-agent", "sft", strategy],
        "configs": [
            {"config_name": name, "data_files": [{"split": "train", "path": path}]}
            for name, path in _files(bool(formats)).items()
        ],
    }
    return "\n".join(
        [
            "---",
            yaml.safe_dump(front, sort_keys=False).rstrip(),
            "---",
            "",
            f"# {config.name}",
            "",
            f"{tally.targets:,} training targets for {tally.problems:,} problems ({source}): "
            f"{how_made(config, steps)}. {_checks(config)}{_false_steps(tally)}Columns "
            "`prompt` and `completion` are in TRL's conversational prompt-completion form; `outcome` says how a target "
            f"came about: {_outcomes(tally)}.",
            *_originals(formats),
            "",
            "| | count |",
            "| --- | ---: |",
            *(
                f"| {name} | {value:,} |" if isinstance(value, int) else f"| {name} | {value} |"
                for name, value in tally.counts().items()
            ),
            "",
            *_prompts(config, formats),
            "## Config",
            "",
            "```yaml",
            public_config(config, ("seed", "prompts", "reward", "rewrite")),
            "```",
            "",
        ]
    )
