"""Reduces words to stems, so that a word and its inflections are compared as one."""

from functools import lru_cache

_ENDINGS = (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("ly", ""))
_SHORTEST = 3
# Words of one family rarely differ before the ninth letter: "mesophiles" and "mesophilic".
_LONGEST = 8


@lru_cache(maxsize=1 << 14)
def stem(word: str) -> str:
    """Return the stem of a folded word (`words.fold`), at most 8 letters.

    English endings are dropped; other languages' endings only matter within the first letters.
    """
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST and not word.endswith("ss"):
            word = word[: -len(ending)] + instead
            break
    word = word.rstrip("e") or word
    if len(word) > _SHORTEST and word[-1] == word[-2]:
        word = word[:-1]
    return word[:_LONGEST]
