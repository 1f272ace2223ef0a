"""The `dataset` section: export of the rewritten data."""

from .base import Strict


class DatasetConfig(Strict):
    """The rewritten targets as a data set, for use with other trainers."""

    license: str = "other"
    """Licence by its identifier on the hub (`apache-2.0`); written on the data set's card."""
