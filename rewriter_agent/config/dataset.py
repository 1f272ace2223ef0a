"""The rewritten data set that leaves a run."""

from .base import Strict


class DatasetConfig(Strict):
    """The rewritten data set, for other trainers than this package's."""

    license: str = "other"
    """Licence, as the hub names it (`apache-2.0`); written on the data set's card."""
