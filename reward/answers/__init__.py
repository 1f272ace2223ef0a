"""Finds answers in texts, reads them and compares them with the gold answer."""
