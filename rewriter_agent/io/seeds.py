"""Seeds that depend on the item sampled, not on time: a resumed run draws the same samples."""

import hashlib


def request_seed(*parts: object) -> int:
    """A 31-bit seed from the run's seed, the purpose, the problem and the sample's number."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4]) >> 1
