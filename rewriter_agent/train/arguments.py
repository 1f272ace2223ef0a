"""TRL's arguments from the section `train`: its fields keep their names, and the fleet fixes the rest."""

from pathlib import Path
from typing import Any

from trl import GRPOConfig
from trl.experimental.sdft import SDFTConfig

from rewriter_agent.config import RunConfig
from rewriter_agent.config.train import READ_BY_GRPO, READ_BY_SDFT, TrainConfig


def grpo_config(config: RunConfig, folder: Path) -> GRPOConfig:
    """Build TRL's arguments of GRPO that writes to `folder`."""
    return GRPOConfig(
        **_section(config.train, without={*READ_BY_SDFT, "share_prompts", "max_staleness"}),
        **_fixed(config, folder),
        log_completions=True,
        num_completions_to_print=0,
    )


def sdft_config(config: RunConfig, folder: Path) -> SDFTConfig:
    """Build TRL's arguments of SDFT as published: forward KL over the whole vocabulary from the frozen backbone."""
    return SDFTConfig(
        **_section(config.train, without={*READ_BY_GRPO, "share_prompts"}),
        **_fixed(config, folder),
        teacher_model_kind="base",
        distillation_mode="full_logits",
        distillation_alpha=0.0,
        max_prompt_length=None,
    )


def _section(section: TrainConfig, without: set[str]) -> dict[str, Any]:
    return section.model_dump(exclude={"lora", "load_in_4bit", *without})


def _fixed(config: RunConfig, folder: Path) -> dict[str, Any]:
    cpu = config.cluster.device == "cpu"
    return {
        "output_dir": str(folder),
        "run_name": f"{config.name}-{folder.name}",
        "use_cpu": cpu,
        "bf16": config.model.dtype == "bfloat16",
        "seed": config.seed,
        "logging_steps": 1,
        "save_total_limit": 2,
        "save_strategy": "steps",
        # The callback is given to the trainer: by this name TRL would send all completions to W&B, too.
        "report_to": "none",
        "disable_tqdm": True,
        "dataloader_pin_memory": not cpu,
    }
