"""The retention skills, each checked by a second implementation."""

import re
from collections.abc import Callable
from random import Random

import pytest

from rewriter_agent.data.lab_world.registry import modules_with
from rewriter_agent.data.lab_world.skill import Item, is_correct
from rewriter_agent.data.lab_world.skills import SKILLS, draw_item, retention_items
from rewriter_agent.data.lab_world.words import ONES, OPPOSITES, TENS, WORDS


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def letters(text: str) -> str:
    return text.rpartition(": ")[2].replace(" ", "")


def value_of(words: str) -> int:
    value = total = 0
    for word in words.split():
        match word:
            case "hundred":
                value *= 100
            case "thousand":
                total, value = total + value * 1000, 0
            case _:
                value += ONES.index(word) if word in ONES else 10 * TENS.index(word)
    return total + value


def opposites(words: str) -> str:
    flat = dict(OPPOSITES) | {b: a for a, b in OPPOSITES}
    return ", ".join(flat[word] for word in words.split(", "))


def times(content: str) -> str:
    count, phrase = content.split(" times: ")
    return (f"{phrase} " * int(count)).strip()


def counted(content: str) -> str:
    letter, row = content.split(" in ")
    return str(sum(other == letter for other in row.split()))


CHECKS: dict[str, Callable[[str], str]] = {
    "reverse": lambda x: x[::-1],
    "sort": lambda x: ", ".join(sorted(x.split(", "), key=int)),
    "maximum": lambda x: str(sorted(numbers(x))[-1]),
    "capitals": lambda x: "".join(chr(ord(letter) - 32) for letter in x),
    "addition": lambda x: str(sum(numbers(x))),
    "repeat": times,
    "count_letter": counted,
    "opposites": opposites,
    "next_number": lambda x: str(2 * numbers(x)[-1] - numbers(x)[-2]),
}


def test_there_are_at_least_eight_skills() -> None:
    assert len(SKILLS) >= 8
    assert set(SKILLS) == {*CHECKS, "number_words"}


@pytest.mark.parametrize("name", SKILLS)
def test_answers_are_right(name: str) -> None:
    for item in retention_items(name, 60, seed=1):
        content = item.key.partition(":")[2]
        assert content in item.prompt
        if name == "number_words":
            assert value_of(item.answer) == int(content)
        else:
            assert item.answer == CHECKS[name](content)


@pytest.mark.parametrize("name", SKILLS)
def test_parts_do_not_overlap(name: str) -> None:
    test = {item.key for item in retention_items(name, 200, seed=0)}
    train = {item.key for item in retention_items(name, 200, seed=0, part="train")}
    draw = Random(0)
    pretrain = {draw_item(name, "pretrain", draw).key for _ in range(2000)}
    assert len(test) == len(train) == 200
    assert not test & train
    assert not (test | train) & pretrain


@pytest.mark.parametrize("name", SKILLS)
def test_same_seed_same_items(name: str) -> None:
    assert retention_items(name, 30, seed=4) == retention_items(name, 30, seed=4)
    assert retention_items(name, 60, seed=4)[:30] == retention_items(name, 30, seed=4)
    assert retention_items(name, 30, seed=5) != retention_items(name, 30, seed=4)


def test_grader_is_exact_save_for_outer_spaces() -> None:
    item = Item("sort:2, 1", "Sort: 2, 1", "1, 2")
    assert is_correct(item, "1, 2", finished=True)
    assert is_correct(item, " 1, 2\n", finished=True)
    assert not is_correct(item, "1, 2", finished=False)
    for reply in ("", "1,2", "1, 2.", "2, 1", "The order is 1, 2", "1, 2\n#### 2"):
        assert not is_correct(item, reply, finished=True)


def test_no_opposite_has_two_partners() -> None:
    assert len(set(WORDS)) == len(WORDS)


def test_unknown_skill_and_too_many_items() -> None:
    with pytest.raises(ValueError, match="choose one of addition"):
        retention_items("juggling", 3, seed=0)


def test_a_new_module_is_found_and_an_empty_one_refused(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("plugins")
    package = folder / "plugged_in"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "one.py").write_text("SKILL = 'first'\n")
    monkeypatch.syspath_prepend(folder)
    assert modules_with("plugged_in", [str(package)], "SKILL") == ["first"]
    (package / "two.py").touch()
    with pytest.raises(ValueError, match="two defines no SKILL"):
        modules_with("plugged_in", [str(package)], "SKILL")
