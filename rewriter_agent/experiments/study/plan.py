"""The configs of a study's parts: a run folder for each seed and source, and the fine-tuning of each cell."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

from rewriter_agent.config import RunConfig, make_config
from rewriter_agent.config.arms import ARMS, SOURCES, Arm, Changes, StudyValue
from rewriter_agent.config.method import trains_student
from rewriter_agent.config.study import StudyConfig
from rewriter_agent.data.load import load_problems
from rewriter_agent.replay.texts import read_texts
from sft.config.replay import ReplaySection
from sft.config.sft import SFTConfig

JUDGING = (
    "judge",
    "numeric_tolerance",
    "text_min_f1",
    "json_schema",
    "timeout",
    "code_timeout",
    "memory_limit_gb",
    "max_answer_chars",
    "max_verifiers",
    "idle_timeout",
)
"""Keys that a preset of the reward leaves to the config: they decide which answers are right."""


@dataclass(frozen=True)
class Cell:
    """One fine-tuning of one arm, or its student, and the run that measures it."""

    arm: str
    learning_rate: float
    """Learning rate of the study; an arm with a smaller one has it in `config.sft`. A student has that of `train`."""
    seed: int
    config: RunConfig
    """Config of its source's run, with the cell's own `sft`."""

    @property
    def spec(self) -> Arm:
        """Description of its arm."""
        return ARMS[self.arm]

    @property
    def is_student(self) -> bool:
        """Whether its source has trained the model, so that nothing is fine-tuned."""
        return trains_student(self.config.method)

    @property
    def stage(self) -> str:
        """Name of its folder in the source's run."""
        return f"{self.arm}-lr{self.learning_rate:g}"

    @property
    def folder(self) -> Path:
        """Folder in which it is trained and measured."""
        return self.config.folder / self.stage


@dataclass(frozen=True)
class StudyPlan:
    """Plan of a study: the configs of its runs and cells, from its config and the number of training problems."""

    config: RunConfig
    problems: int

    @classmethod
    def of(cls, config: RunConfig) -> "StudyPlan":
        """Load the data and check that every source can be made.

        Raises:
            ValueError: the config has no section `study`, an arm cannot be made with the other options, or the data
                cannot be used.
        """
        if config.study is None:
            raise ValueError(
                "study needs a section `study` with its seeds, learning_rates and arms (docs/study.md); all defaults: "
                "--set 'study={}'"
            )
        plan = cls(config, len(load_problems(config.data).train))
        for source in plan.sources:
            plan.source_config(source, config.study.seeds[0])
        with_replay = [cell.config for cell in plan.cells(config.study.seeds[0]) if cell.config.sft.replay]
        for cell_config in with_replay[:1]:
            # All have the same texts.
            read_texts(cell_config)
        return plan

    @property
    def study(self) -> StudyConfig:
        """The section."""
        assert self.config.study is not None, "checked by `of`"
        return self.config.study

    @cached_property
    def sources(self) -> list[str]:
        """Sources that the arms need, in the order in which they can be made."""
        wanted = {ARMS[arm].source for arm in self.study.arms}
        wanted |= {SOURCES[name].rewriter or name for name in wanted}
        return [name for name in SOURCES if name in wanted]

    @property
    def steps(self) -> int:
        """Steps of every fine-tuning, however many rows its source has."""
        return self.config.sft.total_steps(self.problems)

    @property
    def budget(self) -> int:
        """Rollouts per problem of the RL rewriter, including its training."""
        train = self.config.train
        return self.config.rewrite.num_generations + ceil(
            train.max_steps * train.candidates_per_step / self.problems
        )

    @property
    def student_steps(self) -> int:
        """Steps of a student that has as many rollouts in all as the RL rewriter, rounded up to whole steps."""
        rewriting = self.config.rewrite.num_generations * self.problems
        return self.config.train.max_steps + ceil(rewriting / self.config.train.candidates_per_step)

    def source_config(self, source: str, seed: int) -> RunConfig:
        """The run that makes a source's targets.

        Raises:
            ValueError: the source cannot be made with the config's other options.
        """
        tree = self.config.model_dump(mode="json")
        folder = self.config.folder / f"seed-{seed}"
        tree |= {"name": source, "output_dir": str(folder), "seed": seed, "study": None, "method": "rewrite"}
        tree["tracking"]["group"] = self.config.tracking.group or self.config.name
        # Every cell has its own.
        tree["sft"] |= {"sweep": None, "outcome_weights": {}, "refresh": None, "replay": None}
        tree["rewrite"] |= {"strategy": "policy", "select": None, "rewriter": None}
        spec = SOURCES[source]
        if spec.rewriter:
            tree["rewrite"]["rewriter"] = str(folder / spec.rewriter / "train")
        for key, value in self._resolved(spec.changes).items():
            *section, option = key.split(".")
            (tree[section[0]] if section else tree)[option] = value
        if spec.reward_preset:
            judging = {key: tree["reward"][key] for key in JUDGING}
            tree["reward"] = {"preset": spec.reward_preset} | judging
        return make_config(tree)

    def cells(self, seed: int) -> list[Cell]:
        """List the cells of one seed, in the order of the arms."""
        configs = {source: self.source_config(source, seed) for source in self.sources}
        return [
            Cell(name, rate, seed, self._cell_config(configs[ARMS[name].source], ARMS[name], rate))
            for name in self.study.arms
            for rate in self._rates(configs[ARMS[name].source])
        ]

    def _rates(self, source: RunConfig) -> list[float]:
        """Learning rates of an arm: a student, which is not fine-tuned, has the one that it was trained with."""
        return [source.train.learning_rate] if trains_student(source.method) else self.study.learning_rates

    def _cell_config(self, source: RunConfig, arm: Arm, rate: float) -> RunConfig:
        method = {"method": "accepted_only"} if arm.accepted_only else {}
        return source.model_copy(update={"sft": self._sft(arm, rate), **method})

    def _sft(self, arm: Arm, rate: float) -> SFTConfig:
        plain = {
            "learning_rate": rate,
            "max_steps": self.steps,
            "refresh": None,
            "replay": None,
            "sweep": None,
            "weight": {"kind": "none"},
            "outcome_weights": {},
        }
        return SFTConfig.model_validate(
            self.config.sft.model_dump() | plain | self._resolved(arm.sft, rate=rate)
        )

    def _resolved(self, changes: Changes, rate: float = 0.0) -> dict[str, Any]:
        """Replace each `StudyValue` by its value in this study, at this learning rate."""
        values = {
            StudyValue.BUDGET: self.budget,
            StudyValue.STEPS: self.student_steps,
            StudyValue.NUM_TARGETS: self.study.num_targets,
            StudyValue.IS_WEIGHT: self.study.weight.model_dump(),
            StudyValue.SMALL_RATE: rate * self.study.small_rate,
            StudyValue.LORA_RATE: rate * 10,
            StudyValue.REPLAY: (self.config.sft.replay or ReplaySection()).model_dump(),
            StudyValue.REFRESH: {"steps": ceil(self.steps / self.study.refresh_parts)},
        }
        return {
            key: values[value] if isinstance(value, StudyValue) else value for key, value in changes.items()
        }
