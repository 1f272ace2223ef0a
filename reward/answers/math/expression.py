"""Parses one algebraic expression, LaTeX or plain, into a tree, without computing values."""

import re
from fractions import Fraction

from .function_calls import MAX_LOOKAHEAD, is_call
from .tokens import APPLICATION, is_number, tokens
from .tree import FUNCTION, Call, Expr, Num, Sym

MAX_DEPTH = 40
MAX_TOKENS = 300
MAX_CHARS = 4000
_FUNCTION_NAMES = "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log exp sqrt abs"
FUNCTIONS = frozenset(_FUNCTION_NAMES.split())
_SEVERAL = frozenset(("gcd", "lcm", "max", "min"))
"""Functions of several arguments, in round brackets or in set braces."""
_WORDS = FUNCTIONS | _SEVERAL | {"pi", "theta"}
INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}
_INVERTIBLE = frozenset("fgFGhH")
_SPECIAL = {r"\Gamma": "gamma", r"\zeta": "zeta"}
_INVERSE_OF = ["^", "{", "-", "1", "}", "("]
_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi "
    "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell hbar"
)
GREEK = frozenset(_GREEK_NAMES.split())
_ACCENTS = frozenset(["vec", "hat", "bar", "overline", "overrightarrow", "tilde", "mathbb", "mathcal"])
_CLOSING = {"(": ")", "[": "]", "{": "}", r"\lfloor": r"\rfloor", r"\lceil": r"\rceil", "|": "|"}
_NO_FACTOR = frozenset((r"\rfloor", r"\rceil", r"\{", r"\}"))


class NotAlgebra(Exception):
    """Error for a text that is not an expression of this grammar."""


def read_expression(text: str) -> Expr:
    """Parse a normalised text.

    Juxtaposition multiplies and binds like `/`, so `1/2x` is half of x. An integer before a proper fraction of integers
    is a mixed number. `\\log` has base 10.

    Raises:
        NotAlgebra: the text is malformed, or holds a command or form that is unknown here.
    """
    pieces = tokens(text, _WORDS) if len(text) <= MAX_CHARS else []
    if not pieces or len(pieces) > MAX_TOKENS:
        raise NotAlgebra("empty or too long")
    reader = _Reader(pieces)
    expression = reader.sum()
    if reader.peek():
        raise NotAlgebra(reader.peek())
    return expression


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens[::-1]
        self._last = ""
        self._depth = 0
        self._bars = 0
        self._is_closed = False

    def peek(self) -> str:
        return self._tokens[-1] if self._tokens else ""

    def sum(self) -> Expr:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NotAlgebra("too deep")
        terms = [self._product()]
        while self.peek() in ("+", "-"):
            terms.append(self._product() if self._take() == "+" else Call("neg", (self._product(),)))
        self._depth -= 1
        return terms[0] if len(terms) == 1 else Call("+", tuple(terms))

    def _take(self) -> str:
        if not self._tokens:
            raise NotAlgebra("ends early")
        self._last = self._tokens.pop()
        return self._last

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise NotAlgebra(f"{token} missing")

    def _product(self) -> Expr:
        sign = 1
        while self.peek() in ("+", "-"):
            sign *= -1 if self._take() == "-" else 1
        product = self._factor()
        while True:
            if self.peek() in ("*", "/"):
                product = Call(self._take(), (product, self._signed()))
            elif self._starts_factor() and (self._is_closed or not is_number(self.peek())):
                product = self._juxtaposed(product)
            else:
                return product if sign == 1 else Call("neg", (product,))

    def _signed(self) -> Expr:
        if self.peek() in ("+", "-"):
            return self._signed_factor(self._take())
        return self._factor()

    def _signed_factor(self, sign: str) -> Expr:
        factor = self._factor()
        return Call("neg", (factor,)) if sign == "-" else factor

    def _juxtaposed(self, left: Expr) -> Expr:
        follows_fraction = self.peek() == r"\frac"
        is_braced = self.peek() == "{" and is_number(self._tokens[-2] if len(self._tokens) > 1 else "")
        if is_braced and not self._is_closed:
            raise NotAlgebra("two numbers side by side")
        right = self._factor()
        is_integer = isinstance(left, Num) and not left.decimal
        if is_integer and follows_fraction and _is_proper(right):
            return Call("mixed", (left, right))
        return Call("*", (left, right))

    def _starts_factor(self) -> bool:
        token = self.peek()
        if token == "|":
            return self._bars == 0
        starts = token in _CLOSING or token[:1] == "\\" or token[:1].isalnum()
        return starts and token not in _NO_FACTOR

    def _factor(self) -> Expr:
        factor = self._atom()
        # A number may follow a factor that digits cannot continue: 3!4!, 2^{3}5 and 2^a5, but not 2^3 5.
        is_closed = False
        while True:
            token = self.peek()
            if token == "!":
                factor = Call(self._factorial(), (factor,))
                is_closed = True
            elif token == "°":
                self._take()
                factor = Call("degree", (factor,))
            elif token == "^":
                self._take()
                factor = Call("^", (factor, self._exponent()))
                is_closed = not is_number(self._last)
            else:
                self._is_closed = is_closed
                return factor

    def _factorial(self) -> str:
        self._expect("!")
        if self.peek() != "!":
            return "!"
        self._expect("!")
        if self.peek() == "!":
            raise NotAlgebra("!!!")
        return "!!"

    def _exponent(self) -> Expr:
        if self.peek() in ("+", "-"):
            sign = self._take()
            exponent = self._atom()
            return Call("neg", (exponent,)) if sign == "-" else exponent
        exponent = self._atom()
        return Call("^", (exponent, self._power())) if self.peek() == "^" else exponent

    def _power(self) -> Expr:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NotAlgebra("too deep")
        self._expect("^")
        return self._exponent()

    def _atom(self) -> Expr:
        token = self._take()
        if is_number(token):
            return Num(Fraction(token.rstrip(".")), "." in token)
        if token in _CLOSING:
            return self._group(token)
        if token.isascii() and token.isalpha():
            return self._symbol(token)
        if token[0] != "\\":
            raise NotAlgebra(token)
        return self._command(token[1:])

    def _group(self, opening: str) -> Expr:
        is_bar = opening == "|"
        outer_bars, self._bars = self._bars, int(is_bar)
        inner = self.sum()
        self._bars = outer_bars
        self._expect(_CLOSING[opening])
        name = {"|": "abs", r"\lfloor": "floor", r"\lceil": "ceil"}.get(opening)
        return Call(name, (inner,)) if name else inner

    def _symbol(self, name: str) -> Expr:
        while self.peek() == "'":
            name += self._take()
        if self.peek() == "_":
            self._take()
            name += f"_{self._raw_argument()}"
        if name in _INVERTIBLE and self._tokens[:-7:-1] == _INVERSE_OF:
            del self._tokens[-5:]
            name += "^-1"
        if not is_call(name, self._tokens[: -MAX_LOOKAHEAD - 1 : -1]):
            return Sym(name)
        if self.peek() == APPLICATION:
            self._take()
        self._expect("(")
        args = self._arguments(")")
        is_known = name in _SPECIAL and len(args) == 1
        return Call(_SPECIAL[name] if is_known else FUNCTION + name, args)

    def _arguments(self, closing: str) -> tuple[Expr, ...]:
        outer_bars, self._bars = self._bars, 0
        args = [self.sum()]
        while self.peek() == ",":
            self._take()
            args.append(self.sum())
        self._bars = outer_bars
        self._expect(closing)
        return tuple(args)

    def _of_several(self, name: str) -> Expr:
        opening = self._take()
        if opening not in ("(", r"\{", "["):
            raise NotAlgebra(name)
        args = self._arguments({r"\{": r"\}"}.get(opening) or _CLOSING[opening])
        return args[0] if len(args) == 1 and name in ("max", "min") else Call(name, args)

    def _raw_argument(self) -> str:
        token = self._take()
        if token != "{":
            return token
        parts, depth = [], 1
        while True:
            token = self._take()
            depth += (token == "{") - (token == "}")
            if depth == 0:
                return "".join(parts)
            parts.append(token)

    def _command(self, name: str) -> Expr:
        if name == "frac":
            return self._fraction()
        if name == "binom":
            return Call("binom", (self._argument(), self._argument()))
        if name == "sqrt":
            return self._root()
        if name in FUNCTIONS:
            return self._function(name)
        if name in _SEVERAL:
            return self._of_several(name)
        if name == "pi":
            return Sym("pi")
        if name in GREEK:
            return self._symbol("\\" + name)
        if name in _ACCENTS:
            return self._symbol(f"\\{name}{{{self._raw_argument()}}}")
        raise NotAlgebra(name)

    def _fraction(self) -> Expr:
        start = "".join(self._tokens[-9:][::-1])
        # A derivative is not a quotient: its d cannot be cancelled.
        if re.match(r"\{d(\^\{?\d\}?)?[A-Za-z]?\}\{d[A-Za-z]", start):
            raise NotAlgebra("derivative")
        over = self._argument()
        return Call("/", (over, self._argument()))

    def _argument(self) -> Expr:
        token = self.peek()
        # TeX takes one character as an argument without braces: \frac12 is a half.
        if is_number(token) and len(token) > 1:
            self._take()
            self._tokens.append(token[1:])
            if not token[0].isdigit():
                raise NotAlgebra(token)
            return Num(Fraction(token[0]))
        if token.isalpha():
            return Sym(self._take())
        return self._atom()

    def _root(self) -> Expr:
        index: Expr = Num(Fraction(2))
        if self.peek() == "[":
            self._take()
            index = self.sum()
            self._expect("]")
        return Call("root", (self._argument(), index))

    def _function(self, name: str) -> Expr:
        base: tuple[Expr, ...] = ()
        exponent: Expr | None = None
        for _ in range(2):
            if self.peek() == "_" and name == "log" and not base:
                self._take()
                base = (self._log_base(),)
            elif self.peek() == "^" and exponent is None:
                self._take()
                exponent = self._exponent()
        if exponent == Call("neg", (Num(Fraction(1)),)) and name in INVERSES:
            name, exponent = INVERSES[name], None
        call = Call(name, (self._function_argument(), *base))
        return Call("^", (call, exponent)) if exponent is not None else call

    def _log_base(self) -> Expr:
        # `log_10 100` means base 10, although TeX would set `\\log_28` as the logarithm of 8 to base 2.
        is_all = len(self._tokens) > 1 and self._tokens[-2] not in ("+", "-", "*", "/", ")", "}")
        return self._atom() if is_number(self.peek()) and is_all else self._argument()

    def _function_argument(self) -> Expr:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise NotAlgebra("too deep")
        if self.peek() in ("(", "{", "["):
            argument = self._group(self._take())
        else:
            argument = self._signed()
            while self._starts_factor() and self.peek().lstrip("\\") not in FUNCTIONS and self.peek() != "(":
                argument = self._juxtaposed(argument)
        self._depth -= 1
        return argument


def _is_proper(expression: Expr) -> bool:
    if not (isinstance(expression, Call) and expression.name == "/"):
        return False
    over, under = expression.args
    if not (isinstance(over, Num) and isinstance(under, Num)):
        return False
    return not over.decimal and not under.decimal and over.value < under.value
