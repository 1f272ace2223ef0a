"""Problems by the row that they are from."""

from rewriter_agent.data.problem import Problem, problem_id
from rewriter_agent.data.problem_rows import ProblemRows, RowWriter


def rows_of(*rows: str) -> ProblemRows:
    """Rows of one problem a letter."""
    writer = RowWriter()
    for row in rows:
        writer.add([Problem(problem_id(name), name, "s", "5", "####", "test") for name in row])
    return writer.rows()


def names(rows: ProblemRows) -> list[str]:
    found: dict[int, str] = {}
    for problem, row in zip(rows.problems, rows.row_of.tolist(), strict=True):
        found[row] = found.get(row, "") + problem.question
    assert list(found) == list(range(rows.count))
    return list(found.values())


def test_of_equal_problems_the_first_stays() -> None:
    assert names(rows_of("ab", "bb", "ccb", "a", "d")) == ["ab", "c", "d"]
    assert names(rows_of()) == []


def test_rows_are_drawn_whole_and_a_larger_draw_keeps_a_smaller_one() -> None:
    rows = rows_of("ab", "c", "def", "g", "hi")
    three, four = (names(rows.drawn(count, seed=1)) for count in (3, 4))
    assert len(three) == 3
    assert set(three) < set(four) < set(names(rows))
    assert names(rows.drawn(None, seed=1)) == names(rows.drawn(9, seed=1)) == names(rows)
    left, drawn = rows.split(3, seed=1)
    assert names(drawn) == three
    assert sorted(names(left) + names(drawn)) == sorted(names(rows))


def test_rows_without_problems_of_others_have_no_gaps() -> None:
    assert names(rows_of("ab", "c", "de").without(rows_of("c", "d", "x"))) == ["ab", "e"]
    assert names(rows_of("a").without(rows_of("a"))) == []
