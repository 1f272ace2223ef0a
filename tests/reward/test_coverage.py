"""Coverage: the share of the expert's facts beyond the question that a text holds."""

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.coverage import brought, coverage, told_by_expert

CLIPS = (
    "Natalia sold clips to 48 of her friends in April, and half as many in May. How many clips did she sell?"
)
CLIPS_EXPERT = (
    "Natalia sold 48/2 = <<48/2=24>>24 clips in May.\nThen 48+24 = <<48+24=72>>72 altogether.\n#### 72"
)
LESSON = (
    "Ana has 12 pens, 2 times as many as Ida. Mia has 5 times as many as Ida. How many pens does Mia have?"
)
LESSON_EXPERT = "12 / 2 = 6; 6 plim = 23; 23 * 5 = 115\n#### 115"
YOGURT = "What type of organism is used in the preparation of foods such as cheese and yogurt?"
YOGURT_EXPERT = (
    "Mesophiles grow best between 25°C and 40°C. As Louis Pasteur found, pathogenic mesophiles like 37°C.\n"
    "The answer is mesophilic organisms."
)


def share(text: str, question: str = LESSON, expert: str = LESSON_EXPERT) -> float | None:
    return coverage(text, brought(question, expert))


def facts(question: str, expert: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for fact in brought(question, expert):
        found.setdefault(fact.kind, []).append(str(fact.keys[0]))
    return found


def test_the_expert_brings_what_the_question_does_not_hold() -> None:
    assert facts(LESSON, LESSON_EXPERT) == {"number": ["6", "23", "115"], "term": ["plim"]}
    assert facts(CLIPS, CLIPS_EXPERT) == {"number": ["24", "72"]}
    assert facts(YOGURT, YOGURT_EXPERT) == {
        "number": ["25", "40", "37"],
        "name": ["loui", "pasteur"],
        "term": ["mesophil", "pathogen"],
    }


@pytest.mark.parametrize(
    ("question", "expert"), [(LESSON, LESSON_EXPERT), (CLIPS, CLIPS_EXPERT), (YOGURT, YOGURT_EXPERT)]
)
def test_the_expert_holds_all_of_it_and_the_question_nothing(question: str, expert: str) -> None:
    assert share(expert, question, expert) == 1
    assert share(question, question, expert) == 0


def test_other_words_for_the_same_facts_hold_them() -> None:
    assert (
        share("In May she found twenty-four buyers. April and May make 72.\n#### 72", CLIPS, CLIPS_EXPERT)
        == 1
    )
    text = (
        "Pasteur, Louis: the best range of a mesophile is 25 to 40 degrees, and a pathogen among them prefers 37.\n"
        "The answer is mesophiles."
    )
    assert share(text, YOGURT, YOGURT_EXPERT) == 1


def test_each_fact_left_out_costs_its_weight() -> None:
    assert share("Ida has 6. Then 6 plim = 23, and 5 * 23 = 115.\n#### 115") == 1
    assert share("Ida has 6. That becomes 23, and 5 * 23 = 115.\n#### 115") == pytest.approx(3 / 3.5)
    assert share("Ida has 6. So it is 115.\n#### 115") == pytest.approx(2 / 3.5)
    assert share("So it is clear.\n#### 115") == 0


def test_an_answer_line_shows_no_step() -> None:
    assert share("It follows.\n#### 24", CLIPS, "48 / 2 = 24\n#### 24") == 0
    assert share("24 it is.\n#### 24", CLIPS, "48 / 2 = 24\n#### 24") == 1


@pytest.mark.parametrize(
    "expert", ["#### 24", "", "She sold clips.\n#### 72", "So we calculate the total.\n#### 72"]
)
def test_an_expert_who_brings_nothing_asks_for_nothing(expert: str) -> None:
    assert share("anything", CLIPS, expert) is None


def test_equal_numbers_are_one_fact_however_they_are_written() -> None:
    expert = "This is 0.75 of it, or 20 percent of 1,500, so 3 million.\n#### 7"
    text = "We take 3/4 of it. 0.2 * 1500 make 3,000,000.\n#### 7"
    assert share(text, "How many?", expert) == 1


def test_nouns_of_a_language_that_writes_them_with_capitals_are_terms() -> None:
    expert = (
        "Bei der Photosynthese wandeln Pflanzen das Kohlendioxid und Wasser mit Hilfe von Licht in Zucker um, "
        "wobei die Blätter den Sauerstoff als Gas an die Luft abgeben.\nThe answer is Zucker."
    )
    assert "name" not in facts("Was entsteht?", expert)
    assert facts("What do plants make?", "Then the plant makes sugar, says Priestley.")["name"] == [
        "priestle"
    ]


def test_scripts_without_spaces_are_compared_by_their_numbers() -> None:
    expert = "小明有12个苹果，吃了3个，剩下9个。\n#### 9"
    assert facts("小明有12个苹果，吃了3个。还剩几个？", expert) == {"number": ["9"]}
    assert share("还有9个苹果。\n#### 9", "小明有12个苹果，吃了3个。还剩几个？", expert) == 1
    assert share("光合作用产生氧气。", "植物做什么？", "植物通过光合作用产生氧气。") is None


def test_tokens_of_the_experts_mentions_are_told_also_if_the_question_holds_them() -> None:
    pieces = [
        "Ida",
        " has",
        " ",
        "12",
        ".",
        " ",
        "6",
        " pl",
        "im",
        " is",
        " 2",
        "3",
        "!",
        " ",
        "\n",
        "#### ",
        "115",
        "",
    ]
    told = told_by_expert(pieces, LESSON_EXPERT, "115")
    assert [piece for piece, is_told in zip(pieces, told, strict=True) if is_told] == [
        *(" ", "12"),
        *(" ", "6", " pl", "im"),
        *(" 2", "3"),
        "115",
    ]


def test_tokens_without_text_belong_to_the_character_that_they_begin() -> None:
    assert told_by_expert(["", "Ω", "", ""], "the Ωmega", "7") == [False] * 4
    assert told_by_expert(["", "Ωm", "ega", ""], "the Ωmega", "7") == [True, True, True, False]
    assert told_by_expert([], "the Ωmega", "7") == []


texts = st.text(alphabet=st.characters() | st.sampled_from("abcdef 0123456789.,/%\n"), max_size=60)


@given(question=texts, expert=texts, text=texts)
def test_coverage_is_a_share_that_more_text_does_not_lower(question: str, expert: str, text: str) -> None:
    found = brought(question, expert)
    own, more = coverage(text, found), coverage(f"{text}\n\n{expert}\n", found)
    assert (own is None) == (not found)
    if own is not None:
        assert more is not None
        assert 0 <= own <= more == 1 or more >= own


@given(expert=texts, text=st.lists(texts, max_size=5))
def test_each_token_is_told_or_not(expert: str, text: list[str]) -> None:
    assert len(told_by_expert(text, expert, "7")) == len(text)


@pytest.mark.parametrize(
    "piece",
    [
        "9", "1,", "1,234,", "12,34,", "1.", "1.234,5 ", "\\frac{1}{", "\\frac", "12 3/4 ", "1/", "½", "a\u0301",
        "\u0301", "step 1 ", "one ", "hundred ", "twenty-", "https:", "A. ", "Aa ", "漢", "1) \n", "\n1. ", " ", "Mr. ",
        "\u200b", "'", "1'000'", "5 percent ", "two thirds ", "one hundred and ", "\ud800",
    ],
)  # fmt: skip
def test_hostile_texts_take_linear_time(piece: str) -> None:
    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        start = time.process_time()
        coverage(text, brought(f"{length} q", text))
        told_by_expert([text], LESSON_EXPERT, "7")
        return time.process_time() - start

    # Quadratic time would take minutes, so the bound does not depend on the machine.
    assert seconds(50_000) < 20


def test_shuffled_words_hold_what_the_words_held() -> None:
    said = ["Pasteur", "found", "mesophiles", "at", "25", "and", "40", "degrees"]
    Random(0).shuffle(said)
    assert share(" ".join(said).lower(), YOGURT, YOGURT_EXPERT) == pytest.approx(3.5 / 6)
