"""The laboratory: a small world of chat tasks and a backbone made for it."""
