"""Closed claims of a text are found and decided."""

from reward.steps import check_steps


def test_a_false_equation_is_reported_with_its_value():
    report = check_steps("36 - 10 = 26; 26 - 22 = 4; 4 - 5 = 2", given="")
    assert report.checked == 3
    assert [(step.text, step.claimed, step.value) for step in report.false] == [("4 - 5 = 2", "2", "-1")]
