"""Changes of a reference that tell how far to trust a check: some it must refuse, others it must let pass."""

import re
from collections import Counter
from collections.abc import Callable
from random import Random

from reward.answers.math.numbers import SMALL

from .content import SENTENCE_END
from .content_words import content_words

Change = Callable[[str, str, Random], str | None]
"""Function that changes a text, given that of another row; None if the text has nothing to change."""

SAYS_MORE = 0.5
"""Share of words that no other sentence has, from which a sentence says something that the others do not."""

_CODE = re.compile(r"`")
_LITERAL = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`|\"[^\"\n]+\"|[“„«][^”“»\n]+[”“»]|https?:\S+)", re.DOTALL)
"""Pattern of code, quotations and links, whose form must stay."""
_NUMBER = re.compile(
    # Links, and labels of list items and steps, state no number.
    r"https?:\S+|^[ \t]*(?:[-*#>]{1,6} ?)?\d{1,3}[.):](?=\s)|[Ss]tep \d{1,3}\b"
    r"|(?<![\w.,])(?P<number>\d{1,9})(?!\w|[.,]\d)",
    re.MULTILINE,
)
_SMALL_NUMBER = re.compile(r"(?<=[a-z,] )\d{1,2}(?=[ ,;!?]|\.(?!\d))(?!,? ?\d)")
_NEGATED = re.compile(
    r"\b(?P<without>without)\b|\b(?P<ca>can)not\b|\b(?P<verb>[a-z]{2,6})n['’]t\b"
    r"|\b(?:not(?! only\b)|never) |\bno (?=[a-z])",
    re.IGNORECASE,
)
_VERB = re.compile(
    r"\b(?:is|are|was|were|can|could|will|would|should|must|may|has|have|does|do)\b(?! not\b|n['’]t)"
)
_LIST = re.compile(r"^[ \t]*[-*+•] +", re.MULTILINE)
_NUMBER_NAMES = {str(value): word for word, value in SMALL.items() if value > 1}
_LONG_FORM = re.compile(r"\b(is|are|was|were|do|does|did|could|would|should|has|have) not\b(?! only\b)")


def change_number(text: str, other: str, rng: Random) -> str | None:
    """Write another number for one of the text's numbers."""
    found = [match for match in _NUMBER.finditer(text) if match["number"]]
    if not found:
        return None
    chosen = rng.choice(found)
    value, known = int(chosen["number"]), {int(match["number"]) for match in found}
    changed = next(value + step for step in range(rng.randint(1, 9), 10**6) if value + step not in known)
    return f"{text[: chosen.start()]}{changed}{text[chosen.end() :]}"


def flip_negation(text: str, other: str, rng: Random) -> str | None:
    """Take one negation out of the text, or put one behind a verb if there is none; English only."""
    if found := list(_NEGATED.finditer(text)):
        chosen = rng.choice(found)
        instead = "with" if chosen["without"] else chosen["ca"] or chosen["verb"] or ""
        instead = {"ca": "can", "wo": "will"}.get(instead, instead)
        return f"{text[: chosen.start()]}{instead}{text[chosen.end() :]}"
    verbs = list(_VERB.finditer(text))
    if not verbs:
        return None
    end = rng.choice(verbs).end()
    return f"{text[:end]} not{text[end:]}"


def drop_sentence(text: str, other: str, rng: Random) -> str | None:
    """Leave out the sentence with the largest share of words of its own; None if each repeats the others."""
    sentences = _sentences(text)
    words = [frozenset(content_words(sentence)) for sentence in sentences]
    often = Counter(word for sentence in words for word in sentence)
    own = [sum(often[word] == 1 for word in sentence) / max(len(sentence), 1) for sentence in words]
    if len(sentences) < 2 or max(own) < SAYS_MORE:
        return None
    dropped = own.index(max(own))
    return " ".join(sentence for number, sentence in enumerate(sentences) if number != dropped)


def add_sentence(text: str, other: str, rng: Random) -> str | None:
    """Put a sentence of the other row's text into this one."""
    sentences, foreign = _sentences(text), _sentences(other)
    if not foreign or other == text:
        return None
    added, place = max(foreign, key=len), rng.randint(0, len(sentences))
    return " ".join([*sentences[:place], added, *sentences[place:]]) if sentences else f"{text}\n\n{added}"


def take_other(text: str, other: str, rng: Random) -> str | None:
    """Take the other row's text."""
    return other


def respace(text: str, other: str, rng: Random) -> str | None:
    """Put each sentence on a line of its own."""
    sentences = _sentences(text)
    return "\n\n".join(sentences) if len(sentences) > 1 else None


def itemise(text: str, other: str, rng: Random) -> str | None:
    """Make a list of the sentences, or write other marks for a list."""
    if _LIST.search(text):
        return _LIST.sub("• ", text)
    sentences = _sentences(text)
    return "\n".join(f"- {sentence}" for sentence in sentences) if len(sentences) > 1 else None


def reorder_list(text: str, other: str, rng: Random) -> str | None:
    """Turn the order of a list's items round."""
    lines = text.split("\n")
    places = [place for place, line in enumerate(lines) if _LIST.match(line)]
    if len(places) < 2 or len(places) != places[-1] - places[0] + 1:
        return None
    lines[places[0] : places[-1] + 1] = reversed(lines[places[0] : places[-1] + 1])
    return "\n".join(lines)


def spell_numbers(text: str, other: str, rng: Random) -> str | None:
    """Write small numbers in English words."""
    changed = _in_prose(text, _SMALL_NUMBER, lambda match: _NUMBER_NAMES.get(match[0], match[0]))
    return None if changed == text or _is_calculation(text) else changed


def contract(text: str, other: str, rng: Random) -> str | None:
    """Write "isn't" for "is not"."""
    changed = _in_prose(text, _LONG_FORM, lambda match: f"{match[1]}n't")
    return None if changed == text else changed


def _in_prose(text: str, pattern: re.Pattern[str], change: Callable[[re.Match[str]], str]) -> str:
    """Replace the matches outside of code, quotations and links."""
    parts = _LITERAL.split(text)
    parts[::2] = [pattern.sub(change, part) for part in parts[::2]]
    return "".join(parts)


def _is_calculation(text: str) -> bool:
    return "=" in text


def _sentences(text: str) -> list[str]:
    """Sentences of the text; none if it has code, whose lines are no sentences."""
    if _CODE.search(text):
        return []
    return [sentence.strip() for sentence in SENTENCE_END.split(text) if sentence.strip()]


REFUSED: dict[str, Change] = {
    "a number changed": change_number,
    "a negation flipped": flip_negation,
    "a sentence dropped": drop_sentence,
    "a foreign sentence added": add_sentence,
    "the reference of another row": take_other,
}
"""Changes of meaning."""
ACCEPTED: dict[str, Change] = {
    "line breaks": respace,
    "list markers": itemise,
    "list in another order": reorder_list,
    "numbers in words": spell_numbers,
    "contractions": contract,
}
"""Changes of form alone."""
