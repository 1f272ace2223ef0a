"""The `study` section: which arms are compared, over which learning rates and seeds."""

from pydantic import Field, model_validator

from sft.config.seed import Seed
from sft.config.sweep import LearningRates, UniqueList
from sft.config.weights import TokenISWeight, Weight

from .arms import ARMS, REFERENCES
from .base import Strict


class StudyConfig(Strict):
    """Arms x learning rates x seeds, for the command `study`."""

    seeds: UniqueList[Seed] = Field([0, 1, 2, 3, 4], min_length=1)
    """Seeds of training, sampling and data order; problems and evaluation items are the same for all. Intervals are
    over seeds and need at least two."""

    learning_rates: LearningRates = Field([1e-5, 3e-5, 1e-4], min_length=1)
    """Peak learning rates of fine-tuning; each arm is measured at every rate."""

    arms: UniqueList[str] = Field(list(ARMS), min_length=1)
    """Arms to compare, by name (docs/study.md); the base model is always included."""

    weight: Weight = TokenISWeight()
    """Importance weight of the arms that use one."""

    small_rate: float = Field(0.1, gt=0, lt=1)
    """Factor that `expert_small_rate` applies to the learning rates."""

    num_targets: int = Field(4, ge=2)
    """Targets per problem for `rl_many` and `rl_many_no_diversity`."""

    refresh_parts: int = Field(2, ge=2)
    """Number of parts that the steps of `rl_refresh` are split into; each part trains on refreshed targets."""

    @model_validator(mode="after")
    def _arms_exist(self) -> "StudyConfig":
        if unknown := [arm for arm in self.arms if arm not in ARMS]:
            raise ValueError(f"no arm is called {', '.join(unknown)}; choose among {', '.join(ARMS)}")
        if missing := [arm for arm in REFERENCES[:1] if arm not in self.arms]:
            raise ValueError(
                f"every arm is compared with {', '.join(missing)}, which is not among the arms; add it"
            )
        return self
