"""Rewrites congruences by their least residues, and remainders such as `17 \\mod 5` by their value."""

import re
from dataclasses import dataclass

_SEPARATOR = re.compile(r",|;|(?<![A-Za-z\\])(?:or|and)(?![A-Za-z])")
_CONGRUENCE = re.compile(
    r"(?:([A-Za-z](?:_\w|_\{\w+\})?) ?\\equiv ?)?([+-]? ?\d{1,50}) ?(?:\\mod ?\{? ?(\d{1,50}) ?\}?)?"
)
_REMAINDER = re.compile(r"([^\\=<>,;]{1,100}?) ?(?:\\mod|(?<![A-Za-z\\])mod) ?\(? ?(\d{1,50}) ?\)?")
_MOD = re.compile(r"(?<![A-Za-z])mod(?![A-Za-z])")


@dataclass(frozen=True)
class _Classes:
    name: str | None
    residues: frozenset[int]
    modulus: int

    def text(self, name: str) -> str:
        # In a set, because commas would make a list of it.
        residues = ";".join(map(str, sorted(self.residues)))
        return rf"{name} \equiv \{{{residues}\}} \mod {self.modulus}"


def align_congruences(left: str, right: str) -> tuple[str, str]:
    """Rewrite residue classes to one form; a remainder becomes its value if the other text is a number."""
    if not any(map(_MOD.search, (left, right))):
        return left, right
    ours, theirs = _classes(left), _classes(right)
    if ours is not None and theirs is not None:
        return ours.text(ours.name or theirs.name or "x"), theirs.text(theirs.name or ours.name or "x")
    return _without_mod(left, ours), _without_mod(right, theirs)


def _classes(text: str) -> _Classes | None:
    """Residue classes that `text` states: `x \\equiv 1, 3 \\mod 4`, or `2 \\mod 5` without a name."""
    if r"\mod" not in text:
        return None
    parts = [_CONGRUENCE.fullmatch(part.strip()) for part in _SEPARATOR.split(text)]
    congruences = [part for part in parts if part]
    names = {part[1] for part in congruences if part[1]}
    moduli = {int(part[3]) for part in congruences if part[3]}
    if (
        len(congruences) < len(parts)
        or len(names) > 1
        or len(moduli) != 1
        or not congruences[-1][3]
        or moduli == {0}
    ):
        return None
    [modulus] = moduli
    residues = frozenset(int(part[2].replace(" ", "")) % modulus for part in congruences)
    return _Classes(next(iter(names), None), residues, modulus)


def _without_mod(text: str, classes: _Classes | None) -> str:
    if classes is not None and (classes.name or len(classes.residues) > 1):
        return classes.text(classes.name or "x")
    remainder = _REMAINDER.fullmatch(text)
    if remainder is None or not int(remainder[2]):
        return text
    value, modulus = remainder[1], remainder[2]
    return rf"({value})-{modulus}*\lfloor ({value})/{modulus}\rfloor"
