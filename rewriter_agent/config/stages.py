"""The stages that a run of a config has, by name: a plan lists them without importing their work."""

from .run import RunConfig
from .strategies import uses_policy


def trains_rewriter(config: RunConfig) -> bool:
    """Tell whether the run trains a rewriter: its strategy needs one, and none is given."""
    return uses_policy(config.rewrite.strategy) and config.rewrite.rewriter is None


def wanted_stages(config: RunConfig) -> dict[str, bool]:
    """The names of all stages in the order of the pipeline, and whether the run has them."""
    return {
        "prepare": True,
        "train": trains_rewriter(config),
        "rewrite": True,
        "dataset": True,
        "replay": config.sft.replay is not None,
        "evaluate-base": True,
        "sft-expert": True,
        "sft-rewritten": True,
        "evaluate-expert": True,
        "evaluate-rewritten": True,
        "sweep": config.sft.sweep is not None,
        "report": True,
    }


def stages_line(config: RunConfig) -> str:
    """Method, strategy and stages of a run in one line."""
    wanted = wanted_stages(config)
    names = ", ".join(name for name, has in wanted.items() if has)
    without = ", ".join(name for name, has in wanted.items() if not has)
    skipped = f" (without {without})" if without else ""
    return f"method {config.method}, strategy {config.rewrite.strategy}: {names}{skipped}"
