"""Measures of a whole training set: they tell a template from varied text."""

from rewriter_agent.scoring.dataset_diversity import MOST_TEXTS, dataset_diversity

SUBJECTS = ("Tom", "Ana", "The farmer", "A train", "Every child", "My uncle", "Rain", "Some paint")
VERBS = ("buys", "finds", "loses", "carries", "sells", "counts", "breaks", "sees")
THINGS = (
    "apples on Monday",
    "old coins",
    "a red kite",
    "nine stamps",
    "milk",
    "her books",
    "two fish",
    "sand",
)


def test_a_template_is_less_diverse_than_varied_text() -> None:
    template = [f"We start with the number {i} and then add one to get the result." for i in range(8)]
    varied = [f"{s} {v} {t}" for s, v, t in zip(SUBJECTS, VERBS, THINGS, strict=True)]
    alike, different = dataset_diversity(template), dataset_diversity(varied)
    assert alike.distinct_2 < different.distinct_2
    assert alike.self_bleu > different.self_bleu
    assert alike.vendi < different.vendi <= 1
    assert alike.opening_entropy == 0 < different.opening_entropy


def test_large_sets_are_sampled_and_always_alike() -> None:
    texts = [f"{SUBJECTS[i % 8]} {VERBS[i % 7]} {i} {THINGS[i % 5]}" for i in range(3 * MOST_TEXTS)]
    assert dataset_diversity(texts) == dataset_diversity(texts)
