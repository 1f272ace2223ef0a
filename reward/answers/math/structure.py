"""Parses a normalised answer into lists, tuples, sets, intervals, matrices and relations of plain values."""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

from reward.answers.compare.real_sets import bound_of, difference, intersection, union

from .arrays import read_array
from .atoms import is_balanced
from .brackets import RELATIONS, WORD_END, split
from .compound import read_compound
from .forms import Assigned, Collection, Form, Interval, Matrix, Named, Relation, Value
from .names import mentions, name_of
from .numbers import read_number
from .phrases import read_phrase
from .relations import read_relation
from .set_builder import read_builder
from .vectors import read_vector

MAX_DEPTH = 8
MAX_EXCLUDED = 20
# (1,000) is the number, because the point is written (1,0).
_ONE_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})*,0\d\d(?:,\d{3})*")
_LIST = rf",|;|\\(?:land|lor){WORD_END}|(?<![A-Za-z\\])(?:or|and|OR|AND){WORD_END}"
_OR = rf"\\lor{WORD_END}|(?<![A-Za-z\\])(?:or|OR){WORD_END}"
_SETS = rf"\\(?:cup|cap|setminus|backslash){WORD_END}|-(?= ?\\\{{)"
_MINUS = frozenset((r"\setminus", r"\backslash", "-"))
_LETTERS = re.compile(r"[^\W\d_]+(?:[ '.-]+[^\W\d_]+)*")
_CUP = re.compile(rf"\\cup{WORD_END}")
_CLOSES = {"(": ")", "\\langle": "\\rangle"}
_PLUS_MINUS = re.compile(rf"\\(pm|mp){WORD_END}")
_FOR_ALL = re.compile(
    r"([A-Za-z]\u2061? ?\( ?([a-z]) ?\) ?=.+?)[ ,;]{1,3}"
    r"(?:for (?:all|any|every|each)|\\forall)(?: reals?(?: numbers?)?)?"
    r" ?\2(?: ?\\in ?\\mathbb ?(?:\{ ?R ?\}|R))?",
    re.DOTALL,
)
_FOR_SOME = re.compile(
    r"([A-Za-z]\u2061? ?\( ?[a-z] ?\) ?=.+?)[ ,;]{1,3}"
    r"for (?:some|any|every|all|an arbitrary)(?: real)? constants? ([A-Za-z])",
    re.DOTALL,
)
_UNEQUAL = re.compile(rf"(?P<name>[^,;]{{1,20}}?) ?\\neq{WORD_END}")


def read_form(text: str, depth: int = 0) -> Form:
    """Read the structure of a normalised text; text without structure, or below 8 levels, is a `Value`.

    Raises:
        TooLarge: a number's decimal exponent is above 4,000.
    """
    if depth > MAX_DEPTH or not is_balanced(text) or read_number(text) or read_compound(text):
        return Value(text)
    text = _without_closing(text)
    for read in (
        _read_alternatives,
        _read_list,
        _read_sets,
        _read_two_signs,
        _read_related,
        _read_brackets,
        _read_vector,
        _read_plus_minus,
    ):
        form = read(text, depth)
        if form is not None:
            return form
    return Value(text)


def _without_closing(text: str) -> str:
    """Drop redundant words on the argument or constant of a function's definition."""
    if match := _FOR_ALL.fullmatch(text):
        return match[1]
    match = _FOR_SOME.fullmatch(text)
    return match[1] if match and mentions(match[1], match[2]) else text


def _read_alternatives(text: str, depth: int) -> Form | None:
    """Read solutions in several unknowns, `x = 1, y = 2 or x = 3, y = 4`, and keep each together."""
    for separator in (_OR, ";"):
        separated = split(text, separator)
        parts = [part.strip(" ,;") for part in separated[0]] if separated else []
        relations = [split(part, RELATIONS) for part in parts]
        if len(parts) < 2 or not all(relation and relation[1] for relation in relations):
            continue
        items = [read_form(part, depth + 1) for part in parts]
        names = [_names(item) for item in items]
        if not all(names) or all(len(set(unknowns)) < 2 for unknowns in names):
            continue
        flat = [name for unknowns in names for name in set(unknowns)]
        if separator == _OR or len(set(flat)) < len(flat):
            return Collection("list", tuple(items), _joined(items, {"or"}))
    return None


def _names(form: Form) -> Sequence[str]:
    """Unknowns that `form` is about; none if it does not begin with one."""
    if isinstance(form, Named):
        return (form.name,)
    if isinstance(form, Assigned):
        return form.names
    if not isinstance(form, Collection) or form.kind != "list" or not _names(form.parts[0]):
        return ()
    return [name for part in form.parts for name in _names(part) or ("",)]


def _read_list(text: str, depth: int) -> Form | None:
    separated = split(text, _LIST)
    if separated is None or not separated[1]:
        return None
    parts, separators = separated
    # In "1, 2, and 3" the part between comma and "and" is empty.
    kept = [
        part
        for part, after in zip(parts, [*separators, ""], strict=True)
        if part or after.lower() not in ("or", "and")
    ]
    if len(kept) < 2 or not all(kept):
        return None
    words = {separator.lower().lstrip("\\l") for separator in separators}
    if (excluded := _UNEQUAL.match(kept[0])) and "or" not in words and len(kept) <= MAX_EXCLUDED:
        # "x \\neq 1, 2" excludes both.
        bare = [split(part, RELATIONS) for part in kept[1:]]
        if all(part is not None and not part[1] for part in bare):
            kept, words = [kept[0], *(f"{excluded[0]} {part}" for part in kept[1:])], {"and"}
    items = [read_form(part, depth + 1) for part in kept]
    # "1/2 or 0.5" is one value in two spellings.
    if words == {"or"} and len(items) == 2 and items[0] != items[1]:
        value = bound_of(items[0])
        if value is not None and value == bound_of(items[1]):
            return items[0]
    if any("\\" in separator for separator in separators) and any(isinstance(item, Value) for item in items):
        return Relation(tuple(separators), tuple(items))
    return _assemble(items, words)


def _assemble(items: list[Form], separators: set[str]) -> Form:
    named: list[Form] = []
    name: Named | Assigned | None = None
    for item in items:
        # In "x = 1, 2" the second value also belongs to x.
        if isinstance(item, Value) and isinstance(name, Named) and name.source and not _is_range(name):
            item = Named(name.name, item, Relation(("=",), (name.source.sides[0], item)))
        elif isinstance(item, Collection) and item.kind == "tuple" and isinstance(name, Assigned):
            item = Assigned(name.names, item.parts) if len(name.names) == len(item.parts) else item
        name = item if isinstance(item, Named | Assigned) else None
        named.extend(_flattened(item))
    pairs = [pair for item in named for pair in _pairs(item)]
    names = [name for name, _ in pairs]
    are_single = all(isinstance(item, Named) for item in named)
    if all(isinstance(item, Named | Assigned) for item in named):
        if are_single and len(set(names)) == 1:
            return Named(names[0], _assemble_values([form for _, form in pairs], separators), None)
        if len(set(names)) == len(names) and "or" not in separators:
            return _assign(pairs)
    if are_single and separators != {"or"} and len(set(names)) < sum(1 for _ in groupby(names)):
        named = _blocks(pairs)
    return Collection("list", tuple(named), _joined(named, separators))


def _pairs(form: Form) -> list[tuple[str, Form]]:
    if isinstance(form, Named):
        return [(form.name, form.form)]
    return list(zip(form.names, form.values, strict=True)) if isinstance(form, Assigned) else []


def _assign(pairs: Iterable[tuple[str, Form]]) -> Assigned:
    names, values = zip(*pairs, strict=True)
    return Assigned(names, values, listed=True)


def _blocks(pairs: Iterable[tuple[str, Form]]) -> list[Form]:
    """Split `x = 1, y = 2, x = 3, y = 4` into two solutions; a repeated name begins the next one."""
    blocks: list[dict[str, Form]] = [{}]
    for name, form in pairs:
        if name in blocks[-1]:
            blocks.append({})
        blocks[-1][name] = form
    return [_assign(block.items()) for block in blocks]


def _is_range(named: Named) -> bool:
    return isinstance(named.form, Interval | Collection)


def _flattened(item: Form) -> Sequence[Form]:
    if isinstance(item, Collection) and item.kind == "list":
        return item.parts
    if isinstance(item, Named) and isinstance(item.form, Collection) and item.form.kind == "list":
        return [Named(item.name, part, None) for part in item.form.parts]
    return [item]


def _assemble_values(forms: list[Form], separators: set[str]) -> Form:
    if not all(_is_set(form) for form in forms):
        return Collection("list", tuple(forms), _joined(forms, separators))
    if "or" in separators:
        return union(forms)
    common = intersection(forms)
    if "and" in separators:
        return common or Collection("intersection", tuple(forms))
    # A comma means "or" between ranges that do not overlap.
    return (
        union(forms)
        if common is None or (isinstance(common, Collection) and common.kind == "intersection")
        else common
    )


def _joined(forms: Sequence[Form], separators: set[str]) -> Literal["", "and", "or"]:
    """Word that joins conditions or words; between plain values "and" means the same as "or"."""
    words = separators & {"and", "or"}
    if len(words) != 1 or all(_is_plain(form) for form in forms):
        return ""
    return "and" if "and" in words else "or"


def _is_plain(form: Form) -> bool:
    form = form.form if isinstance(form, Named) else form
    if isinstance(form, Value):
        return read_number(form.text) is not None or not _LETTERS.fullmatch(form.text)
    if isinstance(form, Assigned):
        return all(_is_plain(value) for value in form.values)
    return isinstance(form, Matrix) or (
        isinstance(form, Collection) and form.kind in ("tuple", "list", "set")
    )


def _is_set(form: Form) -> bool:
    return isinstance(form, Interval) or (
        isinstance(form, Collection) and form.kind in ("union", "intersection", "set")
    )


def _read_sets(text: str, depth: int) -> Form | None:
    separated = split(text, _SETS)
    if separated is None and _CUP.search(text):
        parts = [part.strip() for part in _CUP.split(text)]
        separated = parts, [r"\cup"] * (len(parts) - 1)
    if separated is None or not separated[1] or not all(separated[0]):
        return None
    parts = tuple(read_form(part, depth + 1) for part in separated[0])
    operators = set(separated[1])
    if operators == {r"\cup"}:
        if all(isinstance(part, Collection) and part.kind == "set" for part in parts):
            return Collection(
                "set",
                tuple(member for part in parts if isinstance(part, Collection) for member in part.parts),
            )
        return union(parts)
    if operators == {r"\cap"}:
        return intersection(parts) or Collection("set", ())
    kept = difference(parts[0], parts[1]) if len(parts) == 2 and r"\cup" not in operators else None
    return kept or Relation(
        tuple("-" if operator in _MINUS else operator for operator in separated[1]), parts
    )


def _read_two_signs(text: str, depth: int) -> Form | None:
    """Read `\\sqrt{3} y = \\pm x` as two equations; `y = \\pm x` is a name with two values."""
    separated = split(text, "=") if _PLUS_MINUS.search(text) else None
    if separated is None or len(separated[0]) != 2 or any(map(name_of, separated[0])):
        return None
    return _read_plus_minus(text, depth)


def _read_related(text: str, depth: int) -> Form | None:
    return read_relation(text, lambda part: read_form(part, depth + 1))


def _read_brackets(text: str, depth: int) -> Form | None:
    special = read_phrase(text) or read_array(text, lambda part: read_form(part, depth + 1))
    if special is not None:
        return special
    for opening, closing in (("\\{", "\\}"), ("\\langle", "\\rangle"), ("(", ")"), ("{", "}")):
        if text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening + closing):
            inner = text[len(opening) : -len(closing)].strip()
            form = _read_enclosed(opening, inner, depth)
            if form is not None:
                return form
    return _read_interval(text, depth)


def _read_enclosed(opening: str, inner: str, depth: int) -> Form | None:
    separated = split(inner, r"[,;]", keep_groups=False)
    if separated is None:
        return None
    parts = separated[0]
    if opening == "\\{":
        return _read_set(inner, parts, depth)
    if not all(parts):
        return Collection("set", ()) if opening == "{" and not inner else None
    if len(parts) == 1 or (opening == "(" and _ONE_NUMBER.fullmatch(inner)):
        return read_form(inner, depth + 1)
    if opening != "{" and _PLUS_MINUS.search(inner):
        return _read_plus_minus(f"{opening}{inner}{_CLOSES[opening]}", depth)
    members = tuple(read_form(part, depth + 1) for part in parts)
    return Collection("set" if opening == "{" else "tuple", members)


def _read_set(inner: str, parts: list[str], depth: int) -> Form | None:
    if not inner:
        return Collection("set", ())
    builder = split(inner, r"\\mid(?![A-Za-z])|\||:")
    if builder is not None and len(builder[0]) == 2 and all(builder[0]):
        return read_builder(
            builder[0][0], read_form(builder[0][1], depth + 1), lambda part: read_form(part, depth + 1)
        )
    if not all(parts):
        return None
    return Collection("set", tuple(_members(read_form(part, depth + 1) for part in parts)))


def _members(forms: Iterable[Form]) -> list[Form]:
    return [part for form in forms for part in _flattened(form)]


def _read_interval(text: str, depth: int) -> Form | None:
    if len(text) < 3 or text[0] not in "([]" or text[-1] not in ")][":
        return None
    separated = split(text[1:-1].strip(), r"[,;]", keep_groups=False)
    if separated is None or not all(separated[0]):
        return None
    members = tuple(read_form(part, depth + 1) for part in separated[0])
    if len(members) == 2:
        return Interval(members[0], members[1], (text[0] == "[", text[-1] == "]"))
    if text[0] != "[" or text[-1] != "]":
        return None
    return members[0] if len(members) == 1 else Collection("tuple", members)


def _read_vector(text: str, depth: int) -> Form | None:
    coordinates = read_vector(text)
    return (
        Collection("tuple", tuple(read_form(part, depth + 1) for part in coordinates))
        if coordinates
        else None
    )


def _read_plus_minus(text: str, depth: int) -> Form | None:
    if not _PLUS_MINUS.search(text):
        return None
    variants = [
        _PLUS_MINUS.sub(lambda match, plus=plus: "+" if match[1] == plus else "-", text)
        for plus in ("pm", "mp")
    ]
    return Collection("list", tuple(read_form(variant.strip(), depth + 1) for variant in variants))
