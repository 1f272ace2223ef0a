"""The stages that a run of a config has, by name: a plan lists them without importing their work."""

from .method import trains_student
from .run import RunConfig
from .strategies import uses_policy


def trains_rewriter(config: RunConfig) -> bool:
    """Tell whether the run trains a rewriter: it rewrites, its strategy needs one, and none is given."""
    return rewrites(config) and uses_policy(config.rewrite.strategy) and config.rewrite.rewriter is None


def rewrites(config: RunConfig) -> bool:
    """Tell whether the run rewrites the training problems, to fine-tune on the result."""
    return not trains_student(config.method)


def wanted_stages(config: RunConfig) -> dict[str, bool]:
    """The names of all stages in the order of the pipeline, and whether the run has them."""
    return {
        "prepare": True,
        "train": trains_rewriter(config),
        "rewrite": rewrites(config),
        "dataset": rewrites(config),
        "replay": config.sft.replay is not None,
        "student": trains_student(config.method),
        "evaluate-base": True,
        "sft-expert": True,
        "sft-rewritten": rewrites(config),
        "evaluate-expert": True,
        "evaluate-rewritten": True,
        "sweep": config.sft.sweep is not None,
        "report": True,
    }


def stages_line(config: RunConfig) -> str:
    """Method, strategy if it rewrites, and stages of a run in one line."""
    wanted = wanted_stages(config)
    names = ", ".join(name for name, has in wanted.items() if has)
    without = ", ".join(name for name, has in wanted.items() if not has)
    skipped = f" (without {without})" if without else ""
    strategy = f", strategy {config.rewrite.strategy}" if rewrites(config) else ""
    return f"method {config.method}{strategy}: {names}{skipped}"
