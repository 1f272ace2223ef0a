"""Programs and their tests, run in two processes that exchange nothing but messages of data."""
