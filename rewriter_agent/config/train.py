"""The `prepare`, `train` and `tracking` sections: training of a policy by GRPO or SDFT."""

from typing import Literal

from pydantic import Field, model_validator

from sft.config.sft import LoraSection

from .base import Strict

READ_BY_GRPO = (
    "beta",
    "epsilon",
    "loss_type",
    "scale_rewards",
    "vllm_importance_sampling_mode",
    "max_staleness",
)
"""Options of GRPO in the section `train`, which SDFT refuses."""
READ_BY_SDFT = ("num_loss_tokens_to_skip",)
"""Options of the section `train` that GRPO does not read."""


class TrainConfig(Strict):
    """GRPO of the rewriting policy, or of the model itself with `method: grpo`; SDFT of the model with `method: sdft`.

    Names and meanings are TRL's; the default of `scale_rewards` differs. SDFT refuses options of GRPO's reward and
    loss.
    """

    max_steps: int = Field(100, ge=1)
    """Optimiser steps."""

    num_generations: int = Field(8, ge=1)
    """K, candidates per problem; at least 2, since the reward compares candidates within the group. SDFT compares
    none and takes 1, too."""

    per_device_train_batch_size: int = Field(8, ge=1)
    """Candidates in one forward and backward pass."""

    gradient_accumulation_steps: int = Field(1, ge=1)
    """Passes per optimiser step; one step takes batch x accumulation candidates."""

    learning_rate: float = Field(1e-5, gt=0)
    """Peak learning rate of AdamW."""

    lr_scheduler_type: str = "constant"
    """transformers' scheduler name."""

    max_completion_length: int = Field(256, ge=1)
    """Maximum tokens of a candidate."""

    temperature: float = Field(1.0, gt=0)
    """Sampling temperature. The importance ratio and the distributions of SDFT are computed at the same one."""

    beta: float = Field(0.0, ge=0)
    """Weight of KL(policy || backbone) in the loss."""

    epsilon: float = Field(0.2, gt=0)
    """Clip range of the policy ratio."""

    loss_type: Literal["dapo", "dr_grpo", "grpo", "bnpo"] = "dr_grpo"
    """TRL's loss normalisation."""

    scale_rewards: Literal["group", "batch", "none"] = "none"
    """Division of advantages. `group` scales small reward terms up to unit variance if every candidate passes."""

    vllm_importance_sampling_mode: Literal[
        "token_truncate", "token_mask", "sequence_truncate", "sequence_mask"
    ] = "token_truncate"
    """Correction for differences between the engines' and the learner's log-probs."""

    max_staleness: Literal[0, 1] = 0
    """Steps by which the weights that sample a candidate may lag behind. With 1 the engines sample and score a step's
    candidates while the learner works on the previous step. With 0 they take turns, and a run that is killed and
    resumed gives the same result as an undisturbed one."""

    num_loss_tokens_to_skip: int = Field(0, ge=0)
    """First tokens of a rollout that SDFT leaves out of its loss; GRPO does not read it. The teacher's first words may
    answer its instruction instead of the question."""

    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass."""

    share_prompts: bool = True
    """Compute a prompt once for all its candidates in a batch if that saves work, and compute log-probs for the loss
    and its correction in one pass. The numbers equal TRL's up to rounding; false computes as TRL does.
    SDFT does not read it."""

    save_steps: int = Field(10, ge=1)
    """Steps between checkpoints; a killed run resumes from the last one."""

    lora: LoraSection = LoraSection()
    """The adapter."""

    load_in_4bit: bool = False
    """Keep the learner's frozen weights in 4 bits (QLoRA, transformers' option), on a GPU. The adapter is published to
    engines with the backbone's own weights, so this needs `cluster.enable_lora`; needs the package `bitsandbytes`."""

    @property
    def candidates_per_step(self) -> int:
        """Candidates of an optimiser step."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps

    @model_validator(mode="after")
    def _whole_groups(self) -> "TrainConfig":
        candidates = self.candidates_per_step
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
    """Samples of the backbone per problem, from the question alone; their mean log-prob is l_self."""

    temperature: float = Field(1.0, gt=0)
    """Sampling temperature; use `train.temperature`, since l_self is compared with rewrites."""

    max_completion_length: int = Field(256, ge=1)
    """Maximum tokens of such a sample."""

    shard_size: int = Field(64, ge=1)
    """Problems per shard, which is the most that a killed run loses."""


class TrackingConfig(Strict):
    """Destination of metrics in addition to the JSONL files in the run folder."""

    report_to: Literal["none", "wandb", "tensorboard"] = "wandb"
    """Tracker: `wandb` writes offline runs unless you are logged in; `tensorboard` writes event files in the stages'
    folders."""

    project: str = "rewriter-agent"
    """W&B project."""

    group: str | None = None
    """W&B group of the runs of all stages; null takes the run's name (with `--seeds`, the shared name)."""

    table_rows: int = Field(16, ge=0)
    """Rows in a W&B table of completions (one table per step) or rewrites. The Parquet files have all rows."""

    upload_artifacts: bool = False
    """Upload data sets and models to W&B; otherwise an artifact refers to the local files by checksum."""
