"""The embedded problem generator."""

import pytest

from reward import extract_answer
from rewriter_agent.config.data import GsmSymbolicData
from rewriter_agent.data import gsm_symbolic
from rewriter_agent.data.load import load_problems

CONFIG = GsmSymbolicData(num_train=300, num_test=80, seed=1)


def test_sizes_and_no_shared_template() -> None:
    problems = load_problems(CONFIG)
    assert len(problems.train) == 300
    assert len(problems.test) == 80
    assert not {p.template for p in problems.train} & {p.template for p in problems.test}
    assert not {int(str(p.template)) for p in problems.train + problems.test} & gsm_symbolic.UNSOUND
    assert len({p.id for p in problems.train + problems.test}) == 380


def test_every_solution_ends_with_its_answer() -> None:
    problems = load_problems(CONFIG)
    for problem in problems.train + problems.test:
        assert problem.solution.endswith(f"\n#### {problem.answer}")
        assert extract_answer(problem.solution, problem.convention) == problem.answer
        assert len(problem.solution.splitlines()) > 1


def test_same_seed_same_problems() -> None:
    assert load_problems(CONFIG) == load_problems(CONFIG)
    assert load_problems(CONFIG).train != load_problems(CONFIG.model_copy(update={"seed": 2})).train


def test_more_problems_begin_with_the_fewer() -> None:
    fewer, more = (load_problems(GsmSymbolicData(num_train=n, num_test=8)).train for n in (100, 200))
    assert more[:100] == fewer


def test_solution_that_disagrees_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(rng: object, difficulty: float) -> dict[str, object]:
        return {"question": "q", "answer": "5", "metadata": {"answer_cot": "Count.\n#### 6"}}

    real = gsm_symbolic.template
    monkeypatch.setattr(gsm_symbolic, "template", lambda number: real(number) if number else broken)
    problems = load_problems(CONFIG)
    assert problems.counts["disagreeing"] == gsm_symbolic.PATIENCE
    assert "0" not in {problem.template for problem in problems.train + problems.test}


def test_too_many_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gsm_symbolic, "TEMPLATES", [0, 52, 53, 6, 13])
    with pytest.raises(ValueError, match=r"data\.num_test is 90000, but the templates make only \d+"):
        load_problems(GsmSymbolicData(num_test=90000))
