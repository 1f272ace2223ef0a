"""Checks that a text says the same as a reference, for data without an answer key."""
