"""The config of a whole run: one YAML file, overridden by `--set key=value`."""

import difflib
from pathlib import Path
from typing import Any, get_origin

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from cluster.config import ClusterConfig
from reward.config import RewardConfig
from rewriter_agent.user_errors import MAX_QUOTED, printable
from sft.config.replay import REPLAY
from sft.config.seed import Seed
from sft.config.sft import SFTConfig

from .base import Strict, UserPath
from .compose import read_config_tree
from .data import DataConfig, SciqData, convention_of, sources_of
from .dataset import DatasetConfig
from .evaluate import EvaluateConfig
from .method import Method, check_method, with_strategy_of_method
from .model import ModelConfig
from .outcomes import OUTCOMES
from .prompts import PromptsConfig
from .rewrite import RewriteConfig
from .safe_yaml import MAX_DEPTH, parse_yaml
from .serve import ServeConfig
from .study import StudyConfig
from .train import PrepareConfig, TrackingConfig, TrainConfig


class RunConfig(Strict):
    """All settings of a run."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=150)
    """Folder name of the run."""

    output_dir: UserPath = Path("runs")
    """Folder that holds the run folders."""

    seed: Seed = 0
    """Seed of sampling, training and data order."""

    method: Method = "rewrite"
    """Rows to fine-tune on: `rewrite` takes the rewritten targets, and the expert's solution of problems without an
    accepted one; `accepted_only` takes the accepted rewrites alone; `self_train` takes the backbone's own samples from
    the question, verified or not (`rewrite.strategy`). Without rewriting, `grpo` trains the model itself from the
    question, with the gate as its reward and the options of `train`; `sdft` trains it to answer the question as the
    backbone does that is given the rewriting prompt."""

    model: ModelConfig
    """The backbone."""

    data: DataConfig
    """Problems with expert solutions."""

    prompts: PromptsConfig = PromptsConfig()
    """The question as models read it, and the rewriting prompt."""

    prepare: PrepareConfig = PrepareConfig()
    """Reference points of the alignment reward."""

    reward: RewardConfig = RewardConfig()
    """The group reward."""

    cluster: ClusterConfig = ClusterConfig()
    """Ray and its engines."""

    train: TrainConfig = TrainConfig()
    """GRPO of the rewriting policy, or of the model itself."""

    rewrite: RewriteConfig = RewriteConfig()
    """Rewriting the training problems."""

    dataset: DatasetConfig = DatasetConfig()
    """The targets as a data set."""

    sft: SFTConfig = SFTConfig()
    """Fine-tuning the backbone."""

    evaluate: EvaluateConfig = EvaluateConfig()
    """Task and retention."""

    study: StudyConfig | None = None
    """Arms, learning rates and seeds side by side, for the command `study`."""

    tracking: TrackingConfig = TrackingConfig()
    """Metrics in W&B or TensorBoard."""

    serve: ServeConfig = ServeConfig()
    """The rewriting service."""

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.output_dir / self.name

    @property
    def convention(self) -> str:
        """Answer convention of the data."""
        return convention_of(self.data)

    @model_validator(mode="before")
    @classmethod
    def _method_has_its_strategy(cls, tree: Any) -> Any:
        return with_strategy_of_method(tree)

    @model_validator(mode="before")
    @classmethod
    def _written_reasoning_is_required(cls, tree: Any) -> Any:
        if not isinstance(tree, dict) or not isinstance(tree.get("prompts"), dict):
            return tree
        reward = tree.get("reward", {})
        if tree["prompts"].get("reasoning") != "write" or not isinstance(reward, dict):
            return tree
        return {**tree, "reward": {"requires_reasoning": True, **reward}}

    @model_validator(mode="after")
    def _method_fits(self) -> "RunConfig":
        check_method(self.method, self.rewrite, self.sft, self.train)
        return self

    @model_validator(mode="after")
    def _lengths_fit(self) -> "RunConfig":
        longest = {
            "prepare.max_completion_length": self.prepare.max_completion_length,
            "train.max_completion_length": self.train.max_completion_length,
            "rewrite.max_completion_length": self.rewrite.max_completion_length,
            "evaluate.max_completion_length": self.evaluate.max_completion_length,
        }
        for key, value in longest.items():
            if value >= self.model.max_model_len:
                raise ValueError(
                    f"{key}={value} leaves no room for a prompt: model.max_model_len is {self.model.max_model_len}. "
                    "Lower the one or raise the other."
                )
        return self

    @model_validator(mode="after")
    def _retention_is_not_trained_on(self) -> "RunConfig":
        same = {"sciq_generate"} | ({"sciq"} if self.evaluate.retention_data == "package" else set())
        from_sciq = any(isinstance(part, SciqData) for part in sources_of(self.data))
        if from_sciq and (found := sorted(same & set(self.evaluate.retention))):
            raise ValueError(
                f"evaluate.retention has {', '.join(found)}, whose questions data.source=sciq trains on. Name other "
                "tasks, for example evaluate.retention=[arc_easy, piqa, hellaswag, copa]."
            )
        return self

    @model_validator(mode="after")
    def _student_has_engines(self) -> "RunConfig":
        if self.sft.refresh and self.cluster.colocate is True:
            raise ValueError(
                "sft.refresh rewrites for the student, which takes the backbone's place in engines of its own, and "
                "cluster.colocate=true has one engine for both; set cluster.colocate=false"
            )
        if self.sft.refresh and not self.cluster.scorers:
            raise ValueError(
                "sft.refresh rewrites for the student, which takes the backbone's place in engines of its own, and "
                "cluster.scorers is 0; set cluster.scorers=1"
            )
        return self

    @model_validator(mode="after")
    def _quantized_weights_have_a_gpu(self) -> "RunConfig":
        sections = {"train": self.train.load_in_4bit, "sft": self.sft.load_in_4bit}
        if self.cluster.device == "cpu" and (given := [name for name, is_set in sections.items() if is_set]):
            raise ValueError(
                f"{given[0]}.load_in_4bit needs bitsandbytes' kernels on a GPU, and cluster.device is cpu. Set "
                f"{given[0]}.load_in_4bit=false, or cluster.device=gpu."
            )
        return self

    @model_validator(mode="after")
    def _a_study_evaluates_at_the_end(self) -> "RunConfig":
        if self.study and self.sft.evaluation:
            raise ValueError(
                "sft.evaluation evaluates a run's own two trainings on the way, and a study and `compare --methods` "
                "compare models at the same number of steps; set sft.evaluation=null, or study=null for a run"
            )
        return self

    @model_validator(mode="after")
    def _outcomes_exist(self) -> "RunConfig":
        known = [*OUTCOMES, *([REPLAY] if self.sft.replay else [])]
        unknown = sorted(self.sft.outcome_weights.keys() - set(known))
        if unknown:
            raise ValueError(
                f"sft.outcome_weights names {', '.join(unknown)}; the outcomes of rewriting are {', '.join(known)}"
            )
        return self

    @model_validator(mode="after")
    def _prior_ratio_is_only_compared(self) -> "RunConfig":
        if any(rule.kind == "prior_ratio" for rule in (self.sft.weight, *self.sft.outcome_weights.values())):
            raise ValueError(
                "sft.weight=prior_ratio divides by the backbone instead of the writer, and exists for comparison only. "
                "Set sft.weight={kind: token_is}; to measure it, use the arm rl_prior_ratio of a study, or "
                "sft.sweep.weights."
            )
        return self

    @model_validator(mode="after")
    def _answers_can_be_boxed(self) -> "RunConfig":
        if self.evaluate.prompt != "chat" and self.convention in (
            "json",
            "python",
            "reference",
            "tool_calls",
        ):
            raise ValueError(
                f"evaluate.prompt={self.evaluate.prompt} asks for a boxed answer, and data.convention="
                f"{self.convention} has none that fits a box. Set evaluate.prompt=chat."
            )
        return self

    @model_validator(mode="after")
    def _a_masked_answer_exists(self) -> "RunConfig":
        if self.convention == "reference" and not self.prompts.show_answer:
            raise ValueError(
                "prompts.show_answer=false masks the answer in the rewriting prompt, and data.convention=reference has "
                "none: a rewrite is made from the whole solution. Set prompts.show_answer=true."
            )
        return self

    @model_validator(mode="after")
    def _a_judged_answer_exists(self) -> "RunConfig":
        if self.convention == "reference" and self.reward.judge:
            raise ValueError(
                "reward.judge=true judges the reasoning after a right answer, and data.convention=reference has no "
                "answer. Set reward.judge=false, and name a judge of whole texts in reward.reference.judge."
            )
        return self

    @model_validator(mode="after")
    def _texts_are_sampled(self) -> "RunConfig":
        if self.rewrite.strategy == "quote_align" and self.reward.needs_solution:
            raise ValueError(
                "reward.alignment=rlt compares the log-probs of a text with those of its sampling, which the "
                "continuations of rewrite.strategy=quote_align do not have. Take another strategy, or another "
                "alignment."
            )
        return self

    @model_validator(mode="after")
    def _selection_has_its_values(self) -> "RunConfig":
        if self.rewrite.select == "typicality" and not self.reward.needs_entropies:
            raise ValueError(
                f"rewrite.select=typicality needs entropies, which reward.alignment={self.reward.alignment} does not "
                "ask for. Set reward.alignment=typicality, or select by another rule."
            )
        return self


def load_config(path: Path, overrides: list[str] | None = None) -> RunConfig:
    """Read a YAML file and its bases, apply `key.path=value` overrides (values as YAML), and validate the result.

    Raises:
        ValueError: missing or malformed file, unknown key (names the nearest valid one), bad value.
    """
    return make_config(read_config_tree(path), overrides)


def make_config(tree: dict[str, Any], overrides: list[str] | None = None) -> RunConfig:
    """Build the config from a tree of sections, with overrides applied.

    Raises:
        ValueError: unknown key (names the nearest valid one), bad value.
    """
    for override in overrides or []:
        _apply(tree, override)
    try:
        return RunConfig.model_validate(tree)
    except ValidationError as error:
        raise ValueError("\n".join(_explain(detail) for detail in error.errors())) from None


def dump_config(config: RunConfig) -> str:
    """The resolved config as YAML, defaults included."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _apply(tree: dict[str, Any], override: str) -> None:
    key, separator, value = override.partition("=")
    if not separator or not key:
        raise ValueError(f"--set takes key=value, got '{override}' (example: --set train.max_steps=5)")
    *parents, last = key.split(".")
    if len(parents) > MAX_DEPTH:
        raise ValueError(f"--set {printable(key, MAX_QUOTED)}: a key has at most {MAX_DEPTH} parts")
    node = tree
    for parent in parents:
        if node.get(parent) is None:
            node[parent] = {}
        child = node[parent]
        if not isinstance(child, dict):
            raise ValueError(f"--set {override}: '{parent}' is a value, not a section")
        node = child
    node[last] = parse_yaml(value, f"--set {printable(override, MAX_QUOTED)}: the value")


def _explain(detail: Any) -> str:
    key, known = _resolve(detail["loc"])
    if detail["type"] == "union_tag_not_found":
        page = "docs/sft.md" if key.startswith("sft.") else "docs/data.md"
        return f"{key} needs {detail['ctx']['discriminator'].strip(chr(39))}; the kinds are in {page}"
    if detail["type"] != "extra_forbidden":
        given = (
            f" (got {printable(repr(detail['input']), MAX_QUOTED)})"
            if not isinstance(detail["input"], dict)
            else ""
        )
        return f"{key or 'config'}: {detail['msg'].removeprefix('Value error, ')}{given}"
    nearest = difflib.get_close_matches(str(detail["loc"][-1]), known, n=1, cutoff=0.5)
    hint = f"did you mean '{nearest[0]}'?" if nearest else f"allowed here: {', '.join(known)}"
    return f"unknown config key '{key}'; {hint}"


def _resolve(location: tuple[int | str, ...]) -> tuple[str, list[str]]:
    """Find the key as the user wrote it, and the field names allowed in its section.

    If a section has kinds, pydantic's location also holds the kind, which is no part of the key.
    """
    key: list[str] = []
    models: list[type[BaseModel]] = [RunConfig]
    chosen_by_user = False
    for place, part in enumerate(location):
        if chosen_by_user:
            # A name in a mapping, which may be that of a kind.
            key.append(str(part))
            chosen_by_user = False
            continue
        kinds = [model for model in models if any(f.default == part for f in model.model_fields.values())]
        if len(models) > 1 and kinds:
            models = kinds
            continue
        key.append(str(part))
        if place < len(location) - 1:
            fields = [model.model_fields[str(part)] for model in models if str(part) in model.model_fields]
            if fields:
                models = [model for field in fields for model in _models_in(field.annotation)]
            chosen_by_user = any(get_origin(field.annotation) is dict for field in fields)
    return ".".join(key), sorted({name for model in models for name in model.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    arguments = getattr(annotation, "__args__", ()) or ()
    if hasattr(annotation, "__value__"):
        arguments = (annotation.__value__,)
    return [model for argument in arguments for model in _models_in(argument)]
