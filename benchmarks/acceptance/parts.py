"""The parts of the acceptance, and what each needs."""

from dataclasses import dataclass
from importlib.util import find_spec

TRAINING = ("transformers", "datasets", "accelerate", "trl", "peft")
ENGINES = ("vllm", "ray")


@dataclass(frozen=True)
class Part:
    """A function `module.name` of this package, run in a process of its own."""

    name: str
    title: str
    module: str
    packages: tuple[str, ...]
    compared: bool = False
    """Whether the CPU's values are measured too."""
    gpus: int = 0
    """GPUs without which it is not run."""
    seconds: int = 600
    """Time limit."""

    def obstacle(self, device: str, gpus: int, with_engines: bool) -> str | None:
        """Reason not to run it; None if there is none."""
        if self.gpus and device == "cpu":
            return "needs a GPU"
        if self.gpus > gpus:
            return f"needs {self.gpus} GPUs, and there are {gpus}"
        if not with_engines and set(ENGINES) & set(self.packages):
            return "needs engines (--without-engines)"
        missing = [name for name in self.packages if find_spec(name) is None]
        return f"needs the packages {', '.join(missing)}" if missing else None


PARTS = (
    Part("weights", "Importance weights of fine-tuning", "torch_parts", (), compared=True),
    Part("logprobs", "Log-probs on transformers", "torch_parts", ("transformers",), compared=True),
    Part("learner", "GRPO of recorded rollouts in bfloat16", "torch_parts", TRAINING, compared=True),
    Part(
        "quantized",
        "GRPO of recorded rollouts on 4-bit weights",
        "torch_parts",
        (*TRAINING, "bitsandbytes"),
        gpus=1,
    ),
    Part("tuning", "Fine-tuning with each weight", "torch_parts", (*TRAINING, "deepspeed"), compared=True),
    Part("zero3", "Fine-tuning under ZeRO-3", "torch_parts", (*TRAINING, "deepspeed"), compared=True),
    Part("engines", "Engine with adapter and with merged weights", "engine_parts", (*TRAINING, *ENGINES)),
    Part(
        "whole_run",
        "A whole run, killed while it learns and resumed; engine and learner share a GPU if there is one",
        "engine_parts",
        (*TRAINING, "deepspeed", *ENGINES),
        seconds=1800,
    ),
    Part("service", "The rewriting service", "engine_parts", (*TRAINING, *ENGINES)),
    Part("sleep", "Engine that sleeps and wakes up", "engine_parts", ENGINES, gpus=1),
    Part(
        "sequence_parallel",
        "Rows split over two GPUs",
        "engine_parts",
        (*TRAINING, "deepspeed", "ray"),
        gpus=2,
    ),
)
