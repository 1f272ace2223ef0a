"""The `sft` section of a config. Names follow transformers and TRL."""

from math import ceil
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .replay import REPLAY, ReplaySection
from .sweep import SweepSection
from .weights import NoWeight, Weight


class LoraSection(BaseModel):
    """LoRA adapter; names follow PEFT."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    r: int = Field(16, ge=1)
    """Rank."""

    lora_alpha: int = Field(32, ge=1)
    """Scale: the adapter's output is multiplied by lora_alpha / r."""

    target_modules: str | list[str] = "all-linear"
    """Modules that carry an adapter."""


class RefreshSection(BaseModel):
    """Rewrite again during training, for the student in its current state."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    steps: int = Field(ge=1)
    """Largest number of optimizer steps between two refreshes."""

    probe_kl: float | None = Field(None, gt=0)
    """Refresh as soon as `probe/kl` has grown by this since the last refresh; checked when it is logged."""


class EvaluationSection(BaseModel):
    """Evaluation during training, on a small sample; names follow transformers."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    eval_steps: int = Field(ge=1)
    """Optimizer steps between two evaluations; the last step is evaluated, too."""

    num_problems: int = Field(50, ge=2)
    """Training problems, sampled with the run's seed, that are held out of training to measure the task on."""

    retention_limit: int = Field(20, ge=2)
    """Items per task of `evaluate.retention`, sampled with another seed than those of the report."""

    load_best_model_at_end: bool = True
    """Keep the evaluated checkpoint with the best score; false keeps the last one."""

    forgetting_price: float = Field(1.0, ge=0)
    """Points of the task that one point of forgetting costs: score = task - price * forgetting. 0 looks at the task
    alone."""

    early_stopping_patience: int | None = Field(None, ge=1)
    """Stop after this many evaluations in a row without a better score; null trains to the end."""


class SFTConfig(BaseModel):
    """Supervised fine-tuning under DeepSpeed: ZeRO-3, or ZeRO-1 if one worker holds everything on its device."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    weight: Weight = NoWeight()
    """Rule that weights the loss of each completion token, chosen by `kind`."""

    outcome_weights: dict[str, Weight] = {}
    """Rules for rows of certain outcomes, for example `{expert_fallback: {kind: dft}}`."""

    lora: LoraSection | None = None
    """Train an adapter and merge it at the end; unset, all weights are trained. It needs about ten times the rate."""

    load_in_4bit: bool = False
    """Keep the frozen weights under `lora` in 4 bits (QLoRA, transformers' option). One worker on one GPU, without
    offload; needs the package `bitsandbytes`. The adapter is merged into the backbone's own weights."""

    wise_ft_alpha: float | None = Field(None, gt=0, lt=1)
    """Share of the trained weights in the saved model; the rest are the backbone's (WiSE-FT, arXiv 2109.01903). Unset,
    the model is saved as it was trained."""

    learning_rate: float = Field(2e-5, gt=0)
    """Peak learning rate. DFT losses are about ten times smaller: rates do not carry over."""

    num_train_epochs: float = Field(1.0, gt=0)
    """Number of epochs; ignored if `max_steps` is positive."""

    max_steps: int = Field(-1, ge=-1)
    """Number of optimizer steps; -1 trains for `num_train_epochs`."""

    per_device_train_batch_size: int = Field(2, ge=1)
    """Rows in one forward pass of one worker."""

    gradient_accumulation_steps: int = Field(1, ge=1)
    """Forward passes of each worker per optimizer step."""

    train_batch_size: int | None = Field(None, ge=1)
    """Rows of an optimizer step over all workers. If set, `gradient_accumulation_steps` follows from it, and another
    `num_workers` does not change the step."""

    max_length: int = Field(1024, ge=2)
    """Largest number of tokens (prompt and completion) of a row. Longer rows are dropped and counted, never cut."""

    packing: bool = False
    """Pack rows up to `max_length` tokens instead of padding them. Batch sizes then count packs, and attention stays
    within a row. Fast on GPUs with `attn_implementation: flash_attention_2`."""

    bf16: bool = True
    """Compute in bfloat16, with master weights in float32. False computes in float32, which is several times faster on
    CPUs without AVX-512."""

    attn_implementation: str | None = None
    """Attention implementation, by its name in transformers; unset, transformers chooses."""

    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    """Shape of the learning rate after warm-up."""

    warmup_steps: float = Field(0.0, ge=0)
    """Steps of linear warm-up; a value below 1 is a share of all steps."""

    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay of AdamW."""

    max_grad_norm: float = Field(1.0, gt=0)
    """Largest norm of the gradient, to which it is clipped."""

    save_steps: int = Field(500, ge=1)
    """Optimizer steps between two checkpoints; a killed run loses at most so many."""

    logging_steps: int = Field(10, ge=1)
    """Optimizer steps between two lines of metrics."""

    gradient_checkpointing: bool = True
    """Recompute activations in the backward pass: less memory, about a third more compute."""

    sp_size: int = Field(1, ge=1)
    """Workers that each row is split over (Accelerate's sequence parallelism), for rows that are too long for one.
    The number of attention heads must be a multiple of it."""

    offload_optimizer_device: Literal["none", "cpu"] = "none"
    """Device of the optimizer state under ZeRO-3 (Accelerate's option): `cpu` saves GPU memory and is slower."""

    offload_param_device: Literal["none", "cpu"] = "none"
    """Device of the weights that no layer needs at the moment."""

    use_liger_kernel: bool = False
    """Use Liger's kernels for the layers; GPUs only, needs the package `liger-kernel`. The loss stays TRL's fused one,
    which provides the log-probs for every kind of weight."""

    probe_size: int = Field(32, ge=0)
    """Number of the backbone's own answers on which the divergence from it is logged (`probe/kl`); 0 disables it."""

    probe_steps: int = Field(50, ge=1)
    """Steps between two values of `probe/kl`, which is logged at steps that log metrics, and at the end. Each value
    takes a forward pass over those answers."""

    num_workers: int = Field(2, ge=1)
    """Training processes, each with one GPU if `cluster.device` is gpu."""

    refresh: RefreshSection | None = None
    """Rewrite again during training: the next rows are written by and for the current student, with its log-probs."""

    evaluation: EvaluationSection | None = None
    """Evaluate during training, keep the best checkpoint, and stop early; also the student of `method: grpo` and
    `method: sdft`. Each evaluation restarts the workers, since engines need their memory and cores."""

    replay: ReplaySection | None = None
    """Mix rows of general data into the rewritten rows; SFT on the expert's solutions stays without. Their loss is
    plain, unless `outcome_weights` has a rule for `replay`."""

    sweep: SweepSection | None = None
    """Fine-tune with many settings, in the stage `sweep`."""

    @property
    def offloads(self) -> bool:
        """Whether weights or optimizer state leave the device."""
        return "cpu" in (self.offload_optimizer_device, self.offload_param_device)

    @property
    def rules(self) -> list[Weight]:
        """All rules that may apply to rows."""
        return [self.weight, *self.outcome_weights.values(), *(self.sweep.weights if self.sweep else [])]

    def rule(self, outcome: str) -> Weight:
        """The rule of rows with this outcome."""
        return self.outcome_weights.get(outcome, NoWeight() if outcome == REPLAY else self.weight)

    @property
    def dtype(self) -> Literal["bfloat16", "float32"]:
        """Data type of the computation."""
        return "bfloat16" if self.bf16 else "float32"

    @property
    def uses_reference(self) -> bool:
        """Whether a rule needs a frozen reference model."""
        return any(rule.needs_reference for rule in self.rules)

    @property
    def rows_per_step(self) -> int:
        """Rows of an optimizer step, over all workers and forward passes."""
        return self.rows_per_pass * self.accumulation

    def total_steps(self, rows: int) -> int:
        """Optimizer steps of a whole training on this number of rows."""
        return (
            self.max_steps if self.max_steps > 0 else ceil(self.num_train_epochs * rows / self.rows_per_step)
        )

    @property
    def rows_per_pass(self) -> int:
        """Rows of one forward pass, over all workers."""
        return self.per_device_train_batch_size * self.num_workers // self.sp_size

    @property
    def accumulation(self) -> int:
        """Forward passes of each worker per optimizer step."""
        if self.train_batch_size is None:
            return self.gradient_accumulation_steps
        return self.train_batch_size // self.rows_per_pass

    @model_validator(mode="after")
    def _check_shared_rows(self) -> "SFTConfig":
        if self.num_workers % self.sp_size:
            raise ValueError(
                f"num_workers ({self.num_workers}) is no multiple of sp_size ({self.sp_size}), the number of "
                "workers of a row; change one of them"
            )
        whole = {rule.kind for rule in self.rules if rule.needs_whole_rows}
        if self.sp_size > 1 and whole:
            raise ValueError(
                f"weight {', '.join(sorted(whole))} needs whole rows, but with sp_size={self.sp_size} a worker has "
                "a part of each. Use none, dft, token_is, prior_ratio, prior without mass, eaft or "
                "low_perplexity_mask, or sp_size=1."
            )
        if self.sp_size > 1 and self.packing:
            raise ValueError("packing cannot be combined with sp_size > 1; remove one of them")
        return self

    @model_validator(mode="after")
    def _check_batch(self) -> "SFTConfig":
        rows = self.rows_per_pass
        if self.train_batch_size is None:
            return self
        if self.train_batch_size % rows:
            nearest = max(1, round(self.train_batch_size / rows)) * rows
            raise ValueError(
                f"train_batch_size ({self.train_batch_size}) is no multiple of the {rows} rows of one forward "
                f"pass: per_device_train_batch_size {self.per_device_train_batch_size} x num_workers "
                f"{self.num_workers} / sp_size {self.sp_size}; set it to {nearest}, or change the others"
            )
        if self.gradient_accumulation_steps not in (1, self.accumulation):
            raise ValueError(
                f"gradient_accumulation_steps is {self.gradient_accumulation_steps}, but train_batch_size "
                f"({self.train_batch_size}) requires {self.accumulation}; remove one of them"
            )
        return self

    @model_validator(mode="after")
    def _check_refresh(self) -> "SFTConfig":
        if self.refresh is None:
            return self
        others = {
            "packing": self.packing,
            "sp_size > 1": self.sp_size > 1,
            "sweep": self.sweep is not None,
            "replay": self.replay is not None,
        }
        if given := [name for name, is_set in others.items() if is_set]:
            raise ValueError(f"refresh cannot be combined with {', '.join(given)}; remove one of them")
        interval = max(self.probe_steps, self.logging_steps)
        if self.refresh.probe_kl and (not self.probe_size or interval >= self.refresh.steps):
            raise ValueError(
                f"refresh.probe_kl is checked when probe/kl is logged, which with probe_size {self.probe_size}, "
                f"probe_steps {self.probe_steps} and logging_steps {self.logging_steps} never happens before "
                f"refresh.steps ({self.refresh.steps}). Make them smaller (probe_size positive), or remove probe_kl."
            )
        return self

    @model_validator(mode="after")
    def _check_average(self) -> "SFTConfig":
        others = {"lora": self.lora is not None, "refresh": self.refresh is not None}
        if self.wise_ft_alpha and (given := [name for name, is_set in others.items() if is_set]):
            raise ValueError(f"wise_ft_alpha cannot be combined with {', '.join(given)}; remove one of them")
        return self

    @model_validator(mode="after")
    def _check_quantization(self) -> "SFTConfig":
        if not self.load_in_4bit:
            return self
        if self.lora is None:
            raise ValueError(
                "load_in_4bit keeps frozen weights in 4 bits, and without lora all weights are trained; set "
                "lora={r: 16}, or load_in_4bit=false"
            )
        if self.num_workers > 1 or self.offloads:
            raise ValueError(
                f"load_in_4bit is for one worker without offload: ZeRO-3, which num_workers={self.num_workers} and "
                "offload take, partitions weights that 4-bit ones are not. Set num_workers=1 and both offload devices "
                "to none, or load_in_4bit=false"
            )
        return self

    @model_validator(mode="after")
    def _check_evaluation(self) -> "SFTConfig":
        others = {"refresh": self.refresh is not None, "sweep": self.sweep is not None}
        if self.evaluation and (given := [name for name, is_set in others.items() if is_set]):
            raise ValueError(f"evaluation cannot be combined with {', '.join(given)}; remove one of them")
        if self.evaluation and 0 < self.max_steps <= self.evaluation.eval_steps:
            raise ValueError(
                f"evaluation.eval_steps ({self.evaluation.eval_steps}) leaves one evaluation, at the end of max_steps "
                f"({self.max_steps}), and so nothing to choose from; lower it, or remove the section evaluation"
            )
        return self

    @model_validator(mode="after")
    def _check_max_steps(self) -> "SFTConfig":
        if self.max_steps == 0:
            raise ValueError(
                "max_steps is 0; set a positive number of steps, or -1 to train for num_train_epochs"
            )
        return self

    @model_validator(mode="after")
    def _check_warmup(self) -> "SFTConfig":
        if self.lr_scheduler_type == "constant" and self.warmup_steps > 0:
            raise ValueError(
                f"lr_scheduler_type 'constant' has no warm-up but warmup_steps is {self.warmup_steps:g}; "
                "set warmup_steps to 0 or lr_scheduler_type to 'constant_with_warmup'"
            )
        if 0 < self.max_steps <= self.warmup_steps:
            raise ValueError(
                f"warmup_steps ({self.warmup_steps:g}) covers all of max_steps ({self.max_steps}), so the "
                "peak learning rate is never used; lower warmup_steps or raise max_steps"
            )
        return self
