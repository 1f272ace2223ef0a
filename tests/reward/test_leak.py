import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.leak import find_leak
from reward.phrases import PHRASES, Language

SENTENCES: dict[Language, tuple[str, str]] = {
    "en": ("Following the reference solution, we add 3 and 4.", "We add 3 and 4, so the solution is x = 7."),
    "de": ("Laut der Lösung addieren wir 3 und 4.", "Wir addieren 3 und 4, die Lösung ist also x = 7."),
    "fr": ("Voici la solution, avec mes propres mots.", "On ajoute 3 et 4, la solution est donc x = 7."),
    "es": ("Según la solución, sumamos 3 y 4.", "Sumamos 3 y 4, así que la solución es x = 7."),
    "it": ("Come nella soluzione di riferimento, sommiamo.", "Sommiamo 3 e 4, quindi la soluzione è x = 7."),
    "pt": ("De acordo com a solução, somamos 3 e 4.", "Somamos 3 e 4, portanto a solução é x = 7."),
    "zh": ("根据参考答案,我们把3和4相加。", "我们把3和4相加,所以答案是7。"),
    "ja": ("模範解答によると、3と4を足します。", "3と4を足すと、答えは7です。"),
}


def leaks(text: str, question: str = "What is 3 + 4?", language: Language = "en") -> bool:
    return find_leak(text, question, [language]) is not None


@pytest.mark.parametrize("language", SENTENCES)
def test_each_language_tells_talk_about_the_reference_from_a_plain_solution(language: Language) -> None:
    leak, plain = SENTENCES[language]
    assert leaks(leak, language=language)
    assert not leaks(plain, language=language)


@pytest.mark.parametrize("language", PHRASES)
def test_every_shipped_phrase_is_found_in_any_case_and_is_exempt_when_quoted(language: Language) -> None:
    shipped = PHRASES[language]
    for phrase in (*shipped.phrases, *shipped.ambiguous):
        for text in (phrase, phrase.upper(), f"({phrase})"):
            assert leaks(text, language=language), phrase
        assert not leaks(phrase, question=f"{phrase}?", language=language), phrase


@pytest.mark.parametrize(
    "text",
    [
        "the **reference** solution",
        "the _reference solution_",
        "the `reference` *solution*",
        "the <b>reference</b> solution",
        r"the \textbf{reference} \emph{solution}",
        "the re**fere**nce solution",
        "the reference\nsolution",
        "the reference\r\n  solution",
        "> the reference\tsolution",
        "the ref\u200berence sol\u00adution",
        "the re\ufe0fference solution",
        "the \u202ereference\u202c solution",
        "the ｒｅｆｅｒｅｎｃｅ ｓｏｌｕｔｉｏｎ",
        "the 𝐫𝐞𝐟𝐞𝐫𝐞𝐧𝐜𝐞 solution",
        "the réference solution",
        "the expert’s solution",
        "the expert's solution",
        "THE REFERENCE-SOLUTION",
    ],
)
def test_leaks_survive_markup_and_invisible_characters(text: str) -> None:
    assert leaks(text)


def test_leaks_in_scripts_without_spaces_survive_markup() -> None:
    assert leaks("按照**参考**\n答\u200b案来做", language="zh")
    assert leaks("これは 模範 解答 です", language="ja")


@pytest.mark.parametrize(
    "text",
    [
        "List what is given. Solution: x = 7.",
        "Here the sum is given.\n\nSolution: 7",
        "The amount is given, answer the rest first.",
        "- as given\n- above all, add",
        "Use the formula given\n\nabove 3",
        "Among the given answer choices, (B) fits.",
        "given_answer = 7",
        "These preference solutions differ.",
        "Its solution is 7.",
    ],
)
def test_phrases_of_an_independent_solver_are_no_leak(text: str) -> None:
    assert not leaks(text)


def test_a_liquid_solution_is_no_leak() -> None:
    text = "The original solution holds 4 l of acid, and the given solution 6 l."
    assert not leaks(text, "How much acid must be added to a 20% solution?")
    assert leaks(text, "What is 3 + 4?")
    assert leaks("The reference solution holds 4 l.", "How much acid must be added to a 20% solution?")


def test_only_the_languages_asked_for_are_searched() -> None:
    german = SENTENCES["de"][0]
    assert find_leak(german, "", ["en"]) is None
    assert find_leak(german, "", ["en", "de"]) == "laut der Lösung"
    assert find_leak(german, "", []) is None


def test_further_phrases_match_as_whole_words() -> None:
    assert find_leak("See Appendix B.", "", [], ["appendix b"]) == "appendix b"
    assert find_leak("See appendix bc.", "", [], ["appendix b"]) is None


@pytest.mark.parametrize(
    "text",
    ["e" + "\u0301\u0323" * 100_000, "the reference " * 20_000, "\n1" * 100_000, "a*" * 100_000],
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    start = time.process_time()
    assert not leaks(text)
    assert time.process_time() - start < 3


@given(
    st.sampled_from(PHRASES["en"].phrases),
    st.lists(st.sampled_from("\u200b\u200d\u2060\u00ad\ufeff"), max_size=9),
)
def test_invisible_characters_hide_nothing(phrase: str, invisible: list[str]) -> None:
    middle = len(phrase) // 2
    assert leaks(f"so {phrase[:middle]}{''.join(invisible)}{phrase[middle:]} it is")
