"""The `cluster` section of a run's config."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ClusterConfig(BaseModel):
    """The Ray cluster of a run and its engines."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    address: str | None = None
    """Ray address to join (`auto`, `host:port`). Unset: join `RAY_ADDRESS` if set, else start a local cluster."""

    device: Literal["cpu", "gpu"] = "cpu"
    """Device of engines and trainers."""

    engines: int = Field(1, ge=1)
    """vLLM actors that serve the rewriting policy."""

    scorers: int = Field(1, ge=0)
    """vLLM actors that serve the frozen backbone. With `enable_lora`, 0 lets the policy's engines serve it as well."""

    enable_lora: bool = False
    """Serve the rewriting policy as a LoRA adapter on the backbone's weights (vLLM's option), instead of merged
    weights."""

    colocate: Literal["auto"] | bool = "auto"
    """Engine and learner on one GPU, with `enable_lora` and `scorers: 0`. `auto` does so if the machines have one GPU
    in all."""

    threads: int | None = Field(None, ge=1)
    """CPU threads of one engine. Unset: the machine's cores divided by the engines of one kind."""

    tensor_parallel_size: int = Field(1, ge=1)
    """GPUs of one engine."""

    gpu_memory_utilization: float = Field(0.85, gt=0, le=1)
    """Share of a GPU's memory for one engine; with `colocate` less, if the other processes there need it."""

    gpu_memory_gb: float | None = Field(None, gt=0)
    """GiB of one GPU, for the plan. Unset: from the driver or, in a cluster, from the GPU's type; else unchecked."""

    kv_cache_gb: float = Field(1.0, gt=0)
    """GiB of KV cache of one CPU engine."""

    max_num_seqs: int = Field(64, ge=1)
    """Sequences that one engine decodes at a time."""

    timeout: float = Field(600, gt=0)
    """Seconds that an engine may take to start, to load weights, or to make progress before it is given up; also
    seconds that each start of the trainers may take."""

    heartbeat: float = Field(5, gt=0)
    """Seconds between two heartbeats of an engine; after six missed ones it gets no work until the next."""

    max_restarts: int = Field(3, ge=0)
    """Restarts in a row of an engine that died."""

    min_healthy: int = Field(1, ge=1)
    """Smallest number of engines of a kind: with fewer, a run pauses, and fails if no more can be restarted."""

    max_failures: int = Field(1, ge=0)
    """Restarts of trainers that died, from their newest checkpoint (Ray Train's option)."""

    wait_timeout: float = Field(300, ge=0)
    """Seconds to wait until the machines of a joined cluster are up, and until they are free; 0 does not wait."""

    label_selector: dict[
        Literal["policy", "backbone", "encoder", "learner", "sft", "student"], dict[str, str]
    ] = {}
    """Ray labels, by role, of the machines that its processes may run on, such as `{learner: {pool: trainers}}`."""

    port: int = Field(6379, ge=0, le=65535)
    """Port of the Ray head that `launch` starts (0: any free port)."""

    dashboard_port: int = Field(8265, ge=0, le=65535)
    """Loopback port of that head's dashboard and job server (0: any free port)."""

    @model_validator(mode="after")
    def _check_colocation(self) -> "ClusterConfig":
        if self.colocate is not True:
            return self
        if self.device == "cpu":
            raise ValueError(
                "colocate=true shares a GPU, and device is cpu, on which all roles share the cores; set device=gpu, or "
                "colocate=auto"
            )
        if (self.engines, self.tensor_parallel_size) != (1, 1):
            raise ValueError(
                f"colocate=true puts one engine and the learner on one GPU, and engines is {self.engines}, "
                f"tensor_parallel_size {self.tensor_parallel_size}; set both to 1, or colocate=false"
            )
        return self

    @model_validator(mode="after")
    def _check_engines(self) -> "ClusterConfig":
        if not (self.scorers or self.enable_lora):
            raise ValueError(
                "scorers is 0, but engines with merged weights cannot serve the backbone; set enable_lora=true, which "
                "keeps its weights, or scorers=1"
            )
        fewest = min(self.engines, self.scorers or self.engines)
        if self.min_healthy > fewest:
            raise ValueError(
                f"min_healthy is {self.min_healthy}, but there are only {fewest} of a kind (engines {self.engines}, "
                f"scorers {self.scorers}); lower it to {fewest}, or raise these"
            )
        return self
