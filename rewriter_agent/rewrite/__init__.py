"""Rewriting a whole dataset: candidates by a strategy, verified, scored, selected, recorded."""
