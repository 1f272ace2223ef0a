"""Removes LaTeX layout from an answer: environments that only align rows, colours, TeX's infix fractions."""

import re

_ALIGNED = r"\\begin\s*\{(?P<name>(?:aligned|align|alignat|gathered|gather|split|eqnarray|equation)\*?)\}"
_BRACE = r"(?:\\left\s*)?\\(?:\{|lbrace)"
_SYSTEM = rf"{_BRACE}\s*\\begin\s*\{{array\}}"
_ENVIRONMENT = re.compile(rf"(?P<brace>{_BRACE}\s*)?{_ALIGNED}|(?P<system>{_SYSTEM})\s*(?:\{{[lcr| ]*\}})?")
# The closing stop may have been stripped as the end of a sentence.
_BRACE_END = re.compile(r"\s*\\right\s*(?:\.|\Z)|(?=\s*(?!\\right|\\\}))")
_ROW_END = re.compile(r"\\\\(?:\s*\[[^\[\]]{0,20}\])?|\\cr(?![A-Za-z])")
_ROW_STOP = re.compile(r"(?<!\\)[,;.]\Z")
_CONTINUES = re.compile(r"[=<>+\-*/]|\\(?:le|leq|ge|geq|approx|neq|cdot|times)(?![A-Za-z])")
_RELATED = re.compile(r"[=<>]|\\(?:le|leq|ge|geq|ne|neq|in|leqslant|geqslant)(?![A-Za-z])")
_CONDITION = re.compile(
    rf"^\s*(?!{_CONTINUES.pattern})(?=\S).*(?:{_RELATED.pattern}|otherwise|else)", re.DOTALL
)
_COLOURED = re.compile(r"\\(?:text)?color\s*(?:\[[^\[\]]{0,20}\])?\s*\{[^{}]*\}")
_ROOT = re.compile(r"\\root\s*(?:\{([^{}]{1,20})\}|([^{}\\]{1,20}?))\s*\\of(?![A-Za-z])\s*")
_INFIX = re.compile(r"(\\(?:over|choose)(?![A-Za-z])|\\.|[{}])", re.DOTALL)
_PREFIX = {"\\over": "\\frac", "\\choose": "\\binom"}


def flatten(text: str) -> str:
    """Write `text` on one line: rows of `aligned` and of systems become a list, `{a \\over b}` a `\\frac{a}{b}`.

    A row that begins with a relation or operator continues the row before. Linear in the length of `text`.
    """
    if r"\begin" in text:
        text = _without_alignment(text)
    if "color" in text:
        text = _COLOURED.sub(" ", text)
    if r"\root" in text:
        text = _ROOT.sub(lambda root: f"\\sqrt[{(root[1] or root[2]).strip()}]", text)
    return _prefixed(text) if r"\over" in text or r"\choose" in text else text


def _without_alignment(text: str) -> str:
    """Write the outermost aligning environment as a list of its rows, if it holds no other environment."""
    begin = _ENVIRONMENT.search(text)
    if begin is None:
        return text
    closing = rf"\end{{{begin['name'] or 'array'}}}"
    end = text.find(closing, begin.end())
    body = text[begin.end() : end]
    if end < 0 or r"\begin" in body:
        return text
    rest = end + len(closing)
    if begin["brace"] or begin["system"]:
        brace_end = _BRACE_END.match(text, rest)
        if brace_end is None:
            return text
        rest = brace_end.end()
        if _is_piecewise(body):
            return rf"{text[: begin.start()]} \begin{{cases}}{body}\end{{cases}} {text[rest:]}"
    return f"{text[: begin.start()]} {_joined(body)} {text[rest:]}"


def _is_piecewise(body: str) -> bool:
    """Whether each row is a value and a condition on it, rather than an equation split at its sign."""
    rows = [row.split("&") for row in _ROW_END.split(body) if row.strip()]
    return all(len(row) == 2 and not _RELATED.search(row[0]) and _CONDITION.search(row[1]) for row in rows)


def _joined(body: str) -> str:
    rows = [
        row.replace(r"\&", "\0").replace("&", " ").replace("\0", r"\&").strip()
        for row in _ROW_END.split(body)
    ]
    pieces: list[str] = []
    for row in filter(None, rows):
        if pieces:
            pieces[-1] = _ROW_STOP.sub("", pieces[-1])
            pieces.append(" " if _CONTINUES.match(row) else ", ")
        pieces.append(row)
    return "".join(pieces)


def _prefixed(text: str) -> str:
    """Rewrite TeX's infix `\\over` and `\\choose`, which split their group, as `\\frac` and `\\binom`."""
    pieces = [""]
    groups: list[tuple[int, bool]] = [(0, False)]
    for piece in _INFIX.split(text):
        if piece == "}" and len(groups) > 1:
            groups.pop()
        if piece in _PREFIX:
            start, is_split = groups[-1]
            if is_split:
                return text
            groups[-1] = (start, True)
            pieces[start] = f"{_PREFIX[piece]}{{"
            piece = "}{"
        pieces.append(piece)
        if piece == "{":
            groups.append((len(pieces) - 1, False))
    return "".join(pieces) + "}" * groups[0][1] if len(groups) == 1 else text
