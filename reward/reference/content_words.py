"""Words of a text that carry content: all but function words, by their stems."""

from reward.mentions.common_words import FOREIGN_FUNCTION_WORDS
from reward.mentions.stems import stem
from reward.words import words

_ENGLISH = """
about after all also although and another any are because been before being below both but can could did does doing
done each either else even every for from had has have having her here him his how however into its itself just let
may might more most much must not off once one only onto other our out over own same shall she should since some such
than that the their them then there therefore these they this those though through thus too under until upon very was
were what when where whether which while who whom whose why will with within without would yes yet you your
"""
_FUNCTION = frozenset(stem(word) for word in _ENGLISH.split()) | FOREIGN_FUNCTION_WORDS
_SHORTEST = 3


def content_words(text: str, *, numbers: bool = False) -> list[str]:
    """Stems of the content words of `text`, in order, with or without numbers in digits.

    A character of a script without spaces is a word.
    """
    return [
        key
        for word in words(text)
        if _carries_content(word, numbers) and (key := stem(word)) not in _FUNCTION
    ]


def _carries_content(word: str, numbers: bool) -> bool:
    return numbers if word.isdecimal() else len(word) >= _SHORTEST or not word.isascii()
