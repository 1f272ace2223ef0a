"""Distance of a data set from a backbone, before any training."""
