"""The study: arms, learning rates and seeds in one table."""
