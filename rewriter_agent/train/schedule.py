"""Order of the problems over all steps, fixed before the first: no result depends on how far a loader has read."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice, repeat

from torch.utils.data import Sampler
from trl.trainer.utils import RepeatSampler


class Schedule(Sampler[int]):
    """Order of TRL's sampler over all steps, as one epoch; the same in a resumed run."""

    def __init__(self, sampler: RepeatSampler, batches: int, batch_size: int, group: int) -> None:
        """`batches` of `batch_size` rows, `group` rows a problem; `sampler` is iterated as often as that needs.

        Raises:
            ValueError: there are not enough problems for one batch.
        """
        if not len(sampler):
            raise ValueError(
                f"a training step takes {batch_size // group} problems (train.per_device_train_batch_size x "
                "gradient_accumulation_steps / num_generations), and there are fewer; lower one of the first two, or "
                "raise data.num_train"
            )
        rows = chain.from_iterable(repeat(sampler))
        self.order = list(islice(rows, batches * batch_size))
        self.batch_size = batch_size
        self.group = group

    def __iter__(self) -> Iterator[int]:
        return iter(self.order)

    def __len__(self) -> int:
        return len(self.order)

    def problems(self, batch: int) -> Sequence[int]:
        """Rows of the dataset in a batch, each once; empty after the last batch."""
        start = batch * self.batch_size
        return self.order[start : start + self.batch_size : self.group]
