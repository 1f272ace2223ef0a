"""Disguised copies, loops and leaks (glued, spelled out, in look-alike letters, hidden), and honest texts."""

from dataclasses import dataclass

import pytest

from reward.config import RewardConfig
from reward.diversity import lexical
from reward.gate import check
from reward.leak import find_leak
from reward.types import Anchors, Candidate, Verdict
from reward.words import words

EXPERT = (
    "Janet's ducks lay sixteen eggs per day and she eats three of them for breakfast every single morning "
    "so she sells thirteen eggs for two dollars each"
)
SHORT = "Tom has five apples and eats two of them"
OWN = "We start from 16 eggs. After breakfast 13 are left, and each brings 2 dollars."
FAR = Anchors(expert=-2.0, own=-0.5)
CYRILLIC = str.maketrans("aeopcxy", "аеорсху")
GREEK = str.maketrans("aoivu", "αοινυ")
SMALL = str.maketrans("abcdegijklmnoptuvwz", "ᴀʙᴄᴅᴇɢɪᴊᴋʟᴍɴᴏᴘᴛᴜᴠᴡᴢ")
BOLD = {ord(c): 0x1D41A + i for i, c in enumerate("abcdefghijklmnopqrstuvwxyz")}
ENCLOSED = {ord(c): 0x1F170 + i for i, c in enumerate("abcdefghijklmnopqrstuvwxyz")}
WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
LEET = str.maketrans("oeast", "03457")

DISGUISES = {
    "underscores": lambda text: text.replace(" ", "_"),
    "underscores in threes": lambda text: "".join(
        "_" if c == " " and i % 3 else c for i, c in enumerate(text)
    ),
    "no blanks": lambda text: text.replace(" ", ""),
    "capitals": lambda text: text.title().replace(" ", ""),
    "pairs": lambda text: " ".join("".join(p) for p in zip(*[iter(text.split())] * 2, strict=False)),
    "spelled out": lambda text: " ".join(text.replace(" ", "")),
    "spelled with dots": lambda text: ".".join(text.replace(" ", "")),
    "middle dots": lambda text: text.replace(" ", "·"),
    "digits for blanks": lambda text: text.replace(" ", "7"),
    "digits for letters": lambda text: text.translate(LEET),
    "Cyrillic": lambda text: text.translate(CYRILLIC),
    "Greek": lambda text: text.translate(GREEK),
    "small capitals": lambda text: text.lower().translate(SMALL),
    "bold": lambda text: text.lower().translate(BOLD),
    "enclosed": lambda text: text.lower().translate(ENCLOSED),
    "wide": lambda text: text.translate(WIDE),
    "zero width": lambda text: "\u200b".join(text),
    "soft hyphens": lambda text: "\u00ad".join(text),
    "marks": lambda text: "".join(f"{c}\u0336" for c in text),
    "fillers": lambda text: text.replace("e", "e\u3164"),
    "tags": lambda text: text.replace("e", "e\U000e0041"),
    "variation selectors": lambda text: "\ufe0f".join(text),
    "comments": lambda text: text.replace(" ", "<!-- and then -->"),
}
each_disguise = pytest.mark.parametrize("disguise", DISGUISES.values(), ids=DISGUISES)


@dataclass(frozen=True)
class Problem:
    solution: str
    question: str = "How much does she earn?"
    answer: str = "26"
    convention: str = "####"
    anchors: Anchors = FAR


def reason(text: str, solution: str = EXPERT, question: str = "How much?", **settings: object) -> str | None:
    problem = Problem(f"{solution}\n#### 26", question)
    config = RewardConfig.model_validate(settings)
    return check(problem, Candidate(f"{text}\n#### 26", finished=True), Verdict.EQUAL, config).reason


@each_disguise
@pytest.mark.parametrize("solution", [EXPERT, SHORT, f"{EXPERT}. {SHORT}."])
def test_a_disguised_copy_is_refused(disguise, solution: str) -> None:
    assert reason(disguise(solution), solution) in ("copy", "no_reasoning", "repetitive", "too_long")


@each_disguise
def test_a_disguised_loop_is_refused(disguise) -> None:
    assert reason(disguise("and so the eggs bring it " * 30)) in ("repetitive", "no_reasoning", "too_long")


@each_disguise
@pytest.mark.parametrize("phrase", ["reference solution", "in my own words", "expert answer"])
def test_a_disguised_leak_is_found(disguise, phrase: str) -> None:
    text = f"We add them. {disguise(phrase)} says so."
    assert reason(text) == "leak"
    assert find_leak(text, f"Write it {phrase}.", ["en"]) is None


@pytest.mark.parametrize(
    "phrase",
    ["reference_solution", "ReferenceSolution", "`reference_solution`", "get_reference_answer()",
     "REFERENCE__ANSWER", "the_reference_solution_says", "r-e-f-e-r-e-n-c-e s-o-l-u-t-i-o-n", "refer\u0435nce solution",
     "r3f3r3nc3 s0lut1on", "reference <!-- x --> solution", "\\text{reference}\\_\\text{solution}", 
     "#ReferenceSolution"],
)  # fmt: skip
def test_a_glued_leak_is_found(phrase: str) -> None:
    assert reason(f"We follow {phrase} here to the end.") == "leak"


@pytest.mark.parametrize(
    "text",
    ["a" * 9000, "1" * 9000, "!" * 9000, "a " * 9000, "\u200b" * 9000, "\n" * 3 + "=" * 9000, "ha" * 4500, "🙂" * 9000,
     "中" * 9000, "x_" * 4500, "\u3164" * 9000, "a\u0300" * 4500, "-" * 9000],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "We add them up and get it. "])
def test_one_thing_written_thousands_of_times_is_refused(text: str, before: str) -> None:
    assert reason(before + text) in ("too_long", "no_reasoning", "repetitive")


@pytest.mark.parametrize("text", ["a" * 300, "haha" * 80, "!" * 400, "-=" * 200, "so_it_is_" * 40, "0" * 900])
def test_a_loop_without_words_is_repetitive(text: str) -> None:
    assert reason(f"We add them up and get it. {text}") == "repetitive"


def test_invisible_reasoning_does_not_count() -> None:
    assert reason(f"<!-- {OWN} -->") == "no_reasoning"
    assert reason(f"\\phantom{{{OWN}}}") == "no_reasoning"


def test_a_copy_between_invisible_words_is_a_copy() -> None:
    hidden = " ".join(f"word{i}" for i in range(120))
    assert reason(f"{EXPERT} <!-- {hidden} -->") == "copy"
    assert reason(f"{OWN} <!-- {EXPERT} {EXPERT} -->", max_overlap=0.3, max_repetition=1) == "copy"


def test_disguise_makes_no_diversity() -> None:
    text = f"{OWN} So she earns twenty-six dollars on each of these days.\n#### 26"
    for name in ("Cyrillic", "small capitals", "wide", "zero width", "underscores", "marks", "middle dots"):
        assert lexical([text, DISGUISES[name](text)])[0] < 0.2


HONEST = [
    OWN,
    "Call `sum_of_all_even_numbers_below(n)`, then `max_value` and `MAX_RETRY_COUNT_PER_USER` hold them.",
    "def count_items(rows):\n    total_count = 0\n    for row in rows:\n        total_count += row.count\n",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft ist ein langes Wort, und die "
    "Rechtsschutzversicherungsgesellschaften zahlen hier zusammen 26 Euro.",
    "珍妮的鸭子每天下十六个蛋。她早餐吃三个，剩下十三个，每个卖两美元，所以一共得到二十六美元。",
    "ジャネットは毎日十三個の卵を一個二ドルで売るので、合計で二十六ドルを手に入れます。",
    "See https://example.org/a/very/long/path/that/goes/on?with=query&and=more#fragment for the 26 dollars.",
    "The SHA-256 of it is e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855, and we add 26 at the end.",
    "A googol is 1" + "0" * 100 + ", so that there are 26 letters left over in all.",
    "One third is 0." + "3" * 60 + " and three of them are nearly one, so we add up to 26.",
    "\\begin{align*}\nx + y &= 13 \\\\\n2(x + y) &= 26\n\\end{align*}\nThus $x_{1}+x_{2}=\\phantom{-}26$.",
    "| day | eggs | left |\n|-----|------|------|\n| Mon | 16 | 13 |\n| Tue | 16 | 13 |\nEach day brings 26.",
    "Step 1: 16 - 3 = 13\n--------------------\nStep 2: 13 * 2 = 26\n--------------------\nSo she earns 26 dollars.",
    "Жанет собирает 16 яиц, 3 съедает, остаётся 13. Каждое приносит 2 доллара, всего 26 долларов.",
    "Ας πούμε ότι x = 13. Τότε 2x = 26, άρα κερδίζει 26 δολάρια κάθε μέρα.",
    "Let a, b, c, d, e, f, g, h be the eight eggs; i. e. we take a + b + c + d + e + f + g + h = 26 at last.",
    "The reference point is the solution set; her own words were that in my view 26 is right. 20% of 130 is 26.",
    "H2O and CO2 react at 5th and 7th Street; 3x + 2y = 26 with x1 = 4 and x2 = 7 in the end.",
    "The solution boils above the line. As given, above all, experts answer; in my view our own words matter.",
]


@pytest.mark.parametrize("text", HONEST)
def test_an_honest_text_passes(text: str) -> None:
    assert (
        reason(
            text, question="How much is the solution?", leak_languages=["en", "de", "fr", "es", "it", "pt"]
        )
        is None
    )


def test_an_identifier_is_one_word_and_a_glued_sentence_is_not() -> None:
    assert words("the max_retry_count of it") == ["the", "max_retry_count", "of", "it"]
    assert words("the_max_retry_count_of_it") == ["the", "max", "retry", "count", "of", "it"]
