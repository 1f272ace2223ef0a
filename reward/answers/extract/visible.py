"""Reduces a text to its visible parts: an answer in a comment or in `\\phantom{}` is no answer."""

import re
import unicodedata

# Invisible characters that count as letters or as symbols, unlike zero-width spaces.
BLANK_LETTERS = "\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"

_CODE = r"```.*?(?:```|\Z)|`[^`\n]+`"
_WHITE = r"(?:white|transparent|\#?fff(?:fff)?|1(?:\.0)?,\s?1(?:\.0)?,\s?1(?:\.0)?|255,\s?255,\s?255)"
_HIDING_STYLE = (
    rf"(?:\shidden\b|display\s?:\s?none|visibility\s?:\s?hidden|opacity\s?:\s?0(?![.\d]*[1-9])"
    rf"|font-size\s?:\s?0(?![.\d]*[1-9])|(?<![-\w])color\s?:\s?{_WHITE}(?!\w))"
)
_STATES_ANSWER = (
    r"(?:\\boxed|\\fbox|\#{2,}|(?:(?:so|thus|hence|therefore|and|then),?\s)?(?:the\s|my\s|our\s)?"
    r"(?:final\s|correct\s)?answer\b)"
)
# "% increase = 25" is a percentage; any other line that begins with "%" is a comment.
_PERCENTAGE = (
    r"[ \t]*(?:of|in|de|per|increase|decrease|change|profit|loss|error|discount|markup|tax|tip|interest|growth|yield"
    r"|difference|reduction|gain|rate|share|more|less|composition|correct|passed|failed|left|remaining)\b|[ \t]*[=:]"
)
_COMMENT = (
    r"<!--.*?(?:--!?>|\Z)"
    # The definition of a Markdown link, which may have a title.
    r"|(?m:^)[ ]{0,3}\[[^\]\n]{1,200}\]:[ \t]*\S+[ \t]+[\"'(][^\n]*"
    rf"|(?m:^)[ \t]*%(?!{_PERCENTAGE})[^\n]*"
    rf"|(?<=[\s.;:!?])%+[ \t]*(?={_STATES_ANSWER})[^\n]*"
    r"|\\iffalse(?![A-Za-z]).*?(?:\\fi(?![A-Za-z])|\Z)"
    r"|\\begin\{comment\}.*?(?:\\end\{comment\}|\Z)"
    r"|\\end\{document\}.*"
    r"|<(?P<element>script|style|template|noscript)\b[^<>]{0,200}>.*?(?:</(?P=element)\s?>|\Z)"
    rf"|<(?P<hidden>[a-z]\w{{0,20}})(?=\s)[^<>]{{0,200}}?{_HIDING_STYLE}[^<>]{{0,200}}>.*?(?:</(?P=hidden)\s?>|\Z)"
    # The attributes of an element, such as a title.
    r"|<[a-z][\w-]{0,20}(?:\s++[\w:-]{1,40}\s?=\s?(?:\"[^\"<>]{0,500}\"|'[^'<>]{0,500}'))+\s?/?>"
)
_PART = re.compile(rf"(?P<code>{_CODE})|{_COMMENT}", re.DOTALL | re.IGNORECASE)
_BLOCK = re.compile(r"(?P<code>```.*?(?:```|\Z))|<!--.*?(?:--!?>|\Z)", re.DOTALL)

_HIDING = re.compile(
    r"\\(?:"
    r"(?P<argument>[hv]?phantom|hide|label|index|nocite)(?![A-Za-z])\s*"
    r"|(?P<definition>(?:re|provide)?newcommand|providecommand|def|gdef|DeclareMathOperator)(?![A-Za-z])\*?\s*"
    rf"|(?P<coloured>textcolor|colou?r)\s*(?:\[\w{{1,9}}\])?\s*\{{\s*{_WHITE}\s*\}}\s*"
    r"|(?P<shrunk>scalebox)\s*\{\s*0?(?:\.0*)?\s*\}\s*"
    r")",
    re.IGNORECASE,
)
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_TOKEN = re.compile(r"\\[A-Za-z]+|\\?\S", re.DOTALL)
_NAME = re.compile(r"(?:\{\s*\\[A-Za-z]+\s*\}|\\[A-Za-z]+)(?:\[[^\]\n]{0,40}\]|#\d|\s)*")


def visible(text: str) -> str:
    """Drop comments and the parts that HTML or LaTeX hides, in time linear in the length of `text`.

    Comments are HTML and LaTeX comments (a percent sign after a number starts none) and Markdown's link definitions.
    Hidden parts are elements with a hiding style, `\\phantom{}`, definitions, labels and white letters. Nothing in
    Markdown's code is hidden.
    """
    if not any(mark in text for mark in "<%\\]"):
        return text
    return _without_hidden(_PART.sub(lambda part: part["code"] or "", text))


def visible_blocks(text: str) -> str:
    """Drop the fenced blocks that an HTML comment hides."""
    return _BLOCK.sub(lambda part: part[0] if part["code"] or "```" not in part[0] else "", text)


def is_blank(text: str) -> bool:
    """Whether `text` shows nothing to a reader."""
    return all(
        character.isspace()
        or character in BLANK_LETTERS
        or unicodedata.category(character) in ("Cf", "Cc", "Mn")
        for character in text
    )


def _without_hidden(text: str) -> str:
    kept, at = [], 0
    while command := _HIDING.search(text, at):
        kept.append(text[at : command.start()])
        at = command.end()
        if command["definition"]:
            name = _NAME.match(text, at)
            at = _argument_end(text, name.end() if name else at)
        elif (
            command["argument"]
            or command["shrunk"]
            or command["coloured"] == "textcolor"
            or text[at : at + 1] == "{"
        ):
            at = _argument_end(text, at)
        else:
            at = _group_end(text, at)
    return "".join([*kept, text[at:]])


def _argument_end(text: str, start: int) -> int:
    """End of a command's argument that begins at `start`: a group, or one token with its own groups."""
    if text[start : start + 1] == "{":
        return min(_group_end(text, start + 1) + 1, len(text))
    token = _TOKEN.match(text, start)
    end = token.end() if token else start
    while token and token[0][0] == "\\" and text[end : end + 1] == "{":
        end = min(_group_end(text, end + 1) + 1, len(text))
    return end


def _group_end(text: str, start: int) -> int:
    """End of the group that is open at `start`, or of the text."""
    depth = 1
    for brace in _BRACE.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.start()
    return len(text)
