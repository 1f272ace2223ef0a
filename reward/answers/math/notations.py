"""Rewrites regional and textbook notations: `C_{10}^3`, `{}_5P_2`, `\\operatorname{tg}`, "1101 (base 2)"."""

import re

_FUNCTIONS = {
    "tg": "tan",
    "ctg": "cot",
    "cotg": "cot",
    "arctg": "arctan",
    "arcctg": "arccot",
    "cosec": "csc",
    "sh": "sinh",
    "ch": "cosh",
    "th": "tanh",
    "cth": "coth",
    "arcsinh": "arsinh",
    "arccosh": "arcosh",
    "arctanh": "artanh",
    "arsh": "arsinh",
    "arch": "arcosh",
    "arth": "artanh",
}
_SAME = ("arccot", "arcsec", "arccsc", "coth", "sech", "csch", "arsinh", "arcosh", "artanh")
_FUNCTIONS.update((name, name) for name in _SAME)
# In another font "th" makes an ordinal.
_FUNCTION = re.compile(
    rf"\\operatorname\*?\s*\{{\s*({'|'.join(_FUNCTIONS)})\s*\}}|\\(?:mathrm|text|mathop)\s*\{{\s*((?:arc)?c?tg)\s*\}}"
    rf"|\\({'|'.join(_FUNCTIONS)})(?![A-Za-z])|(?<![A-Za-z\\{{])(ctg|arctg|arcctg|tg(?= ?(?:\\|\()))(?![A-Za-z])"
)
_SHORT_NAME = re.compile(r"\\(?:(?:ar|arc)?[sct]h|c?th|arc(?:sin|cos|tan)h|cosec|cotg)(?![A-Za-z])")
_COUNT = r"(?:\{{ ?(?P<{0}>\d{{1,4}}|[a-z](?: ?[+-] ?\d)?) ?\}}|(?P<{0}_bare>\d{{1,4}}|[a-z]))"
_LOWER, _UPPER = rf" ?_ ?{_COUNT}", rf" ?\^ ?{_COUNT}"
_CHOICES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?<![A-Za-z\\}}_^])(?P<kind>[CAP]){_LOWER.format('n')}{_UPPER.format('k')}(?!\w)",
        rf"(?<![A-Za-z\\}}_^])(?P<kind>[CAP]){_UPPER.format('k')}{_LOWER.format('n')}(?!\w)",
        rf"(?<![\w}}])(?:\{{ ?\}} ?)?[_^] ?{_COUNT.format('n')} ?(?P<kind>[CP]){_LOWER.format('k')}(?!\w)",
        r"(?<![A-Za-z\\}_^\d])(?P<kind>C) ?\( ?(?P<n>\d{1,4}) ?, ?(?P<k>\d{1,4}) ?\)",
        r"(?<![\w.}])(?P<n>\d{1,3})(?P<kind>[CP])(?P<k>\d{1,3})(?!\w)",
    )
)
_MAY_CHOOSE = re.compile(r"[CAP] ?[_^(\d]")
_BASE_IN_BRACKETS = re.compile(r"(?<=[\dA-F)]) ?_ ?\{? ?\( ?(\d\d?) ?\) ?\}?")
_BASE_IN_WORDS = re.compile(
    r"\(?([0-9A-F]{1,200})\)? ?(?:\(|_ ?\{)? ?(?:in )?base[ -]?(\d\d?|[a-z]{3,8}) ?[)}]?", re.IGNORECASE
)


def name_functions(text: str) -> str:
    """Replace regional names of functions by the usual commands, while fonts and `\\operatorname` are in place."""
    if "tg" not in text and "operatorname" not in text and not _SHORT_NAME.search(text):
        return text
    return _FUNCTION.sub(lambda match: f"\\{_FUNCTIONS[match[match.lastindex or 0]]} ", text)


def rewrite_notations(text: str) -> str:
    """Write combinations as `\\binom` or quotients of factorials, and bases as subscripts, in a normalised text."""
    if _MAY_CHOOSE.search(text):
        for pattern in _CHOICES:
            text = pattern.sub(_chosen, text)
    if "_" in text:
        text = _BASE_IN_BRACKETS.sub(r"_{\1}", text)
    based = _BASE_IN_WORDS.fullmatch(text) if "base" in text else None
    return f"{based[1]}_{{{based[2]}}}" if based else text


def _chosen(match: re.Match[str]) -> str:
    groups = match.groupdict()
    whole, part = (groups[name] or groups.get(f"{name}_bare") or "" for name in ("n", "k"))
    if whole.isdigit() and part.isdigit():
        # C_1^2 is the square of a constant.
        if int(part) > int(whole):
            return match[0]
        if match["kind"] == "C":
            return rf"\binom{{{whole}}}{{{part}}}"
        return rf"\frac{{{whole}!}}{{{int(whole) - int(part)}!}}"
    return rf"\binom{{{whole}}}{{{part}}}" if match["kind"] == "C" and not whole.isdigit() else match[0]
