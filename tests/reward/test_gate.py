from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward.config import RewardConfig
from reward.gate import apply_steps, check, is_alien, overlap_share, reasoning_words
from reward.steps import FalseStep, StepReport
from reward.types import Anchors, Candidate, Verdict
from reward.words import repetition, words

EXPERT = (
    "Janet's ducks lay sixteen eggs per day and she eats three of them for breakfast every single morning "
    "so she sells thirteen eggs for two dollars each\n#### 26"
)
OWN = "We start from 16 eggs. After breakfast 13 are left, and each brings 2 dollars.\n#### 26"
FAR = Anchors(expert=-2.0, own=-0.5)


@dataclass(frozen=True)
class Problem:
    anchors: Anchors = FAR
    question: str = "How much does Janet earn?"
    solution: str = EXPERT
    answer: str = "26"
    convention: str = "####"


PROBLEM = Problem()


def reason(
    text: str,
    verdict: Verdict | None = Verdict.EQUAL,
    finished: bool = True,
    problem: Problem = PROBLEM,
    **settings: object,
) -> str | None:
    config = RewardConfig.model_validate(settings)
    return check(problem, Candidate(text, finished), verdict, config).reason


def numbered(count: int) -> str:
    return " ".join(f"step {i} leads to {i + 1}" for i in range(count)) + "\n#### 26"


def test_each_broken_rule_has_its_code() -> None:
    assert reason(OWN) is None
    assert reason(OWN, finished=False) == "unfinished"
    assert reason(OWN.replace("#### ", "")) == "no_answer"
    assert reason("#### 26") == "no_reasoning"
    assert reason(numbered(50)) == "too_long"
    assert reason("16 - 3 is 13, and so " * 8 + "\n#### 26") == "repetitive"
    assert reason(f"As the Reference  Solution says, it is 26.\n{OWN}") == "leak"
    assert reason(EXPERT) == "copy"
    assert reason(OWN, Verdict.UNDECIDED) == "undecided"
    assert reason(OWN, Verdict.DIFFERENT) == "wrong_answer"
    # Two of the numbers 16, 3, 13 and 2, and none of the six terms.
    assert reason("From 16 eggs 13 are left.\n#### 26", min_coverage=0.5) == "low_coverage"


@pytest.mark.parametrize("text", [numbered(50), EXPERT, "From 16 eggs 13 are left.\n#### 26"])
def test_rules_that_compare_with_the_expert_can_be_left_out(text: str) -> None:
    config = RewardConfig(min_coverage=0.5, coverage_weight=1.0, quote_expert=True)
    assert not check(PROBLEM, Candidate(text, True), Verdict.EQUAL, config).passed
    alone = config.without_expert()
    assert check(PROBLEM, Candidate(text, True), Verdict.EQUAL, alone).passed
    assert not alone.quote_expert
    assert not RewardConfig(preset="rlt").without_expert().needs_solution
    assert is_alien(PROBLEM, -1.9, config)
    assert not is_alien(PROBLEM, -1.9, alone)
    assert check(PROBLEM, Candidate(text, True), Verdict.DIFFERENT, alone).reason == "wrong_answer"
    assert check(PROBLEM, Candidate("#### 26", True), Verdict.EQUAL, alone).reason == "no_reasoning"


@pytest.mark.parametrize(
    "text",
    [
        f"The answer ___ is 26.\n{OWN}",
        f"16 - 3 = _____ and then\n{OWN}",
        f"The masked answer is 26.\n{OWN}",
        f"The notes leave out the result.\n{OWN}",
    ],
)
def test_talk_about_the_masked_answer_is_a_leak(text: str) -> None:
    assert reason(text) == "leak"
    asked = "What is the masked answer ___, and why do the notes leave out the rest?"
    assert reason(text, problem=replace(PROBLEM, question=asked)) is None


def test_a_rule_of_underscores_and_an_identifier_are_no_masked_answer() -> None:
    assert reason(f"___\n{OWN}") is None
    assert reason(f"The price is eggs_per_day, __twice__.\n{OWN}") is None
    assert reason("```python\nx___y = 16 - 3\n```", problem=replace(PROBLEM, convention="python")) is None


def test_the_first_broken_rule_in_the_order_of_the_codes_is_named() -> None:
    leaking_loop = "in my own words 13 is left " * 60
    assert reason(leaking_loop, finished=False) == "unfinished"
    assert reason(leaking_loop) == "no_answer"
    assert reason(f"{leaking_loop}\n#### 26") == "too_long"
    assert reason(f"{leaking_loop}\n#### 26", max_length_ratio=None) == "repetitive"
    assert reason(f"{leaking_loop}\n#### 26", max_length_ratio=None, max_repetition=1) == "leak"
    assert reason(EXPERT, Verdict.DIFFERENT) == "copy"


def test_a_candidate_with_control_tokens_that_its_text_hides_is_refused() -> None:
    candidate = Candidate(OWN, True, has_control_tokens=True)
    for settings in ({}, {"preset": "paper"}):
        config = RewardConfig.model_validate(settings)
        assert check(PROBLEM, candidate, Verdict.EQUAL, config).reason == "control_token"


def test_a_false_step_is_named_before_a_broken_chain_and_after_the_answer() -> None:
    config = RewardConfig(false_step="gate", broken_chain="gate")
    report = StepReport(2, (FalseStep("5 - 4 = 2", "2", "1"),), ("1 - = 5",))
    for verdict, expected in ((Verdict.EQUAL, "false_step"), (Verdict.DIFFERENT, "wrong_answer")):
        result = apply_steps(PROBLEM, check(PROBLEM, Candidate(OWN, True), verdict, config), report, config)
        assert (result.reason, result.steps) == (expected, report)
    right = check(PROBLEM, Candidate(OWN, True), Verdict.EQUAL, config)
    assert apply_steps(PROBLEM, right, StepReport(1, (), ("1 - = 5",)), config).reason == "broken_chain"
    assert apply_steps(PROBLEM, right, None, config).reason == "undecided"
    assert apply_steps(PROBLEM, right, None, RewardConfig(false_step="measure")).passed


def test_coverage_is_checked_after_the_answer_and_where_there_is_something_to_hold() -> None:
    assert reason(OWN.replace("13", "many"), Verdict.DIFFERENT, min_coverage=1) == "wrong_answer"
    nothing_new = Problem(question="16 eggs, 3 eaten, 13 sold for 2 dollars", solution="16 - 3 = 13\n#### 26")
    assert reason(OWN.replace("13", "many"), problem=nothing_new, min_coverage=1) is None
    code = "```python\nfrom math import isqrt\nroot = isqrt(10201)\n```"
    assert (
        reason(
            "```python\nroot = 101\n```", problem=Problem(solution=code, convention="python"), min_coverage=1
        )
        is None
    )


def test_text_rules_are_decided_before_the_verdict() -> None:
    assert reason(EXPERT, None) == "copy"
    pending = check(PROBLEM, Candidate(OWN, True), None, RewardConfig())
    assert pending.passed
    assert pending.extracted == "26"


def test_the_published_gate_is_the_answer_alone() -> None:
    for text in (EXPERT, "#### 26", numbered(50), f"In my own words.\n{OWN}"):
        assert reason(text, preset="paper") is None
    assert reason(EXPERT, Verdict.DIFFERENT, preset="paper") == "wrong_answer"


def test_a_copy_passes_if_the_expert_is_in_distribution() -> None:
    assert reason(EXPERT, problem=Problem(Anchors(expert=-0.52, own=-0.5))) is None
    assert reason(EXPERT, problem=Problem(Anchors(expert=-0.3, own=-0.5))) is None


def test_a_lightly_edited_copy_is_still_one() -> None:
    assert reason(EXPERT.replace("two dollars each", "two dollars apiece today")) == "copy"


@pytest.mark.parametrize(
    ("text", "answer", "count"),
    [
        ("#### 26", "26", 0),
        ("The answer is 26.", "26", 0),
        ("26", "26", 0),
        ("13 * 2 = 26\n#### 26", "26", 3),
        ("All of the eggs bring 26", "26", 5),
    ],
)
def test_reasoning_words_exclude_the_answer(text: str, answer: str, count: int) -> None:
    assert reasoning_words(text, answer) == count


def test_a_bare_answer_passes_if_the_expert_gives_no_more() -> None:
    assert reason("#### 26", problem=Problem(solution="#### 26")) is None
    assert reason("13 * 2 = 26\n#### 26") is None
    assert reason("#### 26", min_reasoning_words=0) is None


def test_a_json_or_code_answer_needs_no_reasoning_and_may_copy_the_expert() -> None:
    call = '{"name": "search", "arguments": {"query": "ducks and eggs", "limit": 3, "page": 1}}'
    expert = f"The user wants ducks, so we search.\n```json\n{call}\n```"
    assert reason(call, problem=Problem(solution=expert, answer=call, convention="json")) is None
    code = "```python\ndef add(a, b):\n    total = a + b\n    return total\n```"
    assert (
        reason(code, problem=Problem(solution=code, answer="assert add(1, 2) == 3", convention="python"))
        is None
    )


def test_the_gold_answer_may_be_quoted() -> None:
    told = Problem(answer="in my own words", solution="Answer: in my own words", convention="text")
    assert reason("Answer: in my own words", problem=told) is None


def test_a_short_text_answer_may_be_the_whole_text() -> None:
    capital = Problem(solution="Paris", answer="Paris", convention="text")
    assert reason("Paris", problem=capital) is None
    explained = Problem(
        solution="France is ruled from here.\nAnswer: Paris", answer="Paris", convention="text"
    )
    assert reason("Paris", problem=explained) == "no_reasoning"


def test_a_terse_expert_does_not_forbid_an_explanation() -> None:
    terse = Problem(solution="13 * 2 = 26\n#### 26")
    assert reason(numbered(40), problem=terse) is None
    assert reason(numbered(50), problem=terse) == "too_long"
    assert reason(numbered(50), problem=terse, max_length_ratio=8) is None


def test_a_candidate_may_repeat_itself_as_much_as_the_expert() -> None:
    chorus = " ".join(["the wheels go round and round"] * 6) + "\n#### 26"
    assert reason(chorus) == "repetitive"
    assert reason(chorus, problem=Problem(Anchors(expert=-0.5, own=-0.5), solution=chorus)) is None


@given(st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=10, max_size=40))
def test_a_text_said_twice_is_repetitive(said: list[str]) -> None:
    assert repetition(said + said) > RewardConfig().max_repetition


def test_repetition_is_the_share_of_4_grams_said_before() -> None:
    assert repetition(list("abcde")) == 0
    assert repetition(list("abcdabcd")) == pytest.approx(1 / 5)
    assert repetition(list("abc")) == 0


@pytest.mark.parametrize(
    ("text", "share"),
    [("a b c d", 1.0), ("a b x d", 0.0), ("b c d e f", 2 / 3), ("A,  B.", 0.0), ("", 0.0)],
)
def test_overlap_share(text: str, share: float) -> None:
    assert overlap_share(words(text), list("abcde"), 3) == pytest.approx(share)


def test_overlap_of_texts_shorter_than_an_ngram_compares_them_whole() -> None:
    assert overlap_share(words("It is 5."), words("it is  5"), 8) == 1.0
    assert overlap_share(words("It is 6."), words("it is  5"), 8) == 0.0


def test_a_copy_in_a_script_without_spaces_is_one() -> None:
    expert = "珍妮的鸭子每天下十六个蛋,她早餐吃三个,所以她以每个两美元的价格卖出十三个蛋。\n#### 26"
    assert reason(expert, problem=Problem(solution=expert)) == "copy"
    own = "十六减去三等于十三,每个蛋两美元,一共是二十六美元。\n#### 26"
    assert reason(own, problem=Problem(solution=expert)) is None


REPLY = (
    "Keep it in the fridge for 3 days at most, and do not freeze it, because freezing ruins the cream.\n___"
)
REFERENCE = replace(
    PROBLEM, question="How do I keep it?", solution=REPLY, answer=REPLY, convention="reference"
)


THOUGHT = "<think>\nSixteen less three.\n</think>\n\n"


def test_the_gate_reads_the_answer_after_the_reasoning() -> None:
    assert reason(THOUGHT + OWN) is None
    # An answer in the reasoning alone is none.
    assert reason(f"<think>{OWN}</think>") == "no_answer"
    assert reason(f"<think>{OWN}") == "no_answer"
    assert reason(f"{THOUGHT}#### 26") == "no_reasoning"
    # The length of the answer is limited by the expert's, that of the reasoning by a number.
    long = f"<think>{numbered(50)}</think>{OWN}"
    assert reason(long) is None
    assert reason(long, max_reasoning_words=20) == "too_long"
    assert reason(THOUGHT + OWN, max_reasoning_words=20) is None
    assert reason(THOUGHT + numbered(50)) == "too_long"


@pytest.mark.parametrize("hidden", ["{}", "<think>{}", "<!-- {} -->"])
def test_leaks_and_copies_are_found_in_the_reasoning_too(hidden: str) -> None:
    for text, code in (("As the reference solution says.", "leak"), (EXPERT, "copy")):
        assert reason(f"<think>{hidden.format(text)}</think>{OWN}") == code
    assert reason(f"<think></think><think>As the reference solution says.</think>{OWN}") == "leak"
    thinking = replace(PROBLEM, solution=f"<think>{EXPERT}</think>So 26 dollars.\n#### 26")
    assert reason(f"<think>{EXPERT}</think>{OWN}", problem=thinking) == "copy"


def test_reasoning_can_be_required() -> None:
    assert reason(OWN, requires_reasoning=True) == "no_reasoning"
    assert reason(f"<think>\n\n</think>\n\n{OWN}", requires_reasoning=True) == "no_reasoning"
    assert reason(f"<think><!-- hidden --></think>{OWN}", requires_reasoning=True) == "no_reasoning"
    assert reason(THOUGHT + OWN, requires_reasoning=True) is None


CALLS = Problem(
    solution='I will now look up the weather of the eternal city for you.\n<tool_call>{"name": "f"}</tool_call>',
    answer='<tool_call>{"name": "f"}</tool_call>',
    convention="tool_calls",
)


def test_the_words_beside_tool_calls_are_rewritten_and_the_calls_are_not() -> None:
    own = f"Let me check that first.\n{CALLS.answer}"
    assert reason(own, problem=CALLS) is None
    assert reason(CALLS.solution, problem=CALLS) == "copy"
    assert reason(f"As the reference solution says.\n{CALLS.answer}", problem=CALLS) == "leak"
    assert reason("Let me check that first.", problem=CALLS) == "no_answer"
    assert reason(own, Verdict.DIFFERENT, problem=CALLS) == "wrong_answer"
    # Words of the expert's must not be lost.
    assert reason(CALLS.answer, problem=CALLS) == "no_reasoning"
    # Calls alone leave no choice of words.
    assert reason(CALLS.answer, problem=replace(CALLS, solution=CALLS.answer)) is None
    assert not is_alien(replace(CALLS, solution=CALLS.answer), -2.0, RewardConfig())
    assert is_alien(CALLS, -2.0, RewardConfig())
    assert reason(f'[TOOL_CALLS] [{{"name": "f"}}]\n{OWN}') == "control_token"


def test_under_a_reference_the_text_itself_is_the_answer() -> None:
    own = "It lasts 3 days in the fridge. Don't freeze it: that would ruin the cream."
    assert reason(own, problem=REFERENCE) is None
    assert reason("3 days.", problem=REFERENCE) is None
    assert reason(" ", problem=REFERENCE) == "no_answer"
    assert reason(own, Verdict.DIFFERENT, problem=REFERENCE) == "wrong_answer"
    assert reason(REPLY, problem=REFERENCE) == "copy"
    assert reason(f"As the reference solution says: {own}", problem=REFERENCE) == "leak"
    # The reference may talk so itself, and its blank hides nothing.
    talks = replace(REFERENCE, answer=f"{REPLY} The reference solution is this.")
    assert reason(f"The reference solution says so. {own}\n____ days", problem=talks) is None


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("6 plim = 23", None),
        ("6 PLIM = 23", None),
        ("6 plam = 23", "unquoted_step"),
        ("5 plim = 23", "unquoted_step"),
    ],
)
def test_what_arithmetic_cannot_decide_has_to_be_the_experts(step: str, expected: str | None) -> None:
    problem = Problem(solution="12 / 2 = 6; 6 plim = 23; 23 * 5 = 115\n#### 115")
    right = check(problem, Candidate(OWN, True), Verdict.EQUAL, RewardConfig(max_overlap=1.0))
    report = StepReport(0, (), (), (step,))
    assert apply_steps(problem, right, report, RewardConfig(unquoted_step="gate")).reason == expected
    assert apply_steps(problem, right, report, RewardConfig()).passed
    unseen = RewardConfig(unquoted_step="gate").without_expert()
    assert apply_steps(problem, right, report, unseen).passed
