"""Hidden text states no answer; text that only looks like a comment stays."""

import pytest

from reward.answers.conventions import CONVENTIONS, extract_answer
from reward.answers.extract.visible import visible

HIDDEN = [
    "<!-- {} -->",
    "<!--\n{}\n-->",
    "<!-- {} --!>",
    "<!-- {}",
    "% {}",
    "  %% {}",
    "so we are done. % {}",
    "so we are done.%{}",
    "\\phantom{{{}}}",
    "\\hphantom{{ {} }}",
    "\\vphantom {{{{{}}}}}",
    "\\iffalse\n{}\n\\fi",
    "\\begin{{comment}}\n{}\n\\end{{comment}}",
    "\\textcolor{{white}}{{{}}}",
    "\\textcolor[rgb]{{1,1,1}}{{{}}}",
    "{{\\color{{white}} {}}}",
    "\\color{{white}}{{{}}}",
    "\\newcommand{{\\hidden}}{{{}}}",
    "\\newcommand\\hidden[1]{{{}}}",
    "\\def\\hidden{{{}}}",
    "\\label{{{}}}",
    '<span style="display:none">{}</span>',
    "<div hidden>{}</div>",
    '<p class="x" style="color: white; margin: 0">{}</p>',
    '<span style="font-size:0px">{}</span>',
    "<script>\n{}\n</script>",
    '<br title="{}"/>',
    "\\scalebox{{0}}{{{}}}",
    "\\end{{document}}\n{}",
    '[//]: # "{}"',
    "[comment]: <> ({})",
]
STATED = {
    "boxed": "\\boxed{26}",
    "####": "#### 26",
    "answer_is": "The answer is 26.",
    "plain": "The answer is 26.",
    "choice": "The answer is (B).",
    "text": "The answer is Paris.",
}


@pytest.mark.parametrize("hiding", HIDDEN)
@pytest.mark.parametrize("convention", STATED)
def test_a_hidden_part_states_no_answer(convention: str, hiding: str) -> None:
    for text in (
        hiding.format(STATED[convention]),
        f"We add 13 and 13.\n{hiding.format(STATED[convention])}\n",
    ):
        found = extract_answer(text, convention)
        # A text without a mark is the answer itself under `text`, and may be the rest of the line here.
        assert found is None or (convention == "text" and "Paris" not in found)


@pytest.mark.parametrize("hiding", HIDDEN)
def test_a_hidden_part_does_not_replace_the_visible_answer(hiding: str) -> None:
    text = f"#### 7\n{hiding.format('#### 26')}"
    assert extract_answer(text, "####") == "7"


@pytest.mark.parametrize(
    ("text", "convention"),
    [
        ("\\boxed{\\phantom{26}}", "boxed"),
        ("\\boxed{\\color{white}26}", "boxed"),
        ("\\boxed{\\textcolor{white}{26}}", "boxed"),
        ("\\boxed{<!-- 26 -->}", "boxed"),
        ("\\boxed{\u200b}", "boxed"),
        ("#### \u200b\u2060", "####"),
        ("#### \u3164", "####"),
        ("#### \\phantom{26}", "####"),
        ("The answer is \\phantom{26}.", "answer_is"),
        ("<!-- It is Paris. -->", "contains"),
        ("\u200b", "contains"),
        ("<!--\n```json\n5\n```\n-->", "json"),
        ("<!--\n```python\nx = 5\n```\n-->", "python"),
        ("<!--\n```python\nx = 5\n```", "python"),
    ],
)
def test_an_invisible_answer_is_no_answer(text: str, convention: str) -> None:
    assert extract_answer(text, convention) is None


@pytest.mark.parametrize(
    ("text", "convention", "answer"),
    [
        ("It is 20% of 130.\n#### 26%", "####", "26%"),
        ("About 20 % are left.\n#### 26", "####", "26"),
        ("20 % of 5 is 1.\n#### 26 %", "####", "26 %"),
        ("\\boxed{50\\%}", "boxed", "50\\%"),
        ("So $50\\%$ of it, or \\% signs, and \\boxed{50\\%}.", "boxed", "50\\%"),
        ("% increase = 25/100\n\\boxed{25}", "boxed", "25"),
        ("% of the eggs: 26 % is it", "contains", "% of the eggs: 26 % is it"),
        ("7 % 3 = 1, so \\boxed{1}", "boxed", "1"),
        ("The rate is 20%. The answer is 20%.", "answer_is", "20%"),
        ("If x < 3 and y > 2, then #### 26", "####", "26"),
        ("6*12=<<6*12=72>>72\n#### 72", "####", "72"),
        (
            "\\boxed{\\begin{pmatrix}\\phantom{-}1\\\\-2\\end{pmatrix}}",
            "boxed",
            "\\begin{pmatrix}1\\\\-2\\end{pmatrix}",
        ),
        ('<span class="result">#### 26</span>', "####", "26</span>"),
        ("\\scalebox{0.8}{\\boxed{26}}", "boxed", "26"),
        ("\\boxed{\\textcolor{red}{26}}", "boxed", "\\textcolor{red}{26}"),
        ("\\boxed{\\color{blue}26}", "boxed", "\\color{blue}26"),
        ("Write `<!-- 26 -->` for a comment.\n#### 26", "####", "26"),
        ("```\n% no comment here\n#### 26\n```", "####", "26"),
        ("[1]: https://example.org\n#### 26", "####", "26"),
        ("[A]: 5 apples\n#### 26", "####", "26"),
        ('```json\n{"a": "<!-- x -->"}\n```', "json", '{"a": "<!-- x -->"}'),
        ('{"a": "<!-- x -->"}', "json", '{"a": "<!-- x -->"}'),
        ('```python\nhtml = "<!--"\nx = 7 % 3\n```', "python", 'html = "<!--"\nx = 7 % 3'),
        ("<!-- note -->\n#### 26 <!-- checked -->", "####", "26"),
        ("#### 2\u200b6", "####", "2\u200b6"),
    ],
)
def test_visible_parts_stay(text: str, convention: str, answer: str) -> None:
    found = extract_answer(text, convention)
    assert found is not None
    assert found.strip() == answer


@pytest.mark.parametrize(
    "piece", ["<!--", "\\phantom{", "`", "<a hidden", "%", "\\color{white}", "[a]: b (", "\\def\\a", "{"]
)
def test_openings_without_an_end_are_read_in_one_pass(piece: str) -> None:
    text = piece * 50_000
    visible(text)
    for convention in CONVENTIONS:
        extract_answer(text, convention)


def test_a_text_without_hidden_parts_is_returned_as_it_is() -> None:
    text = "We have $\\frac{1}{2}$ of 50\\% <b>eggs</b>, that is 25%.\n\\[x < 3\\]\n#### 5"
    assert visible(text) == text
