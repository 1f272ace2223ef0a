"""The `cluster` section of a run's config."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ClusterConfig(BaseModel):
    """Where the run's Ray cluster is and which engines it holds."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    address: str | None = None
    """Ray address to join (`auto`, `host:port`). Unset: join `RAY_ADDRESS` if given, else start a local cluster."""

    device: Literal["cpu", "gpu"] = "cpu"
    """What engines and trainers run on."""

    engines: int = Field(1, ge=1)
    """vLLM actors that serve the rewriting policy."""

    scorers: int = Field(1, ge=0)
    """vLLM actors that serve the frozen backbone. With `enable_lora`, 0 has the policy's engines do so as well."""

    enable_lora: bool = False
    """Serve the rewriting policy as an adapter on the backbone's weights, as vLLM does by this option, instead of
    weights into which it is merged."""

    threads: int | None = Field(None, ge=1)
    """CPU threads of one engine. Unset: the machine's cores shared by the engines of one kind."""

    tensor_parallel_size: int = Field(1, ge=1)
    """GPUs of one engine."""

    gpu_memory_utilization: float = Field(0.85, gt=0, le=1)
    """Share of a GPU's memory that one engine takes."""

    gpu_memory_gb: float | None = Field(None, gt=0)
    """GiB of one GPU, for the plan. Unset: as the driver says, or in a cluster its kind; else it is not checked."""

    kv_cache_gb: float = Field(1.0, gt=0)
    """GiB of KV cache of one CPU engine."""

    max_num_seqs: int = Field(64, ge=1)
    """Sequences that one engine decodes at once."""

    timeout: float = Field(600, gt=0)
    """Seconds that an engine may take to start or to load weights; one that gets no further for so long is given up.
    And seconds that trainers may take to start, at first and after they died."""

    heartbeat: float = Field(5, gt=0)
    """Seconds between two signs of life of an engine; after six without one it gets no more work until it is back."""

    max_restarts: int = Field(3, ge=0)
    """How often in a row an engine that died is replaced."""

    min_healthy: int = Field(1, ge=1)
    """Engines of a kind without which a run waits for those that start again, and without which it fails."""

    max_failures: int = Field(1, ge=0)
    """How often fine-tuning workers that died are started again, from their newest checkpoint (Ray Train's option)."""

    wait_timeout: float = Field(300, ge=0)
    """Seconds to wait for the machines of a cluster that the run has joined to come up, and to be free; 0 takes the
    cluster as it is."""

    label_selector: dict[Literal["policy", "backbone", "encoder", "learner", "sft"], dict[str, str]] = {}
    """By role, Ray labels of the machines that its processes may be on, for example `{learner: {pool: trainers}}`."""

    port: int = Field(6379, ge=0, le=65535)
    """Port of a Ray head that `launch` starts (0: any free one)."""

    dashboard_port: int = Field(8265, ge=0, le=65535)
    """Loopback port of that head's dashboard and job server (0: any free one)."""

    @model_validator(mode="after")
    def _enough_engines(self) -> "ClusterConfig":
        if not (self.scorers or self.enable_lora):
            raise ValueError(
                "scorers is 0: engines that hold merged weights cannot serve the backbone; set enable_lora=true, which "
                "leaves its weights as they are, or scorers=1"
            )
        fewest = min(self.engines, self.scorers or self.engines)
        if self.min_healthy > fewest:
            raise ValueError(
                f"min_healthy is {self.min_healthy}, but there are only {fewest} of a kind (engines {self.engines}, "
                f"scorers {self.scorers}); lower it to {fewest}, or raise these"
            )
        return self
