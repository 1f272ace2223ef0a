"""Trials of a sweep: one fine-tuning for each combination of its lists."""

import re
from dataclasses import dataclass
from itertools import product

from rewriter_agent.config import RunConfig
from rewriter_agent.finetune.stage import plain
from sft.config.sft import SFTConfig
from sft.config.sweep import SweepData
from sft.config.weights import Weight


@dataclass(frozen=True)
class Trial:
    """One fine-tuning of the sweep."""

    data: SweepData
    sft: SFTConfig
    seed: int

    @property
    def weight(self) -> str:
        """The rule, with what differs from its defaults."""
        rules = [_label(self.sft.weight), *(f"{o}: {_label(r)}" for o, r in self.sft.outcome_weights.items())]
        return ", ".join(rules)

    @property
    def name(self) -> str:
        """Name of its folder, unique in the sweep."""
        text = f"{self.data}-{self.weight}-lr{self.sft.learning_rate!r}-seed{self.seed}"
        return re.sub(r"[^A-Za-z0-9._=-]+", "_", text)


def trials(config: RunConfig) -> list[Trial]:
    """List the trials; the last of the lists changes first."""
    sweep = config.sft.sweep
    assert sweep is not None, "the stage is wanted only with a sweep"
    rates = sweep.learning_rates or [config.sft.learning_rate]
    return [
        Trial(data, rules.model_copy(update={"learning_rate": rate, "sweep": None}), seed)
        for data in sweep.data
        for rules, rate, seed in product(_rules(config.sft, data), rates, sweep.seeds or [config.seed])
    ]


def _rules(sft: SFTConfig, data: SweepData) -> list[SFTConfig]:
    assert sft.sweep is not None
    if sft.sweep.weights:
        return [sft.model_copy(update={"weight": rule, "outcome_weights": {}}) for rule in sft.sweep.weights]
    return [plain(sft) if data == "expert" else sft]


def _label(rule: Weight) -> str:
    options = rule.model_dump(exclude_defaults=True, exclude={"kind"})
    return rule.kind + (f" ({', '.join(f'{k}={v}' for k, v in options.items())})" if options else "")
