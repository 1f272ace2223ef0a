"""Checkpoints of pre-training, from which a run resumes with identical results."""

from dataclasses import asdict
from pathlib import Path

import torch

from rewriter_agent.io.files import atomic

from .recipes import Recipe

FREE_TO_CHANGE = frozenset({"save_steps", "log_steps"})
"""Settings that do not affect the result."""


def save_checkpoint(
    path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, step: int, recipe: Recipe
) -> None:
    """Write weights, optimiser and the number of finished steps, whole or not at all.

    The schedule and the place in the data follow from the number of steps; there is no other random state.
    """
    state = {
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "made_with": _made_with(recipe),
    }
    with atomic(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(
    path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe
) -> int:
    """Restore the state and return the number of finished steps; 0 if there is no checkpoint.

    Raises ValueError when it was made with other settings or from another stream.
    """
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    now, then = _made_with(recipe), state["made_with"]
    other = [key for key in now if now[key] != then.get(key)]
    if other:
        changes = ", ".join(f"{key} was {then.get(key)} and is {now[key]}" for key in other)
        raise ValueError(f"{path} was made otherwise ({changes}); choose another folder or remove it")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


def _made_with(recipe: Recipe) -> dict[str, object]:
    kept = {key: value for key, value in asdict(recipe.settings).items() if key not in FREE_TO_CHANGE}
    return {**kept, "stream": recipe.stream_hash} | ({"start": recipe.start_hash} if recipe.start else {})
