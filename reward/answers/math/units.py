"""Units of measurement, money and counted things, and conversions between them."""

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_F = Fraction
_LENGTHS = {
    "m meter metre": _F(1),
    "km kilometer kilometre": _F(1000),
    "dm decimeter decimetre": _F(1, 10),
    "cm centimeter centimetre": _F(1, 100),
    "mm millimeter millimetre": _F(1, 1000),
    "micrometer micrometre": _F(1, 10**6),
    "nm nanometer nanometre": _F(1, 10**9),
    "inch in": _F(254, 10000),
    "foot ft": _F(3048, 10000),
    "yard yd": _F(9144, 10000),
    "mile mi": _F(1609344, 1000),
}
_MASSES = {
    "g gram gm": _F(1),
    "kg kilogram kilo": _F(1000),
    "mg milligram": _F(1, 1000),
    "tonne": _F(10**6),
    "lb lbs pound": _F(45359237, 100000),
    "oz ounce": _F(45359237, 1600000),
}
_TIMES = {
    "s sec second": _F(1),
    "ms millisecond": _F(1, 1000),
    "min minute": _F(60),
    "h hr hour": _F(3600),
    "day": _F(86400),
    "week wk": _F(604800),
}
_MONTHS = {"month mo": _F(1), "year yr": _F(12), "decade": _F(120), "century": _F(1200)}
_LITER = _F(1, 1000)
_VOLUMES = {
    "l liter litre": _LITER,
    "ml milliliter millilitre": _LITER / 1000,
    "cl centiliter centilitre": _LITER / 100,
    "dl deciliter decilitre": _LITER / 10,
    "gallon gal": _F(3785411784, 10**12),
    "quart qt": _F(3785411784, 4 * 10**12),
    "pint pt": _F(3785411784, 8 * 10**12),
    "cup": _F(3785411784, 16 * 10**12),
}
_MONEY = {
    "USD": {
        "$ dollar usd buck": _F(1),
        "cent penny": _F(1, 100),
        "dime": _F(1, 10),
        "nickel": _F(1, 20),
        "quarter-dollar": _F(1, 4),
    },
    "EUR": {"€ euro eur": _F(1)},
    "GBP": {"£ gbp": _F(1), "pence": _F(1, 100)},
    "JPY": {"¥ yen jpy": _F(1)},
    "INR": {"₹ rupee inr": _F(1)},
    "CNY": {"yuan rmb cny": _F(1), "jiao": _F(1, 10)},
}
_OTHERS = {
    "degree": {"° degree deg": _F(1)},
    "percent": {"%": _F(1)},
    "are": {"acre": _F(1)},
    "byte": {
        "byte": _F(1),
        "bit": _F(1, 8),
        "kb kilobyte": _F(1000),
        "mb megabyte": _F(10**6),
        "gb gigabyte": _F(10**9),
    },
    "ampere": {"a ampere amp": _F(1)},
    "volt": {"v volt": _F(1)},
    "watt": {"w watt": _F(1), "kw kilowatt": _F(1000)},
    "joule": {"j joule": _F(1), "kj kilojoule": _F(1000)},
    "newton": {"n newton": _F(1)},
    "hertz": {"hz hertz": _F(1), "khz kilohertz": _F(1000), "mhz megahertz": _F(10**6)},
    "pascal": {"pa pascal": _F(1), "kpa kilopascal": _F(1000)},
    "ohm": {"ω ohm": _F(1)},
    "electronvolt": {"ev electronvolt": _F(1)},
    "coulomb": {"coulomb": _F(1)},
    "unit": {"unit": _F(1)},
    "mole": {"mol mole": _F(1)},
    "kelvin": {"k kelvin": _F(1)},
    "celsius": {"°c celsius": _F(1)},
    "fahrenheit": {"°f fahrenheit": _F(1)},
    "radian": {"rad radian": _F(1)},
}
_PREFIXES = {
    "p": _F(1, 10**12),
    "n": _F(1, 10**9),
    "μ": _F(1, 10**6),
    "µ": _F(1, 10**6),
    "m": _F(1, 1000),
    "k": _F(10**3),
    "M": _F(10**6),
    "G": _F(10**9),
}
# Case-sensitive symbols, with the prefixes that do not yield another unit's symbol.
_PREFIXED = {
    "m": ("meter", "pnμµMG"),
    "g": ("gram", "nμµM"),
    "s": ("second", "nμµ"),
    "Hz": ("hertz", "mkMG"),
    "Pa": ("pascal", "mkMG"),
    "W": ("watt", "mkMG"),
    "J": ("joule", "mkMG"),
    "V": ("volt", "μµmkM"),
    "A": ("ampere", "nμµmk"),
    "N": ("newton", "mkM"),
    "eV": ("electronvolt", "kMG"),
    "b": ("bit", "kMG"),
    "B": ("byte", "kMG"),
    "Ω": ("ohm", "kM"),
}
_COMPOUNDS = {
    "mph": "mi/h",
    "kph": "km/h",
    "kmh": "km/h",
    "kmph": "km/h",
    "kWh": "kW*h",
    "Wh": "W*h",
    "fps": "ft/s",
    "cc": "cm^3",
}
_IRREGULAR = {
    "feet": "foot",
    "children": "child",
    "people": "person",
    "men": "man",
    "women": "woman",
    "inches": "inch",
    "centuries": "century",
    "mice": "mouse",
    "geese": "goose",
    "teeth": "tooth",
    "halves": "half",
    "shelves": "shelf",
    "leaves": "leaf",
    "loaves": "loaf",
    "knives": "knife",
}
CASED_SYMBOLS = {
    "K": "kelvin",
    "A": "ampere",
    "V": "volt",
    "W": "watt",
    "J": "joule",
    "N": "newton",
    "L": "liter",
    "Ω": "ohm",
    "eV": "electronvolt",
    "C": "coulomb",
}
_AFTER_UNITS = frozenset(("left", "total", "altogether", "remaining", "each", "apiece"))
_BEFORE_UNITS = frozenset(("more", "fewer"))
"""Words after and before a counted thing that do not change it."""
_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_POWERS_AFTER = {"squared": 2, "cubed": 3}
_TOKEN = re.compile(
    r"\^\s*\{?\s*(-?\d)\s*\}?|°\s*[CF](?![A-Za-z])|[^\W\d_]+(?:['-][^\W\d_]+)*|[$€£¥₹%°/*().]|(\S)"
)
_PER = re.compile(
    r"(?<![A-Za-z])per(?![A-Za-z])|(?<=[A-Za-z]) (?:an?|each|every) (?=[A-Za-z])", re.IGNORECASE
)
_TEMPERATURE = re.compile(r"(?:degrees?|°)\s*(c|f)(?:elsius|ahrenheit)?(?![A-Za-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Unit:
    """Unit by `dimension`, sorted powers of base dimensions and of names of things, and `factor`, its size in them."""

    dimension: tuple[tuple[str, int], ...]
    factor: Fraction


_THING = "thing "
PERCENT = Unit((("percent", 1),), Fraction(1))


def _table() -> dict[str, tuple[str, int, Fraction]]:
    groups = [("length", 1, _LENGTHS), ("mass", 1, _MASSES), ("time", 1, _TIMES), ("month", 1, _MONTHS)]
    groups += [("length", 3, _VOLUMES), ("length", 2, {"hectare ha": _F(10000)})]
    groups += [(name, 1, names) for kind in (_MONEY, _OTHERS) for name, names in kind.items()]
    return {
        name: (dimension, exponent, factor)
        for dimension, exponent, units in groups
        for names, factor in units.items()
        for name in names.split()
    }


_UNITS = _table()


def _prefixed() -> dict[str, tuple[str, int, Fraction]]:
    symbols: dict[str, tuple[str, int, Fraction]] = {}
    for symbol, (name, prefixes) in _PREFIXED.items():
        dimension, exponent, factor = _UNITS[name]
        symbols |= {prefix + symbol: (dimension, exponent, factor * _PREFIXES[prefix]) for prefix in prefixes}
    return symbols


_SYMBOLS = _prefixed()


_POUNDS = {Unit((("mass", 1),), _UNITS["pound"][2]), Unit((("GBP", 1),), Fraction(1))}


def is_known(word: str) -> bool:
    """Whether `word` names a unit of the table, in singular, plural or short; single letters are case-sensitive."""
    if len(word) == 1 and word.isalpha():
        return word in CASED_SYMBOLS or word in "mgshl"
    return (
        word in CASED_SYMBOLS
        or word in _POWERS
        or word in _POWERS_AFTER
        or word in _COMPOUNDS
        or not _lookup(word)[0].startswith(_THING)
    )


def is_plural(word: str) -> bool:
    """Whether `word` has the form of a plural."""
    is_short = len(word) == 3 and word[:2].isupper() and word.endswith("s")
    return is_short or word.casefold() in _IRREGULAR or singular(word) != word.casefold()


@lru_cache(maxsize=4096)
def read_unit(text: str) -> Unit | None:
    """Read the unit that `text` names ("km/h", "square feet", "red apples"); None if it cannot be one.

    A word that no table holds is a counted thing of that name; plural and singular are the same.
    """
    powers: Counter[str] = Counter()
    factor, sign, pending, last = Fraction(1), 1, 1, ""
    text = _PER.sub("/", _TEMPERATURE.sub(lambda match: "°" + match[1].upper(), text))
    for match in _TOKEN.finditer(text):
        token = match[0]
        if match[2] is not None:
            return None
        if token in (_AFTER_UNITS if last else _BEFORE_UNITS):
            continue
        if token == "/":
            sign = -1
        elif token in ("*", "(", ")", ".") or (token == "of" and not last):
            continue
        elif token in _POWERS:
            pending = _POWERS[token]
        elif match[1] is not None or token in _POWERS_AFTER:
            if not last:
                return None
            exponent = int(match[1]) if match[1] is not None else _POWERS_AFTER[token]
            factor *= _multiply(powers, last, sign * (exponent - 1))
        else:
            factor *= _multiply(powers, token, sign * pending)
            pending, last = 1, token
    return Unit(_dimension(powers), factor) if last else None


def conversion(left: Unit, right: Unit) -> Fraction | None:
    """Factor from `left` to `right`; None if they do not measure the same thing."""
    if {left, right} == _POUNDS:
        return Fraction(1)
    return left.factor / right.factor if left.dimension == right.dimension else None


def is_money(unit: Unit) -> bool:
    """Whether the unit is purely monetary."""
    return len(unit.dimension) == 1 and unit.dimension[0][0] in _MONEY


def _dimension(powers: Counter[str]) -> tuple[tuple[str, int], ...]:
    named = [(name, power) for name, power in powers.items() if power]
    measured = [(name, power) for name, power in named if not name.startswith(_THING)]
    # "18 dollars profit" are 18 dollars; in "3 apples per hour" the apples count.
    is_qualified = bool(measured) and all(power > 0 for _, power in named)
    return tuple(sorted(measured if is_qualified else named))


def _multiply(powers: Counter[str], word: str, exponent: int) -> Fraction:
    """Add a unit's dimensions to `powers` and return its factor."""
    if word in _COMPOUNDS:
        compound = read_unit(_COMPOUNDS[word])
        assert compound is not None
        for name, power in compound.dimension:
            powers[name] += power * exponent
        return compound.factor**exponent
    dimension, power, factor = _lookup(word)
    powers[dimension] += power * exponent
    return factor**exponent


def _lookup(word: str) -> tuple[str, int, Fraction]:
    if word in CASED_SYMBOLS:
        return _UNITS[CASED_SYMBOLS[word]]
    if word in _SYMBOLS:
        return _SYMBOLS[word]
    folded = "".join(word.split()).casefold()
    for name in (folded, singular(folded), folded.removesuffix("s")):
        if name in _UNITS:
            return _UNITS[name]
    return _THING + singular(folded), 1, Fraction(1)


def singular(word: str) -> str:
    """Singular of a noun, in lower case; the same rules apply to any other word."""
    word = word.casefold()
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes", "zes", "toes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word
