"""Tells words that may be a unit after a number from the words of a sentence."""

from functools import lru_cache

from reward.answers.math.units import is_known

CURRENCIES = {"$": "dollar", "€": "euro", "£": "gbp", "¥": "yen", "₹": "rupee"}
_SENTENCE_WORDS = """
a an the this that these those his her their its my our your he she it they we you i who which what whose 
and or but so then thus hence therefore since because as if when while where until than not no nor 
is are was were be been being has have had do does did will would can could should must may might let 
equals equal makes make gives give gets get yields yield means mean leaves leaving becomes comes totals costs 
in on at by to from with without for into onto over under after before during about around between within 
through out up down off plus minus times divided multiplied half twice thrice double triple squared cubed 
remainder mod modulo r sum total difference product quotient answer result value number square-root root 
approximately approx roughly nearly almost exactly only just also again now there here how many much 
x y z hundred thousand million billion trillion
"""
NO_UNITS = frozenset(_SENTENCE_WORDS.split())
"""Words that build sentences, which name no unit."""
_LATER = frozenset(("of", "per", "a", "an", "in", "total", "for", "each", "every", "the", "left", "on"))
"""Words that may stand within a unit or after it, but do not begin one."""


@lru_cache(maxsize=1024)
def is_unit_word(word: str, *, is_first: bool) -> bool:
    """Whether `word` may be part of a unit: it is no word that builds sentences, and no name of a variable."""
    lower = word.lower()
    if lower == "per" or (not is_first and lower in _LATER):
        return True
    if lower in NO_UNITS or lower == "of":
        return False
    return len(word) > 1 or is_known(word)
