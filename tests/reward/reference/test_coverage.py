"""Facts, sentences and negations of a reference in a text, and the reverse."""

import pytest

from reward.reference.config import CoverageCheck
from reward.reference.coverage import compare

CHECK = CoverageCheck()
QUESTION = "How do I reset my password?"
REFERENCE = (
    'To reset your password, open Settings, choose Account, and click "Reset password". You will receive an email '
    "within 10 minutes. The link is valid for 24 hours and can't be used twice."
)
CODE = "Use `ls -l` to list files. Then run:\n```bash\nrm -r old/\n```\nDon't do it as root."


def passes(reference: str, text: str, question: str = "", check: CoverageCheck = CHECK) -> bool:
    return compare(question, reference, text).passes(check)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (
            REFERENCE,
            'Go to Settings and open Account there. Click "Reset password" and wait for the email, which should '
            "arrive in ten minutes or less. You can use the link only once, not twice, and it works for 24 hours.",
        ),
        (
            "No. Aspirin should not be given to children under 16 because it can cause Reye's syndrome.",
            "No, it is not. Children who are younger than 16 should not get aspirin: it may lead to Reye's syndrome.",
        ),
        (
            CODE,
            "To list the files, type `ls -l`.\nAfterwards run\n```\nrm -r old/\n```\nNever do it as root!",
        ),
        ("Paris is the capital of France.", "France's capital is Paris."),
        (
            "It costs 1,250 dollars, a quarter (25%) less.",
            "- it costs $1250\n- that is a quarter, 25 %, less",
        ),
        ("Der Preis ist 40 Euro, nicht 50.", "Es kostet 40 Euro und nicht 50; das ist der Preis."),
        ("这种药不能给儿童服用。", "这种药,儿童不能服用。"),
        (
            "You may travel with the visa, but you must not work. Apply at least 3 months ahead.",
            "Working isn't allowed on this visa, though travelling is. Make sure to apply three months in advance or "
            "earlier.",
        ),
    ],
)
def test_the_same_in_other_words_passes(reference: str, text: str) -> None:
    assert passes(reference, text)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        (REFERENCE, REFERENCE.replace("24", "48")),
        (REFERENCE, REFERENCE.replace("24 hours", "some hours")),
        (REFERENCE, REFERENCE.replace("can't", "can")),
        (REFERENCE, REFERENCE.replace("is valid", "is not valid")),
        (REFERENCE, REFERENCE.replace('"Reset password"', '"Delete account"')),
        (REFERENCE, REFERENCE.partition(" The link")[0]),
        (REFERENCE, f"{REFERENCE} Our office opens at 9."),
        (REFERENCE, f"{REFERENCE} Bananas grow on tall plants near rivers."),
        (REFERENCE, "I do not know."),
        (CODE, CODE.replace("ls -l", "ls -a")),
        (CODE, CODE.replace("rm -r", "rm -rf")),
        (CODE, CODE.replace("Don't", "Do")),
        ("Paris is the capital of France.", "Lyon is the capital of France."),
        ("The capital is Paris.", "The capital is Lyon."),
        ("Give it with food.", "Give it without food."),
        ("Salt does not dissolve in oil, 20 g do in water.", "Salt dissolves in oil, 20 g do in water."),
        ("Der Preis ist 40 Euro, nicht 50.", "Der Preis ist nicht 40 Euro, 50."),
        ("这种药不能给儿童服用。", "这种药能给儿童服用。"),
    ],
)
def test_another_meaning_does_not_pass(reference: str, text: str) -> None:
    assert passes(reference, reference)
    assert not passes(reference, text)


@pytest.mark.parametrize(
    "text", [CODE, "```\nrun `x` now\n```", "A `` b ` c", '"', "``` ```", '5" and 6" wide']
)
def test_a_reference_passes_itself(text: str) -> None:
    assert passes(text, text)


def test_a_text_may_say_what_the_question_says() -> None:
    assert passes(
        "The capital is Paris.", "The capital of France is Paris.", "What is the capital of France?"
    )
    assert not passes("The capital is Paris.", "The capital of France is Paris.", "What is the capital?")
    # The reference's own facts must be there, whether or not the question has them.
    assert not passes("It is Paris.", "It is Lyon.", "Is it Paris or Lyon?")


def test_limits_are_shares() -> None:
    reference = "Take 10, 20, 30 and 40 from the list."
    text = "From the list, take 10, 20, 30 and 50."
    assert compare("", reference, text).kept == 0.75
    assert compare("", reference, text).own == 0.25
    assert passes(reference, text, check=CoverageCheck(min_kept=0.75, max_added=0.25))
    assert not passes(reference, text, check=CoverageCheck(min_kept=0.75, max_added=0.2))
    assert not passes(reference, text, check=CoverageCheck(min_kept=0.8, max_added=0.25))


@pytest.mark.parametrize(
    "piece", ["not ", "`", '"a', "“", "```\n", "5/", "A. ", "n't", "- ", "\n", "不", "Ab "]
)
def test_any_text_is_read_in_linear_time(piece: str) -> None:
    text = piece * (80_000 // len(piece))
    assert compare(text, text, text).kept == 1
