"""Reads the longest closed expression that begins at a token."""

from collections.abc import Sequence
from fractions import Fraction

from reward.answers.math.units import read_unit

from .nodes import Node, Number, Operation
from .number_words import SCALES
from .reader import MAX_DEPTH, Reader, with_words
from .tokens import Token, is_glued
from .unit_words import CURRENCIES

MAX_TERMS = 300
"""Most operands of an expression; a longer one is no claim."""
_PI = frozenset(("π", r"\pi", "pi"))
_FUNCTIONS = {"sqrt": ("root", 1), "abs": ("abs", 1), "floor": ("floor", 1), "ceil": ("ceil", 1)}
_LISTS = ("gcd", "lcm", "max", "min", "mod")
_SUPERSCRIPTS = {power: digit for digit, power in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
_DETERMINERS = frozenset(
    ("the", "his", "her", "their", "its", "that", "those", "these", "this", "my", "our", "your")
)


_FINEST = 64
"""Largest denominator of a part of a unit."""
_ENDS = frozenset(("break", "relation", "close"))
"""Kinds of tokens that no expression continues with."""
_APART = _ENDS | {"operator"}
"""Kinds of tokens before which a number has no scale word and no fraction of a mixed number."""


class _NoExpression(Exception):
    """Error for tokens that are no closed expression."""


class Parser(Reader):
    """Parser of closed expressions."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        super().__init__(tokens)
        self.terms = 0
        self.loose: set[int] = set()
        """Positions of brackets that follow an operand after a blank, and may multiply it."""

    def expression(self, position: int) -> tuple[Node, int] | None:
        """Longest expression at `position` and the position after it; None if none begins there."""
        self.terms = 0
        try:
            return self._sum(position, 0)
        except _NoExpression:
            return None

    def _ends(self, position: int) -> bool:
        """Whether an operand or an expression ends here for certain."""
        return position >= len(self.tokens) or self.tokens[position].kind in _ENDS

    def starts(self, position: int) -> bool:
        """Whether an operand may begin at `position`."""
        token = self._at(position)
        if token is None:
            return False
        if token.kind in ("number", "currency", "bar"):
            return True
        if token.kind == "open":
            return position in self.partners
        return token.text in STARTS

    def _sum(self, position: int, depth: int) -> tuple[Node, int]:
        sign = self._text(position) if self._is_operator(position, "+-") else ""
        node, position = self._product(position + bool(sign), depth)
        if not sign and self._ends(position):
            return node, position
        terms = [Operation("-", (node,)) if sign == "-" else node]
        while self._is_operator(position, "+-"):
            after = self._operand(position, depth)
            if after is None:
                break
            term, end = after
            terms.append(Operation("-", (term,)) if self._text(position) == "-" else term)
            position = end
        return (Operation("+", tuple(terms)) if len(terms) > 1 else terms[0]), position

    def _operand(self, position: int, depth: int) -> tuple[Node, int] | None:
        """Product after the sign at `position`, None if none follows."""
        try:
            return self._product(position + 1, depth)
        except _NoExpression:
            return None

    def _product(self, position: int, depth: int) -> tuple[Node, int]:
        node, position = self._part_of_unit(position) or self._factor(position, depth)
        factors: list[Node] = [node]
        while not self._ends(position):
            if self._is_operator(position, "*/"):
                try:
                    factor, end = self._tight_fraction(position) or self._factor(position + 1, depth)
                except _NoExpression:
                    break
                factors.append(Operation("/", (factor,)) if self._text(position) == "/" else factor)
            elif self._is_of(position, factors):
                skip = 2 if self._text(position + 1).lower() in _DETERMINERS else 1
                try:
                    factor, end = self._factor(position + skip, depth)
                except _NoExpression:
                    break
                factors = [Operation("of", (_product_of(factors), factor))]
            elif self._multiplies(position):
                try:
                    factor, end = self._power(position, depth)
                except _NoExpression:
                    break
                factors.append(factor)
            else:
                break
            position = end
        return _product_of(factors), position

    def _part_of_unit(self, position: int) -> tuple[Node, int] | None:
        """Read "1/2 cup" as a value with a known unit."""
        slash = self._at(position + 1)
        if slash is None or slash.text != "/" or position + 3 >= len(self.tokens):
            return None
        over, under, unit = (self.tokens[position + offset] for offset in (0, 2, 3))
        if unit.kind != "word" or over.kind != "number" or under.kind != "number":
            return None
        is_tight = is_glued(over, slash) and is_glued(slash, under) and not over.places and not under.places
        if not is_tight or not 0 < over.value < under.value <= _FINEST:
            return None
        node, end = self._with_unit(Number(Fraction(over.value) / under.value), position + 3)
        return (node, end) if isinstance(node, Number) and node.unit is not None else None

    def _tight_fraction(self, position: int) -> tuple[Node, int] | None:
        """Read the fraction after the sign in "60 / 3/4" and "60÷3/4", which spacing or another sign binds together."""
        sign, over, slash, under = (self._at(position + offset) for offset in range(4))
        if sign is None or over is None or slash is None or under is None or sign.text != "/":
            return None
        is_spaced = not is_glued(sign, over) and is_glued(over, slash) and is_glued(slash, under)
        is_fraction = is_spaced or (sign.is_obelus and not slash.is_obelus)
        if (
            slash.text != "/"
            or not is_fraction
            or over.kind != "number"
            or under.kind != "number"
            or not under.value
        ):
            return None
        parts = Number(over.value, over.places), Number(under.value, under.places)
        return self._with_unit(Operation("tight", parts), position + 4)

    def _is_of(self, position: int, factors: Sequence[Node]) -> bool:
        """Whether "of" multiplies: after a percentage or a fraction."""
        if self._text(position).lower() != "of":
            return False
        last = factors[-1]
        is_percent = len(factors) == 1 and (
            (
                isinstance(last, Number)
                and (last.percent or (isinstance(last.value, Fraction) and not last.places))
            )
            or (isinstance(last, Operation) and last.sign in ("%", "mixed", "fraction"))
        )
        is_fraction = len(factors) == 2 and isinstance(last, Operation) and last.sign == "/"
        return is_percent or (
            is_fraction and all(isinstance(part, Number) for part in (factors[0], last.args[0]))
        )

    def _multiplies(self, position: int) -> bool:
        """Whether a bracket, a root or pi follows an operand without a sign between them."""
        token, before = self._at(position), self._at(position - 1)
        if token is None or before is None:
            return False
        if token.text in _PI or token.text in (r"\sqrt", "√"):
            return before.kind == "number" or before.kind == "close"
        is_open = token.kind == "open" and token.text in "(["
        if is_open and position in self.partners and before.kind in ("number", "close"):
            if self.is_latex and not is_glued(before, token):
                self.loose.add(position)
            return self.is_latex or is_glued(before, token)
        return token.kind == "number" and before.text == "!" and is_glued(before, token)

    def _factor(self, position: int, depth: int) -> tuple[Node, int]:
        if self._is_operator(position, "+-"):
            node, end = self._factor(position + 1, depth + 1)
            return (Operation("-", (node,)) if self._text(position) == "-" else node), end
        return self._power(position, depth)

    def _power(self, position: int, depth: int) -> tuple[Node, int]:
        if depth > MAX_DEPTH:
            raise _NoExpression
        node, position = self._base(position, depth)
        if self._ends(position):
            return node, position
        while (token := self._at(position)) is not None:
            if token.text == "^":
                exponent, position = self._exponent(position + 1, depth)
                node = Operation("^", (node, exponent))
            elif token.text in _SUPERSCRIPTS:
                power = 0
                while (digit := _SUPERSCRIPTS.get(self._text(position))) is not None and power < 10**4:
                    power, position = 10 * power + digit, position + 1
                node = Operation("^", (node, Number(power)))
            elif token.text == "!" and is_glued(self.tokens[position - 1], token):
                start = position
                while self._text(position) == "!" and is_glued(
                    self.tokens[position - 1], self.tokens[position]
                ):
                    position += 1
                node = Operation("!", (node, Number(position - start)))
            elif token.text == "%":
                is_plain = isinstance(node, Number)
                node = _with_percent(node) if is_plain else Operation("%", (node,))
                position += 1
            elif token.text.lower() in ("squared", "cubed") and not is_glued(
                self.tokens[position - 1], token
            ):
                node = Operation("^", (node, Number(2 if token.text.lower() == "squared" else 3)))
                position += 1
            elif token.text == "°":
                position += 1
                if self._text(position) in ("C", "F"):
                    # Of temperatures only the same scale compares.
                    node = with_words(node, ["°" + self._text(position)])
                    position += 1
            else:
                break
        return self._with_unit(node, position)

    def _exponent(self, position: int, depth: int) -> tuple[Node, int]:
        sign = self._is_operator(position, "-")
        node, end = self._base(position + sign, depth + 1)
        if self._text(end) == "^":
            exponent, end = self._exponent(end + 1, depth + 1)
            node = Operation("^", (node, exponent))
        return (Operation("-", (node,)) if sign else node), end

    def _base(self, position: int, depth: int) -> tuple[Node, int]:
        self.terms += 1
        token = self._at(position)
        if token is None or depth > MAX_DEPTH or self.terms > MAX_TERMS:
            raise _NoExpression
        if token.kind == "number":
            return self._number(position)
        if token.kind == "currency":
            return self._money(position, depth)
        if token.kind == "open":
            return self._group(position, depth)
        if token.kind == "bar":
            node, end = self._sum(position + 1, depth + 1)
            if self._text(end) != "|":
                raise _NoExpression
            return Operation("abs", (node,)), end + 1
        if token.text in _PI:
            return Number(0, is_pi=True), position + 1
        return self._function(position, depth)

    def _number(self, position: int) -> tuple[Node, int]:
        token, following = self.tokens[position], self._at(position + 1)
        node = Number(token.value, token.places, is_word=token.is_word)
        if following is None or following.kind in _APART:
            return node, position + 1
        mixed = self._mixed(position)
        if mixed is not None:
            return mixed
        scale = _SCALES.get(following.text.lower())
        if scale and following.kind == "word":
            return node._replace(scale=scale), position + 2
        is_money = position > 0 and self.tokens[position - 1].kind == "currency"
        if is_money and following.text in ("k", "K", "M") and is_glued(token, following):
            return node._replace(scale=1000 if following.text in "kK" else 10**6), position + 2
        return node, position + 1

    def _mixed(self, position: int) -> tuple[Node, int] | None:
        """Read "1 1/2", "1½", "1 and 1/2" and "1\\frac{1}{2}" as mixed numbers."""
        whole, after = self.tokens[position], position + 1
        if whole.places or not isinstance(whole.value, int):
            return None
        if self._text(after).lower() == "and":
            after += 1
        part = self._at(after)
        if part is None:
            return None
        if part.kind == "number" and isinstance(part.value, Fraction) and not part.places:
            return Operation("mixed", (Number(whole.value), Number(part.value))), after + 1
        over, slash, under = part, self._at(after + 1), self._at(after + 2)
        if part.text in _FRACTIONS:
            node, end = self._fraction(after, MAX_DEPTH - 4)
            return Operation("beside", (Number(whole.value), node)), end
        if (
            slash is None
            or under is None
            or slash.text != "/"
            or over.kind != "number"
            or under.kind != "number"
        ):
            return None
        is_proper = 0 < over.value < under.value and not over.places and not under.places
        if not is_proper or not is_glued(over, slash) or not is_glued(slash, under) or over.is_word:
            return None
        return Operation("mixed", (Number(whole.value), Number(Fraction(over.value, under.value)))), after + 3

    def _money(self, position: int, depth: int) -> tuple[Node, int]:
        node, end = self._base(position + 1, depth + 1)
        name = CURRENCIES.get(self._text(position))
        if isinstance(node, Number) and name and node.unit is None:
            node = node._replace(unit=read_unit(name))
        return node, end

    def _group(self, position: int, depth: int) -> tuple[Node, int]:
        close = self.partners.get(position)
        if close is None:
            raise _NoExpression
        node, end = self._sum(position + 1, depth + 1)
        if end != close:
            raise _NoExpression
        opening = self._text(position)
        if opening in "⌊⌈":
            node = Operation("floor" if opening == "⌊" else "ceil", (node,))
        # A group is one value: "(50)%" and "(1 + 1) / 2" must not fall apart.
        return (node if isinstance(node, Number) else Operation("quantity", (node,))), close + 1

    def _function(self, position: int, depth: int) -> tuple[Node, int]:
        name = self._text(position).lstrip("\\").lower()
        if name in ("frac", "dfrac", "tfrac", "cfrac", "binom", "dbinom"):
            return self._fraction(position, depth)
        if name == "sqrt" and self._text(position + 1) == "[":
            index, end = self._base(position + 1, depth + 1)
            node, end = self._base(end, depth + 1)
            return Operation("root", (node, index)), end
        if name in ("√", "∛", "sqrt"):
            node, end = self._base(position + 1, depth + 1)
            return Operation("root", (node, Number(3 if name == "∛" else 2))), end
        if name in _FUNCTIONS and self._text(position + 1) in ("(", "{"):
            node, end = self._group(position + 1, depth + 1)
            return Operation(_FUNCTIONS[name][0], (node,)), end
        if name in _LISTS and self._text(position + 1) == "(":
            return self._arguments(name, position + 1, depth)
        raise _NoExpression

    def _fraction(self, position: int, depth: int) -> tuple[Node, int]:
        name = self._text(position)
        parts: list[Node] = []
        end = position + 1
        token = self._at(end)
        if (
            token is not None
            and token.kind == "number"
            and isinstance(token.value, int)
            and 10 <= token.value < 100
        ):
            # \frac12 is a half.
            parts += [Number(token.value // 10), Number(token.value % 10)]
            end += 1
        while len(parts) < 2:
            part = self._at(end)
            if part is None or (part.kind != "open" and not (part.kind == "number" and 0 <= part.value < 10)):
                raise _NoExpression
            node, end = self._base(end, min(depth + 1, MAX_DEPTH))
            parts.append(node)
        if "binom" in name:
            return Operation("binom", tuple(parts)), end
        return Operation("fraction", (parts[0], Operation("/", (parts[1],)))), end

    def _arguments(self, name: str, position: int, depth: int) -> tuple[Node, int]:
        close, end, args = self.partners.get(position), position, []
        while close is not None and end < close:
            node, end = self._sum(end + 1, depth + 1)
            args.append(node)
            if end < close and self._text(end) != ",":
                break
        if close is None or end != close or len(args) < 2:
            raise _NoExpression
        return Operation(name, tuple(args)), close + 1

    def _with_unit(self, node: Node, position: int) -> tuple[Node, int]:
        """Attach the unit that follows a number, if the expression or the relation continues after it."""
        end = self.unit_end(position)
        if end == position:
            return node, position
        compound = self._compound(node, position, end)
        if compound is not None:
            return compound
        following = self._at(end)
        if following is None or not (following.kind in ("relation", "close") or self._continues(end)):
            return node, position
        return with_words(node, [token.text for token in self.tokens[position:end]]), end

    def _continues(self, position: int) -> bool:
        return self._is_operator(position, "+-*/") and (
            self.starts(position + 1) or (self._is_operator(position + 1, "+-") and self.starts(position + 2))
        )


_FRACTIONS = (r"\frac", r"\dfrac", r"\tfrac", r"\cfrac")
_NAMES = ("frac", "dfrac", "tfrac", "cfrac", "binom", "dbinom", *_FUNCTIONS, *_LISTS)
STARTS = frozenset(("√", "∛", *_PI, *_NAMES, *(f"\\{name}" for name in _NAMES)))
"""Signs and names other than numbers and brackets that an operand may begin with."""
_SCALES = {**SCALES, "dozen": 12, "tens": 10, "hundreds": 100, "thousands": 1000}


def _product_of(factors: Sequence[Node]) -> Node:
    return Operation("*", tuple(factors)) if len(factors) > 1 else factors[0]


def _with_percent(node: Node) -> Node:
    assert isinstance(node, Number)
    return node._replace(percent=True)
