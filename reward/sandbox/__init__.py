"""Child processes that can be killed, in which hostile text is compared and programs run."""
