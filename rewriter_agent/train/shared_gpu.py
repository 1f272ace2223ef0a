"""Turns of the learner and the engines on one GPU."""

import torch

from cluster.fleet.fleet import Fleet


class SharedGpu:
    """Frees the GPU for whoever computes next; does nothing if engines and learner have GPUs of their own."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._engines_work = True

    def for_learner(self) -> None:
        """Send the engines to sleep."""
        if self.fleet.spec.sleep_mode and self._engines_work:
            self.fleet.sleep()
            self._engines_work = False

    def for_engines(self) -> None:
        """Return the learner's unused memory; the engines wake up when they are called."""
        if self.fleet.spec.sleep_mode and not self._engines_work:
            torch.cuda.empty_cache()
            self._engines_work = True
