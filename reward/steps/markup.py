"""Blanks out the markup of a text, character by character, so that positions in the text stay the same."""

import re

_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("✕✖⨯·⋅∙", "×"),
        **dict.fromkeys("−–﹣－", "-"),
        **dict.fromkeys("∕⁄／", "/"),
        **dict.fromkeys("＋﹢", "+"),
        **dict.fromkeys("≦⩽≲", "≤"),
        **dict.fromkeys("≧⩾≳", "≥"),
        **dict.fromkeys("≅≃≒∼", "≈"),
        **dict.fromkeys("→⇒⟹⟶➔➜∴∵⇔↔—―", ";"),
        **dict.fromkeys("’‘ʼ′", "'"),
        **dict.fromkeys("“”„″«»", '"'),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\u200a\u3000\u200b\ufeff", " "),
        **{0xFF10 + digit: str(digit) for digit in range(10)},
        **{"＝": "=", "（": "(", "）": ")", "％": "%", "，": ",", "。": ";", "：": ":"},
    }
)
_FONT = r"text(?:bf|it|rm|sf|tt|normal)?|math(?:rm|bf|it|sf|tt)|mbox|hbox|operatorname\*?|emph"
_COMMAND_BLANKS = re.compile(
    rf"\\(?:{_FONT}|boxed|fbox|underline|left|right|[bB]igg?[lrm]?|middle|q?quad|displaystyle|textstyle|nonumber|hfill"
    r"|phantom|notag|thinspace|enspace|mathstrut)(?![A-Za-z])(?: *\.(?!\d))?"
    r"|\\[;:> ]|(?<!\d)\\[,!]|\\[,!](?!,?\d{3})|\^ ?(?:\{ ?\\circ ?\}|\\circ(?![A-Za-z]))"
    r"|\\(?:degree|prime)(?![A-Za-z])"
)
_FONT_BRACES = re.compile(rf"(\\(?:{_FONT})) ?\{{([^{{}}]{{0,200}})\}}")
_LINE_ENDS = re.compile(
    r"\\\\(?: ?\[[^\]\n]{0,20}\])?|\\(?:begin|end) ?\{[^{}\n]{0,30}\}(?:\{[lcr|]{0,20}\})?|<br ?/?>"
)
_ARROWS = re.compile(
    r"\\(?:implies|impliedby|iff|therefore|because|(?:long|Long)?(?:left)?(?:right|Right)arrow|to)(?![A-Za-z])|[-=]{1,3}>(?!=)"
)
_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff]")
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,60}>")
_LABEL = re.compile(
    r"(?m)^[ \t>#]{0,20}"
    # A line "- 2 = 6" continues a calculation, and so does what follows in "(5) + (-3) = 2".
    r"(?:(?:[-*+•◦▪‣](?![ \t]+\d[\d.,]*[ \t]*=[ \t]*\$?\d[\d.,]*[ \t]*$)"
    r"|\(?(?:\d{1,3}|[A-Za-z]|[ivx]{1,4})[.)](?![ \t]+[-+*/×÷^=<>] )|\*\*\d{1,3}[.)](?:\*\*)?|#{1,6})"
    r"[ \t]+|>)+"
)
_BULLET_SIGN = re.compile(r"(?<=\d)•(?=\d)")
_MATRIX = re.compile(
    r"\\begin ?\{((?:[pbvBV]|small)?matrix|array|tabular|cases)\}.{0,2000}?\\end ?\{\1\}", re.DOTALL
)
_ESCAPED = re.compile(r"\\([*_~#])")
_SIZED = re.compile(r"\\(?:left|right|[bB]igg?[lrm]?) ?([][()|])")
_DELIMITER = re.compile(r"\\[()\[\]]")
_MARKS = re.compile(r"\*+|_+|~~|`+|\"")
_NOTE = re.compile(r"<<([^<>\n]{1,300})>>")
_OPERAND_END = re.compile(r"[\w)\]}%!²³°$]")
_OPERAND_START = re.compile(r"[\w(\[{$\\€£√]|\.\d|[+-] ?[\w(\[{$\\€£√.]")


def without_markup(text: str) -> str:
    """Blank out Markdown emphasis, list labels, LaTeX layout and fonts; the result has the length of `text`."""
    text = _NO_TEXT.sub(_blank, text)
    if not text.isascii():
        text = text.translate(_CHARACTERS)
    if "\\" in text:
        text = _MATRIX.sub(lambda match: _filled("\ufffc", match), text).replace("~", " ")
        text = _ESCAPED.sub(r" \1", text)
        text = _SIZED.sub(lambda match: _filled(match[1], match), text)
        text = _LINE_ENDS.sub(lambda match: _filled("\n", match), text)
        text = _ARROWS.sub(lambda match: _filled(";", match), text)
        text = _DELIMITER.sub("$ ", text)
        text = _FONT_BRACES.sub(
            lambda match: f"{' ' * len(match[1])} {match[2]:>{len(match[0]) - len(match[1]) - 2}} ", text
        )
        text = _COMMAND_BLANKS.sub(_degree_or_blank, text)
    if ">" in text:
        text = _ARROWS.sub(lambda match: _filled(";", match), _TAG.sub(_blank, text))
    text = _LABEL.sub(_labelled, text)
    if "•" in text:
        text = _BULLET_SIGN.sub("×", text)
    return _MARKS.sub(_unless_operator, text)


def without_notes(text: str) -> tuple[str, list[tuple[int, str]]]:
    """Blank out calculator notes such as `<<48/2=24>>`; returns the notes as well, each with its position."""
    if "<<" not in text:
        return text, []
    notes = [(match.start(1), match[1]) for match in _NOTE.finditer(text)]
    return _NOTE.sub(_blank, text), notes


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _filled(mark: str, match: re.Match[str]) -> str:
    return mark + " " * (len(match[0]) - 1)


def _degree_or_blank(match: re.Match[str]) -> str:
    return _filled("°", match) if "circ" in match[0] or "degree" in match[0] else _blank(match)


def _labelled(match: re.Match[str]) -> str:
    """Turn a list label into a separator: the number in "1. 3 + 4 = 7" is no operand."""
    return _filled(";", match)


def _unless_operator(match: re.Match[str]) -> str:
    """Blank out a mark of emphasis or code, and keep a sign of multiplication, power or subscript."""
    mark, text = match[0], match.string
    before = text[max(0, match.start() - 6) : match.start()]
    after = text[match.end() : match.end() + 6]
    is_between = _OPERAND_END.match(before.rstrip(" *_")[-1:]) and _OPERAND_START.match(after.lstrip(" *_"))
    spaced_before, spaced_after = before[-1:].isspace(), after[:1].isspace()
    if mark[0] == "_":
        is_subscript = (before[-1:].isalnum() or before[-1:] == "}") and (
            after[:1].isalnum() or after[:1] in ("{", "\\", "(")
        )
        return mark if is_subscript or len(mark) == len(before + after) else " " * len(mark)
    if not is_between or mark[0] != "*" or len(mark) > 2:
        return " " * len(mark)
    if spaced_before == spaced_after:
        return mark
    near_digits = before.rstrip()[-1:].isdigit() or before.rstrip()[-1:] in ")%"
    near_digits = near_digits and after.lstrip(" $(")[:1].isdigit()
    return mark if len(mark) == 1 and near_digits else " " * len(mark)
