import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.metrics import distinct_n, opening_entropy, self_bleu, vendi_score, word_similarity

texts = st.lists(st.text(alphabet="abc ", max_size=20), min_size=1, max_size=8)


def test_vendi_score_counts_distinct_texts() -> None:
    assert vendi_score(np.eye(5)) == pytest.approx(5)
    assert vendi_score(np.ones((5, 5))) == pytest.approx(1)
    assert vendi_score(word_similarity(["a b c", "a b c", "d e f", "d e f"])) == pytest.approx(2)


def test_vendi_score_by_hand() -> None:
    # Eigenvalues of K/2 for similarity 1/3: (1 +- 1/3) / 2.
    high, low = 2 / 3, 1 / 3
    expected = math.exp(-(high * math.log(high) + low * math.log(low)))
    assert vendi_score(word_similarity(["a b c d", "a b c x"])) == pytest.approx(expected)


@given(texts)
def test_vendi_score_lies_between_one_and_the_count(group: list[str]) -> None:
    assert 1 - 1e-9 <= vendi_score(word_similarity(group)) <= len(group) + 1e-9


@pytest.mark.parametrize("matrix", [[], [[1.0, 0.0]], [1.0]])
def test_vendi_score_needs_a_square_matrix(matrix: list) -> None:
    with pytest.raises(ValueError, match="must be"):
        vendi_score(matrix)


def test_distinct_n_by_hand() -> None:
    assert distinct_n(["a b a b", "a b"], 2) == pytest.approx(2 / 4)
    assert distinct_n(["a"], 2) == 0


def test_self_bleu_by_hand() -> None:
    assert self_bleu(["The cat sat on the mat.", "the cat sat on the mat"]) == pytest.approx(1)
    assert self_bleu(["a b c d e f", "u v w x y z"]) < 0.1
    # Precisions 4/5, 3/4, 2/3, 1/2 and no brevity penalty, both ways round.
    assert self_bleu(["a b c d e", "a b c d f"]) == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)


def test_self_bleu_of_a_large_set_is_a_seeded_sample() -> None:
    many = [f"word {i} and {i * i} and so on" for i in range(60)]
    assert self_bleu(many, sample=10, seed=1) == self_bleu(many, sample=10, seed=1)
    assert self_bleu(many, sample=10, seed=1) != self_bleu(many, sample=10, seed=2)


def test_self_bleu_of_one_text_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        self_bleu(["a"])


def test_opening_entropy_by_hand() -> None:
    assert opening_entropy(["Let us add 3", "let us, add 4", "Adding"], 2) == pytest.approx(
        -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    )
    assert opening_entropy(["a", "a"]) == 0
    assert opening_entropy([str(i) for i in range(8)]) == pytest.approx(math.log(8))
    with pytest.raises(ValueError, match="no text"):
        opening_entropy([])
