"""How far a data set is from a backbone, before anything is trained."""
