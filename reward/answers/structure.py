"""Takes a normalised answer apart into lists, tuples, sets, intervals, matrices and relations of plain values."""

import re
from collections.abc import Iterable, Sequence

from reward.answers.forms import Assigned, Form, Group, Interval, Matrix, Named, Relation, Value
from reward.answers.leaf import is_balanced
from reward.answers.numbers import read_number

MAX_DEPTH = 8
_WORD_END = "(?![A-Za-z])"
_BRACKETS = rf"\\\\|\\begin{_WORD_END}|\\end{_WORD_END}|\\[lr]angle{_WORD_END}|\\[{{}}]|[()\[\]{{}}]"
_OPENING = frozenset(("\\begin", "\\langle", "\\{", "(", "[", "{"))
_CLOSING = frozenset(("\\end", "\\rangle", "\\}", ")", "]", "}"))
_NUMBER_GROUPS = r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!,?\d)"
_LIST = rf",|;|\\(?:land|lor){_WORD_END}|(?<![A-Za-z\\])(?:or|and|OR|AND){_WORD_END}"
_SETS = rf"\\(?:cup|cap|setminus|backslash){_WORD_END}"
RELATIONS = (
    r"\\(?:leq|geq|neq|in|notin|approx|equiv|sim|simeq|cong|to|rightarrow|Rightarrow|implies|propto|subset|subseteq|mod)"
    rf"{_WORD_END}|[<>=]"
)
_APPROXIMATE = frozenset((r"\approx", r"\sim", r"\simeq", r"\cong"))
_ROWS = r"\\\\"
_CUP = re.compile(rf"\\cup{_WORD_END}")
_PLUS_MINUS = re.compile(rf"\\(pm|mp){_WORD_END}")
_NAME = re.compile(
    r"(?:\\frac ?\{ ?d[A-Za-z]? ?\}\{ ?d[a-z] ?\}|(?:\\(?:angle|vec|overline) ?)?(?:\{[A-Z]{1,3}\}|[A-Z]{2,3}|[A-Za-z]"
    r"|\\[A-Za-z]{2,10}))(?: ?_ ?(?:\w|\{[^{}]{1,20}\}))?'{0,3}(?: ?\^ ?\{ ?-1 ?\})?(?: ?\( ?\w{1,5}(?:, ?\w)? ?\))?"
)
_WORD_NAME = re.compile(r"(?:[A-Za-z]{2,15} ){0,3}[A-Za-z]{3,15}")
_NO_NAMES = frozenset(("e", "i", r"\pi", r"\infty", r"\emptyset", r"\frac", r"\sqrt"))
_MATRIX = re.compile(
    r"\\begin ?\{((?:p|b|B|v|V|small)?matrix|array|cases)\*?\}(?: ?\{[lcr| ]*\})?(.*)\\end ?\{\1\*?\}",
    re.DOTALL,
)
_UNKNOWN_SET = {r"\mathbb{R}": ("-\\infty", "\\infty"), r"\mathbb R": ("-\\infty", "\\infty")}


def read_form(text: str, depth: int = 0) -> Form:
    """The structure of a normalised text; what has none, or nests deeper than 8 levels, is a `Value`.

    Raises:
        TooLarge: a number's decimal exponent is above 4,000.
    """
    if depth > MAX_DEPTH or not is_balanced(text) or read_number(text) is not None:
        return Value(text)
    for read in (_read_list, _read_sets, _read_relation, _read_brackets, _read_plus_minus):
        form = read(text, depth)
        if form is not None:
            return form
    return Value(text)


def split(text: str, separators: str, *, keep_groups: bool = True) -> tuple[list[str], list[str]] | None:
    """The parts of `text` between `separators` (a regex) outside all brackets, and the separators found.

    A comma within a number ("1,234") separates nothing with `keep_groups`. None where brackets do not match.
    """
    pattern = (
        rf"{_NUMBER_GROUPS}|({separators})|{_BRACKETS}" if keep_groups else rf"({separators})|{_BRACKETS}"
    )
    parts, found, depth, start = [], [], 0, 0
    for match in re.finditer(pattern, text):
        depth += (match[0] in _OPENING) - (match[0] in _CLOSING)
        if depth < 0:
            return None
        if match[1] is not None and depth == 0:
            parts.append(text[start : match.start()].strip())
            found.append(match[1])
            start = match.end()
    return ([*parts, text[start:].strip()], found) if depth == 0 else None


def name_of(text: str) -> str | None:
    """The unknown that `text` is: a letter with what belongs to it (`x_{1}`, `f(x)`), or words."""
    if text in _NO_NAMES:
        return None
    if _NAME.fullmatch(text):
        return re.sub(r"[ {}]", "", text)
    return text.casefold() if _WORD_NAME.fullmatch(text) else None


def _read_list(text: str, depth: int) -> Form | None:
    found = split(text, _LIST)
    if found is None or not found[1]:
        return None
    parts, separators = found
    # In "1, 2, and 3" nothing stands between comma and "and".
    kept = [
        part
        for part, after in zip(parts, [*separators, ""], strict=True)
        if part or after.lower() not in ("or", "and")
    ]
    if len(kept) < 2 or not all(kept):
        return None
    words = {separator.lower().lstrip("\\l") for separator in separators}
    items = [read_form(part, depth + 1) for part in kept]
    if any("\\" in separator for separator in separators) and any(isinstance(item, Value) for item in items):
        return Relation(tuple(separators), tuple(items))
    return _assemble(items, words)


def _assemble(items: list[Form], separators: set[str]) -> Form:
    named: list[Form] = []
    name: Named | None = None
    for item in items:
        # In "x = 1, 2" the second value is one of x too.
        if isinstance(item, Value) and name is not None and name.source is not None and not _is_range(name):
            item = Named(name.name, item, Relation(("=",), (name.source.sides[0], item)))
        name = item if isinstance(item, Named) else None
        named.extend(_flattened(item))
    unknowns = [item for item in named if isinstance(item, Named)]
    if len(unknowns) < len(named):
        return Group("list", tuple(named))
    names = [item.name for item in unknowns]
    if len(set(names)) == 1:
        return Named(names[0], _assemble_values([item.form for item in unknowns], separators), None)
    if len(set(names)) == len(names) and "or" not in separators:
        ordered = sorted(unknowns, key=lambda item: item.name)
        return Assigned(tuple(item.name for item in ordered), tuple(item.form for item in ordered))
    return Group("list", tuple(named))


def _is_range(named: Named) -> bool:
    return isinstance(named.form, Interval | Group)


def _flattened(item: Form) -> Sequence[Form]:
    if isinstance(item, Group) and item.kind == "list":
        return item.parts
    if isinstance(item, Named) and isinstance(item.form, Group) and item.form.kind == "list":
        return [Named(item.name, part, None) for part in item.form.parts]
    return [item]


def _assemble_values(forms: list[Form], separators: set[str]) -> Form:
    intervals = [form for form in forms if isinstance(form, Interval | Group) and _is_set(form)]
    if len(intervals) < len(forms):
        return Group("list", tuple(forms))
    if "or" not in separators and len(forms) == 2:
        met = _intersection(forms[0], forms[1]) or _intersection(forms[1], forms[0])
        if met is not None:
            return met
    return Group("union", tuple(forms))


def _is_set(form: Form) -> bool:
    return isinstance(form, Interval) or (isinstance(form, Group) and form.kind in ("union", "set"))


def _intersection(first: Form, second: Form) -> Form | None:
    """The overlap of a range without upper and one without lower bound, None where there is none."""
    if not isinstance(first, Interval) or not isinstance(second, Interval):
        return None
    if first.high != Value(r"\infty") or second.low != Value(r"-\infty"):
        return None
    bounds = [read_number(form.text) for form in (first.low, second.high) if isinstance(form, Value)]
    if len(bounds) < 2 or bounds[0] is None or bounds[1] is None or bounds[0].value > bounds[1].value:
        return None
    return Interval(first.low, second.high, (first.closed[0], second.closed[1]))


def _read_sets(text: str, depth: int) -> Form | None:
    found = split(text, _SETS)
    if found is None and _CUP.search(text):
        parts = [part.strip() for part in _CUP.split(text)]
        found = parts, [r"\cup"] * (len(parts) - 1)
    if found is None or not found[1] or not all(found[0]):
        return None
    parts = tuple(read_form(part, depth + 1) for part in found[0])
    operators = set(found[1])
    if operators == {r"\cup"}:
        if all(isinstance(part, Group) and part.kind == "set" for part in parts):
            return Group(
                "set", tuple(member for part in parts if isinstance(part, Group) for member in part.parts)
            )
        return Group("union", parts)
    if operators == {r"\cap"}:
        return Group("intersection", parts)
    return Relation(tuple(found[1]), parts)


def _read_relation(text: str, depth: int) -> Form | None:
    found = split(text, RELATIONS)
    if found is None or not found[1]:
        return None
    parts, operators = found
    if operators[0] == "=" and not parts[0]:
        parts, operators = parts[1:], operators[1:]
        return read_form("=".join(parts), depth + 1) if set(operators) <= {"="} else None
    is_approximate = operators[0] == r"\approx" or (operators[0] in _APPROXIMATE and not parts[0])
    if is_approximate and len(parts) == 2 and parts[1]:
        return Relation((r"\approx",), (Value(parts[0]), read_form(parts[1], depth + 1)))
    if not all(parts):
        return None
    sides = tuple(read_form(part, depth + 1) for part in parts)
    if operators == [r"\in"] and not isinstance(sides[1], Value) and (name := name_of(parts[0])):
        return Named(name, sides[1], None)
    if operators == ["="]:
        return _equation(parts, sides)
    return _inequality(parts, operators, sides) or Relation(tuple(operators), sides)


def _equation(parts: list[str], sides: tuple[Form, ...]) -> Form:
    relation = Relation(("=",), sides)
    for this, other in ((0, 1), (1, 0)):
        name = name_of(parts[this])
        if name is not None and not _mentions(parts[other], name):
            return Named(name, sides[other], Relation(("=",), (sides[this], sides[other])))
        if isinstance(sides[this], Group) and isinstance(sides[other], Group):
            assigned = _assigned(sides[this], sides[other])
            if assigned is not None:
                return assigned
    return relation


def _assigned(left: Form, right: Form) -> Assigned | None:
    if not (isinstance(left, Group) and isinstance(right, Group)):
        return None
    if left.kind != "tuple" or right.kind != "tuple" or len(left.parts) != len(right.parts):
        return None
    names = [name_of(part.text) if isinstance(part, Value) else None for part in left.parts]
    known = [name for name in names if name is not None]
    return Assigned(tuple(known), right.parts) if len(known) == len(set(known)) == len(names) else None


def _mentions(text: str, name: str) -> bool:
    letter = re.escape(name)
    return re.search(rf"(?<![\\A-Za-z]){letter}(?![A-Za-z_])|(?<![A-Za-z\\]){letter}", text) is not None


def _inequality(parts: list[str], operators: list[str], sides: tuple[Form, ...]) -> Form | None:
    if set(operators) <= {">", r"\geq"}:
        parts, sides = parts[::-1], sides[::-1]
        operators = ["<" if operator == ">" else r"\leq" for operator in operators[::-1]]
    if not set(operators) <= {"<", r"\leq"}:
        return _unequal(parts, operators, sides)
    relation = Relation(tuple(operators), sides)
    closed = [operator == r"\leq" for operator in operators]
    names = [name_of(part) for part in parts]
    if len(parts) == 3 and names[1]:
        return Named(names[1], Interval(sides[0], sides[2], (closed[0], closed[1])), None)
    if len(parts) == 2 and names[0] and not names[1]:
        return Named(names[0], Interval(Value(r"-\infty"), sides[1], (False, closed[0])), relation)
    if len(parts) == 2 and names[1] and not names[0]:
        return Named(names[1], Interval(sides[0], Value(r"\infty"), (closed[0], False)), relation)
    return relation


def _unequal(parts: list[str], operators: list[str], sides: tuple[Form, ...]) -> Form | None:
    if operators != [r"\neq"]:
        return None
    for this, other in ((0, 1), (1, 0)):
        name = name_of(parts[this])
        if name and not name_of(parts[other]):
            below = Interval(Value(r"-\infty"), sides[other], (False, False))
            above = Interval(sides[other], Value(r"\infty"), (False, False))
            return Named(name, Group("union", (below, above)), None)
    return None


def _read_brackets(text: str, depth: int) -> Form | None:
    if text in _UNKNOWN_SET:
        low, high = _UNKNOWN_SET[text]
        return Interval(Value(low), Value(high), (False, False))
    if text == r"\emptyset":
        return Group("set", ())
    if matrix := _MATRIX.fullmatch(text):
        return _read_matrix(matrix[1], matrix[2].strip(), depth)
    for opening, closing in (("\\{", "\\}"), ("\\langle", "\\rangle"), ("(", ")"), ("{", "}")):
        if text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening + closing):
            inner = text[len(opening) : -len(closing)].strip()
            form = _read_enclosed(opening, inner, depth)
            if form is not None:
                return form
    return _read_interval(text, depth)


def _read_enclosed(opening: str, inner: str, depth: int) -> Form | None:
    found = split(inner, r"[,;]", keep_groups=False)
    if found is None:
        return None
    parts = found[0]
    if opening == "\\{":
        return _read_set(inner, parts, depth)
    if not all(parts):
        return Group("set", ()) if opening == "{" and not inner else None
    if len(parts) == 1:
        return read_form(inner, depth + 1)
    members = tuple(read_form(part, depth + 1) for part in parts)
    return Group("set" if opening == "{" else "tuple", members)


def _read_set(inner: str, parts: list[str], depth: int) -> Form | None:
    if not inner:
        return Group("set", ())
    builder = split(inner, r"\\mid(?![A-Za-z])|\||:")
    if builder is not None and len(builder[0]) == 2 and all(builder[0]):
        form = read_form(builder[0][1], depth + 1)
        return form if isinstance(form, Named) else None
    if not all(parts):
        return None
    return Group("set", tuple(_members(read_form(part, depth + 1) for part in parts)))


def _members(forms: Iterable[Form]) -> list[Form]:
    return [part for form in forms for part in _flattened(form)]


def _read_interval(text: str, depth: int) -> Form | None:
    if len(text) < 3 or text[0] not in "([]" or text[-1] not in ")][":
        return None
    found = split(text[1:-1].strip(), r"[,;]", keep_groups=False)
    if found is None or not all(found[0]):
        return None
    members = tuple(read_form(part, depth + 1) for part in found[0])
    if len(members) == 2:
        return Interval(members[0], members[1], (text[0] == "[", text[-1] == "]"))
    if text[0] != "[" or text[-1] != "]":
        return None
    return members[0] if len(members) == 1 else Group("tuple", members)


def _read_matrix(kind: str, content: str, depth: int) -> Form | None:
    found = split(content.replace(r"\hline", " "), _ROWS, keep_groups=False)
    if found is None:
        return None
    rows = [row for row in found[0] if row]
    if kind == "cases":
        return None if any("&" in row for row in rows) else read_form(", ".join(rows), depth + 1)
    cells = [split(row, "&", keep_groups=False) for row in rows]
    entries = tuple(tuple(read_form(cell, depth + 1) for cell in row[0]) for row in cells if row is not None)
    return Matrix(entries, kind in ("vmatrix", "Vmatrix")) if len(entries) == len(rows) > 0 else None


def _read_plus_minus(text: str, depth: int) -> Form | None:
    if not _PLUS_MINUS.search(text):
        return None
    variants = [
        _PLUS_MINUS.sub(lambda match, plus=plus: "+" if match[1] == plus else "-", text)
        for plus in ("pm", "mp")
    ]
    return Group("list", tuple(read_form(variant.strip(), depth + 1) for variant in variants))
