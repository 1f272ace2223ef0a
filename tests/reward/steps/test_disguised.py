"""Claims next to marks and characters that must not hide them."""

import pytest

from reward.steps import check_steps


@pytest.mark.parametrize(
    "text",
    [
        "4 - 5 = 2 #### 2",
        "36 - 10 = 26; 4 - 5 = 2 #### 2",
        "## 4 - 5 = 2",
        "### Step 1: 4 - 5 = 2",
        "« 4 - 5 = 2 »",
        "\x00 4 - 5 = 2 \x00",
        "4 -\ue000 5 = 2",
        "\udcff4 - 5 = 2",
    ],
)
def test_a_mark_next_to_a_claim_does_not_hide_it(text: str) -> None:
    assert [(step.claimed, step.value) for step in check_steps(text, "").false] == [("2", "-1")]


@pytest.mark.parametrize(
    "text",
    [
        "2 = 29^10^{30}",
        "5 = " + "[9007199254740992.0]" * 50,
        r"\begin{vmatrix}007\end{vmatrix} = 50\%!",
    ],
)
def test_values_beyond_every_float_raise_nothing(text: str) -> None:
    assert check_steps(text, "").checked <= 1
