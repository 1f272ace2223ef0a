"""Reading questions from the package's SciQ and SQuAD."""

import pytest

from reward import extract_answer
from rewriter_agent.config.data import SciqData, SquadData
from rewriter_agent.data.load import load_problems


def test_a_solution_quotes_its_passage_and_states_the_answer() -> None:
    problems = load_problems(SciqData(num_train=50, num_test=20))
    assert (len(problems.train), len(problems.test)) == (50, 20)
    for problem in [*problems.train, *problems.test]:
        passage, _, asked = problem.question.partition("\n\n")
        quoted, _, _ = problem.solution.rpartition("\n")
        assert problem.answer.casefold() in quoted.casefold()
        assert all(sentence in passage for sentence in quoted.split(". ")[:1])
        assert asked
        assert len(passage.split()) <= 80
        assert extract_answer(problem.solution, problem.convention) == problem.answer


def test_bare_answers_are_solutions_too() -> None:
    quoted, bare = (
        load_problems(SciqData(num_train=20, num_test=5, style=style)).train for style in ("quote", "answer")
    )
    assert [p.question for p in bare] == [p.question for p in quoted]
    assert all(p.solution == p.answer == q.answer for p, q in zip(bare, quoted, strict=True))
    assert {p.convention for p in bare} == {"contains"}


def test_squad_asks_about_the_sentences_that_hold_the_answer() -> None:
    problems = load_problems(SquadData(num_train=600, num_test=100))
    assert (len(problems.train), len(problems.test)) == (600, 100)
    passages = set()
    for problem in [*problems.train, *problems.test]:
        passage, _, asked = problem.question.partition("\n\n")
        assert problem.solution == problem.answer
        assert problem.answer.casefold() in passage.casefold()
        assert asked
        assert len(passage.split()) <= 45
        assert problem.convention == "contains"
        passages.add(passage)
    # Several of its questions are about the same sentence.
    assert len(passages) == 700


@pytest.mark.parametrize("kind", [SciqData, SquadData])
def test_parts_share_no_question_and_follow_from_the_seed(kind: type[SciqData | SquadData]) -> None:
    one, same, other = (load_problems(kind(num_train=50, num_test=20, seed=seed)) for seed in (0, 0, 1))
    assert one == same
    assert [problem.id for problem in one.test] != [problem.id for problem in other.test]
    assert not {problem.id for problem in one.train} & {problem.id for problem in one.test}


@pytest.mark.parametrize("kind", [SciqData, SquadData])
def test_more_than_there_are_is_refused(kind: type[SciqData | SquadData]) -> None:
    with pytest.raises(
        ValueError, match=r"is 2000, but there are only .* lower one, or raise data\.max_words"
    ):
        load_problems(kind(num_train=1500, num_test=500))
