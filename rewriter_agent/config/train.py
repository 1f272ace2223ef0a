"""The `prepare`, `train` and `tracking` sections: how the rewriting policy is learned."""

from typing import Literal

from pydantic import Field, model_validator

from sft.config.sft import LoraSection

from .base import Strict


class TrainConfig(Strict):
    """GRPO by TRL's names and with TRL's meaning; `scale_rewards` differs in its default."""

    max_steps: int = Field(100, ge=1)
    """Optimiser steps."""

    num_generations: int = Field(8, ge=2)
    """K, candidates a problem. The reward compares candidates within the group, so at least 2."""

    per_device_train_batch_size: int = Field(8, ge=1)
    """Candidates in one forward and backward pass."""

    gradient_accumulation_steps: int = Field(1, ge=1)
    """Passes per optimiser step; one step takes batch x accumulation candidates."""

    learning_rate: float = Field(1e-5, gt=0)
    """Peak learning rate of AdamW."""

    lr_scheduler_type: str = "constant"
    """transformers' scheduler name."""

    max_completion_length: int = Field(256, ge=1)
    """Tokens a candidate may have."""

    temperature: float = Field(1.0, gt=0)
    """Of sampling. The importance ratio is computed at the same temperature."""

    beta: float = Field(0.0, ge=0)
    """Weight of KL(policy || backbone) in the loss."""

    epsilon: float = Field(0.2, gt=0)
    """Clip range of the policy ratio."""

    loss_type: Literal["dapo", "dr_grpo", "grpo", "bnpo"] = "dr_grpo"
    """TRL's loss normalisation."""

    scale_rewards: Literal["group", "batch", "none"] = "none"
    """Division of advantages. `group` blows small reward terms up to unit variance where every candidate passes."""

    vllm_importance_sampling_mode: Literal[
        "token_truncate", "token_mask", "sequence_truncate", "sequence_mask"
    ] = "token_truncate"
    """Correction for the engines' log-probs differing from the learner's."""

    max_staleness: Literal[0, 1] = 0
    """Steps that the weights which wrote a candidate may lie behind. With 1 the engines sample and score a step's
    candidates while the learner works on the step before; with 0 they take turns, and a run that is killed and goes on
    is the undisturbed one."""

    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass."""

    share_prompts: bool = True
    """Compute a prompt once for those of its candidates that are in one batch, where that is less work, and log-probs
    for the loss and for its correction at once. The numbers are TRL's but for rounding; false computes as TRL does."""

    save_steps: int = Field(10, ge=1)
    """Steps between checkpoints; a killed run goes on from the last one."""

    lora: LoraSection = LoraSection()
    """The adapter."""

    @model_validator(mode="after")
    def _whole_groups(self) -> "TrainConfig":
        candidates = self.per_device_train_batch_size * self.gradient_accumulation_steps
        if candidates % self.num_generations:
            raise ValueError(
                f"per_device_train_batch_size x gradient_accumulation_steps = {candidates} must be a multiple of "
                f"num_generations = {self.num_generations}: a group's candidates are scored together. Set "
                f"gradient_accumulation_steps={self.num_generations}, or num_generations to a divisor of {candidates}."
            )
        return self


class PrepareConfig(Strict):
    """Reference points of the alignment reward, once per problem."""

    num_own_samples: int = Field(2, ge=1)
    """Unaided solutions of the backbone a problem, whose mean log-prob is l_self."""

    temperature: float = Field(1.0, gt=0)
    """Of sampling them; use the policy's, or l_self is of other text than rewrites can be."""

    max_completion_length: int = Field(256, ge=1)
    """Tokens an unaided solution may have."""

    shard_size: int = Field(64, ge=1)
    """Problems a shard: what a killed run loses at most."""


class TrackingConfig(Strict):
    """Where metrics go beside the run folder's JSONL files."""

    report_to: Literal["none", "wandb", "tensorboard"] = "wandb"
    """`wandb` writes offline runs unless the user is logged in, `tensorboard` event files in the stages' folders."""

    project: str = "rewriter-agent"
    """W&B project."""

    group: str | None = None
    """What the W&B runs of all stages are found by; None for the run's name (of `--seeds`, the name of all)."""

    table_rows: int = Field(16, ge=0)
    """Samples in a W&B table: of each training step's completions, and of the rewrites. The Parquet files have all."""

    upload_artifacts: bool = False
    """Upload data sets and models to W&B; otherwise an artifact refers to the files where they are, by checksum."""
