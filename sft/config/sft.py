"""What a user may set about supervised fine-tuning. Names follow transformers and TRL."""

from math import ceil
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .lora import LoraSection
from .refresh import RefreshSection
from .sweep import SweepSection
from .weights import ASFTWeight, NoWeight, Weight


class SFTConfig(BaseModel):
    """Supervised fine-tuning under DeepSpeed ZeRO-3."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    weight: Weight = NoWeight()
    """How the loss of each completion token is weighted; chosen by `kind`."""

    outcome_weights: dict[str, Weight] = {}
    """Other rules for rows of some outcomes, for example `{expert_fallback: {kind: dft}}`."""

    lora: LoraSection | None = None
    """Train an adapter and merge it at the end; unset, all weights are trained. It wants some ten times the rate."""

    learning_rate: float = Field(2e-5, gt=0)
    """Peak learning rate. DFT losses are some ten times smaller, so rates do not carry over to it."""

    num_train_epochs: float = Field(1.0, gt=0)
    """Passes over the rows; not used when `max_steps` is positive."""

    max_steps: int = Field(-1, ge=-1)
    """Number of optimizer steps; -1 trains for `num_train_epochs`."""

    per_device_train_batch_size: int = Field(2, ge=1)
    """Rows in one forward pass of one worker."""

    gradient_accumulation_steps: int = Field(1, ge=1)
    """Forward passes of each worker per optimizer step."""

    train_batch_size: int | None = Field(None, ge=1)
    """Rows of an optimizer step over all workers. Set, `gradient_accumulation_steps` follows from it, so that another
    `num_workers` leaves the step as it is."""

    max_length: int = Field(1024, ge=2)
    """Most tokens (prompt and completion) of a row. Longer rows are dropped and counted, never cut."""

    packing: bool = False
    """Put rows together, up to `max_length` tokens each time, in place of padding; a batch then counts packs, and
    attention stays within a row. Quick on GPUs with `attn_implementation: flash_attention_2`."""

    bf16: bool = True
    """Compute in bfloat16, with master weights in float32; false computes in float32, which CPUs without AVX-512 do
    several times faster."""

    attn_implementation: str | None = None
    """transformers' name of an attention implementation; unset, its choice."""

    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    """Shape of the learning rate after warm-up."""

    warmup_steps: float = Field(0.0, ge=0)
    """Steps of linear warm-up; below 1 it is the share of all steps."""

    weight_decay: float = Field(0.0, ge=0)
    """Decoupled weight decay of AdamW."""

    max_grad_norm: float = Field(1.0, gt=0)
    """Norm to which the gradient is clipped."""

    save_steps: int = Field(500, ge=1)
    """Optimizer steps between two checkpoints; a killed run loses at most this many."""

    logging_steps: int = Field(10, ge=1)
    """Optimizer steps between two lines of metrics."""

    gradient_checkpointing: bool = True
    """Recompute activations in the backward pass: less memory, about a third more compute."""

    sp_size: int = Field(1, ge=1)
    """Workers that share each row by its length (Accelerate's sequence parallelism), for rows that one cannot hold.
    The model's attention heads must be a multiple of it."""

    offload_optimizer_device: Literal["none", "cpu"] = "none"
    """Where ZeRO-3 keeps the optimizer's state (Accelerate's option): `cpu` saves GPU memory and takes longer."""

    offload_param_device: Literal["none", "cpu"] = "none"
    """Where it keeps the weights that no layer needs at the moment."""

    use_liger_kernel: bool = False
    """Liger's kernels for the layers of a model; GPUs only, needs the package `liger-kernel`. The loss stays TRL's
    fused one, which gives every weight its log-probs."""

    probe_size: int = Field(32, ge=0)
    """Answers of the backbone's own on which the divergence from it is logged (`probe/kl`); 0 logs none."""

    probe_steps: int = Field(50, ge=1)
    """It is logged once in so many steps (of those at which metrics are) and at the end; each time costs a forward pass
    over those answers."""

    num_workers: int = Field(2, ge=1)
    """Training processes, one GPU each where there are GPUs."""

    refresh: RefreshSection | None = None
    """Rewrite on the way: the next rows by, and for, the student as it is by then, with log-probs under it."""

    sweep: SweepSection | None = None
    """Fine-tune many times over, for the stage `sweep`."""

    @property
    def rules(self) -> list[Weight]:
        """The rules that rows may be under."""
        return [self.weight, *self.outcome_weights.values(), *(self.sweep.weights if self.sweep else [])]

    def rule(self, outcome: str) -> Weight:
        """That of rows with an outcome."""
        return self.outcome_weights.get(outcome, self.weight)

    @property
    def dtype(self) -> Literal["bfloat16", "float32"]:
        """That the model computes in."""
        return "bfloat16" if self.bf16 else "float32"

    @property
    def uses_reference(self) -> bool:
        """Whether a rule holds the model near the one that it starts from."""
        return any(isinstance(rule, ASFTWeight) for rule in self.rules)

    @property
    def rows_per_step(self) -> int:
        """Over all workers and forward passes."""
        return self.rows_per_pass * self.accumulation

    def total_steps(self, rows: int) -> int:
        """Optimizer steps of the whole training on so many rows."""
        return (
            self.max_steps if self.max_steps > 0 else ceil(self.num_train_epochs * rows / self.rows_per_step)
        )

    @property
    def rows_per_pass(self) -> int:
        """That all workers take in one forward pass."""
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
                f"num_workers ({self.num_workers}) is no multiple of sp_size ({self.sp_size}), the workers that share "
                "a row; change one of them"
            )
        whole = {rule.kind for rule in self.rules} & {"sequence_is", "iw_sft", "asft"}
        if self.sp_size > 1 and whole:
            raise ValueError(
                f"weight {', '.join(sorted(whole))} needs whole rows, and with sp_size={self.sp_size} a worker has "
                "part of each. Take none, dft, token_is, eaft or low_perplexity_mask, or sp_size=1."
            )
        if self.sp_size > 1 and self.packing:
            raise ValueError("packing and sp_size > 1 do not go together; leave one out")
        return self

    @model_validator(mode="after")
    def _check_batch(self) -> "SFTConfig":
        together = self.rows_per_pass
        if self.train_batch_size is None:
            return self
        if self.train_batch_size % together:
            nearest = max(1, round(self.train_batch_size / together)) * together
            raise ValueError(
                f"train_batch_size ({self.train_batch_size}) is no multiple of the {together} rows of one forward "
                f"pass: per_device_train_batch_size {self.per_device_train_batch_size} x num_workers "
                f"{self.num_workers} / sp_size {self.sp_size}; set it to {nearest}, or change the others"
            )
        if self.gradient_accumulation_steps not in (1, self.accumulation):
            raise ValueError(
                f"gradient_accumulation_steps is {self.gradient_accumulation_steps}, but train_batch_size "
                f"({self.train_batch_size}) asks {self.accumulation}; leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _check_refresh(self) -> "SFTConfig":
        if self.refresh is None:
            return self
        others = {"packing": self.packing, "sp_size > 1": self.sp_size > 1, "sweep": self.sweep is not None}
        if given := [name for name, there in others.items() if there]:
            raise ValueError(f"refresh does not go together with {', '.join(given)}; leave one out")
        looks = max(self.probe_steps, self.logging_steps)
        if self.refresh.probe_kl and (not self.probe_size or looks >= self.refresh.steps):
            raise ValueError(
                f"refresh.probe_kl is looked at where probe/kl is logged: with probe_size {self.probe_size}, "
                f"probe_steps {self.probe_steps} and logging_steps {self.logging_steps} never before refresh.steps "
                f"({self.refresh.steps}) are over. Make them smaller (probe_size positive), or leave probe_kl out."
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
