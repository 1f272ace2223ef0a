"""Answers: found in a text, read, and compared with the gold one."""
