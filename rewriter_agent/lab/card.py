"""The model card: origin, training and abilities of the committed weights."""

from dataclasses import asdict
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from rewriter_agent.data.lab_world.version import WORLD_VERSION, world_hash
from rewriter_agent.io.files import atomic, write_json
from rewriter_agent.io.progress import Progress

from .measure import measure_lessons, measure_nll, measure_rewriting, measure_skills, measure_task
from .recipes import Recipe, weights_hash


def write_card(folder: Path, recipe: Recipe, items: int, progress: Progress) -> dict[str, Any]:
    """Measure `folder/model` with `items` items per measure and write `card.json` and `README.md` next to it."""
    path = folder / "model"
    tokenizer = PreTrainedTokenizerFast.from_pretrained(path)
    model = LlamaForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    card: dict[str, Any] = {
        "world": {"version": WORLD_VERSION, "hash": world_hash()},
        "stream": recipe.stream_hash,
        "start_sha256": recipe.start_hash,
        "weights_sha256": weights_hash(path),
        "parameters": model.num_parameters(),
        "settings": asdict(recipe.settings),
        "items": items,
    }
    for name, measure in (
        ("skills", measure_skills),
        ("task", measure_task),
        ("rewriting", measure_rewriting),
        ("lessons", measure_lessons),
        ("nll", measure_nll),
    ):
        card[name] = measure(model, tokenizer, items)
        progress(name)
    write_json(folder / "card.json", card)
    with atomic(folder / "README.md") as temporary:
        temporary.write_text(render_card(card))
    return card


def render_card(card: dict[str, Any]) -> str:
    """The card as Markdown."""
    settings = card["settings"]
    skills, task, rewriting, lessons = (card[key] for key in ("skills", "task", "rewriting", "lessons"))
    lines = [
        "# The laboratory's backbone",
        "",
        "Made and measured by `python -m rewriter_agent.lab`.",
        "",
        f"A Llama of {card['parameters'] / 1e6:.2f} million parameters, pre-trained from "
        f"{'the weights ' + start[:16] if (start := card['start_sha256']) else 'nothing'} on "
        f"{settings['steps'] * settings['chats']:,} chats of world {card['world']['version']} "
        f"(`{card['world']['hash']}`), seed {settings['seed']}, {settings['threads']} threads.",
        "",
        f"SHA-256 of `model.safetensors`: `{card['weights_sha256']}`",
        "",
        f"Each number comes from about {card['items']} items that pre-training did not see.",
        "",
        *_table("Skills (greedy)", ["accuracy"], {name: [value] for name, value in skills.items()}),
        f"Mean: {fmean(skills.values()):.1%}",
        "",
        *_table(
            "Task by number of steps",
            list(task),
            {row: [task[kind][row] for kind in task] for row in task["greedy"]},
        ),
        *_table(
            "Rewriting by prompt (temperature 1)",
            list(next(iter(rewriting.values()))),
            {style: list(shares.values()) for style, shares in rewriting.items()},
        ),
        *_table(
            "Lessons (greedy), and rewriting them by prompt (temperature 1)",
            list(next(iter(lessons.values()))),
            {style: list(shares.values()) for style, shares in lessons.items()},
        ),
        "## Nats per token, given the question alone",
        "",
        "| text | NLL |",
        "| --- | ---: |",
        *(f"| {name} | {value:.3f} |" for name, value in card["nll"].items()),
    ]
    return "\n".join(lines) + "\n"


def _table(title: str, columns: list[str], rows: dict[str, list[float]]) -> list[str]:
    """A heading and a table of shares."""
    return [
        f"## {title}",
        "",
        f"| | {' | '.join(columns)} |",
        f"| --- |{' ---: |' * len(columns)}",
        *(f"| {name} | {' | '.join(f'{value:.1%}' for value in values)} |" for name, values in rows.items()),
        "",
    ]
