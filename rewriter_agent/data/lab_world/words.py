"""Words that the skills use."""

from random import Random

OPPOSITES = (
    ("hot", "cold"),
    ("big", "small"),
    ("up", "down"),
    ("day", "night"),
    ("old", "new"),
    ("fast", "slow"),
    ("good", "bad"),
    ("rich", "poor"),
    ("wet", "dry"),
    ("open", "shut"),
    ("full", "empty"),
    ("high", "low"),
    ("left", "right"),
    ("light", "dark"),
    ("hard", "soft"),
    ("long", "short"),
    ("loud", "quiet"),
    ("near", "far"),
    ("true", "false"),
    ("win", "lose"),
    ("yes", "no"),
    ("happy", "sad"),
    ("thick", "thin"),
    ("early", "late"),
)
WORDS = tuple(word for pair in OPPOSITES for word in pair)
ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr", "pl")
VOWELS = "aeiou"
CODAS = ("", "", "n", "r", "s", "t", "l")
BEGINNINGS = (
    *"bcdfghjklmnprstvwxyz",
    *("qu", "bl", "br", "cl", "cr", "dr", "fl", "fr", "gl", "gr", "kl", "kr", "pl", "pr", "sk", "sl", "sm"),
    *("sn", "sp", "st", "tr", "tw", "sh", "ch", "th", "zw"),
)
ENDINGS = (
    *"bcdfgklmnprstvxz",
    *("rb", "rd", "rf", "rk", "rm", "rn", "rp", "rt", "lb", "ld", "lf", "lk", "lm", "lp", "lt", "mp", "nd"),
    *("nk", "ng", "nt", "sk", "sp", "st", "ft", "sh", "ch", "ck"),
)
ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def made_up_word(draw: Random) -> str:
    """One of about three million pronounceable words of two or three syllables, all lower case."""
    syllables = draw.randint(2, 3)
    parts = [draw.choice(ONSETS) + draw.choice(VOWELS) for _ in range(syllables)]
    return "".join(parts) + draw.choice(CODAS)


def number_in_words(number: int) -> str:
    """A number from 0 to 9999 in English, without hyphens or "and"."""
    assert 0 <= number < 10_000
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            many, rest = divmod(number, size)
            return f"{number_in_words(many)} {name}" + (f" {number_in_words(rest)}" if rest else "")
    if number < 20:
        return ONES[number]
    tens, ones = divmod(number, 10)
    return TENS[tens] + (f" {ONES[ones]}" if ones else "")


def foreign_word(draw: Random) -> str:
    """Draw a word of three to nine letters whose sounds the other words of this world need not have."""
    beginnings = [draw.choice(BEGINNINGS) + draw.choice(VOWELS) for _ in range(draw.choice((1, 1, 1, 2)))]
    return "".join(beginnings) + draw.choice(ENDINGS)
