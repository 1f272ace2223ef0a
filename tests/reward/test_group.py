import math
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from runpy import run_path

import pytest

from reward.config import RewardConfig
from reward.group import score_group
from reward.sandbox.verifier import Verifier
from reward.steps import FalseStep, StepReport, check_steps
from reward.types import (
    Anchors,
    Candidate,
    Check,
    Grade,
    GradedProblem,
    Score,
    StepCheck,
    TokenScores,
    Verdict,
)


@dataclass(frozen=True)
class Problem:
    question: str = "What is 3 + 4?"
    solution: str = "three plus four makes seven as everyone who can count well knows\n#### 7"
    answer: str = "7"
    convention: str = "####"
    anchors: Anchors = field(default=Anchors(expert=-2.0, own=-1.0))


@dataclass
class Services:
    """All services in one, recording their calls; every token has log-prob -1.5 and entropy 1."""

    calls: list[tuple[str, list[object]]] = field(default_factory=list)

    def verify(self, checks: list[Check]) -> list[Grade]:
        self.calls.append(("verify", [(check.gold, check.answer, check.convention) for check in checks]))
        return [Grade(self._verdict(check)) for check in checks]

    def _verdict(self, check: Check) -> Verdict:
        if "^" in check.answer:
            return Verdict.UNDECIDED
        return Verdict.EQUAL if check.answer == check.gold else Verdict.DIFFERENT

    def check_steps(self, checks: list[StepCheck]) -> list[StepReport | None]:
        self.calls.append(("check_steps", [(check.text, check.given, check.convention) for check in checks]))
        return [None if "slow" in check.text else self._steps(check) for check in checks]

    def _steps(self, check: StepCheck) -> StepReport:
        broken = ("1 - = 5",) if "1 - = 5" in check.text else ()
        return replace(check_steps(check.text, check.given), broken=broken)

    def judge(self, problem: GradedProblem, candidates: list[Candidate]) -> list[bool]:
        self.calls.append(("judge", [candidate.text for candidate in candidates]))
        return ["magic" not in candidate.text for candidate in candidates]

    def backbone(self, problem: GradedProblem, candidates: list[Candidate]) -> list[TokenScores]:
        self.calls.append(("backbone", [candidate.text for candidate in candidates]))
        counts = [len(candidate.text.split()) for candidate in candidates]
        return [TokenScores([-1.5] * count, [1.0] * count) for count in counts]

    def embed(self, texts: list[str]) -> list[Sequence[float]]:
        self.calls.append(("embed", list(texts)))
        return [[1.0, 0.0] if "Counting" in text else [0.0, 1.0] for text in texts]

    def score(self, group: Sequence[Candidate], **settings: object) -> list[Score]:
        return score_group(
            Problem(),
            group,
            config=RewardConfig.model_validate(settings),
            verify=self.verify,
            check_steps=self.check_steps,
            backbone=self.backbone,
            embed=self.embed,
            judge=self.judge,
        )


RIGHT = "We add 3 and 4.\n#### 7"
OTHER_RIGHT = "Counting on from 3: 4, 5, 6, 7.\n#### 7"
MAGIC_RIGHT = "By magic we know it.\n#### 7"
GROUP = [
    Candidate(RIGHT, True),
    Candidate("We add 4 twice.\n#### 8", True),
    Candidate(OTHER_RIGHT, True),
    Candidate("We add 3 and", False),
    Candidate("The reference solution says so.\n#### 7", True),
    Candidate("Hm, it is large.\n#### 9^{9}", True),
]
PAIR = [GROUP[0], GROUP[2]]


def test_gate_and_terms_compose_and_each_service_is_called_once() -> None:
    services = Services()
    scores = services.score(GROUP)
    reasons = [None, "wrong_answer", None, "unfinished", "leak", "undecided"]
    assert [score.reason for score in scores] == reasons
    assert services.calls == [
        ("verify", [("7", "7", "####"), ("7", "8", "####"), ("7", "7", "####"), ("7", "9^{9}", "####")]),
        ("check_steps", [(GROUP[i].text, "What is 3 + 4?", "####") for i in (0, 1, 2, 5)]),
        ("backbone", [RIGHT, OTHER_RIGHT]),
    ]
    assert [score.total for score in scores] == pytest.approx([1 + 0.35 * 0.5 + 0.5 * 0.5, 0] * 2 + [0, 0])
    assert (scores[0].mean_logprob, scores[0].tail_fraction, scores[0].typicality_gap) == (-1.5, 1.0, -0.5)
    assert (scores[1].mean_logprob, scores[1].typicality_gap, scores[1].extracted) == (None, None, "8")


def test_a_copy_in_other_words_does_not_pass() -> None:
    # Anchors are -2 and -1, tokens -1.5: half-way.
    assert [score.reason for score in Services().score(PAIR, min_alignment=0.5)] == [None, None]
    services = Services()
    scores = services.score(GROUP, min_alignment=0.51, diversity="embedding")
    assert [score.reason for score in scores][:3] == ["alien", "wrong_answer", "alien"]
    assert [score.total for score in scores] == [0.0] * 6
    # Their log-probs are still reported, and no passing text is left to embed.
    assert (scores[0].mean_logprob, scores[0].tail_fraction, scores[0].typicality_gap) == (-1.5, 1.0, -0.5)
    assert [name for name, _ in services.calls] == ["verify", "check_steps", "backbone"]


class Spelling(Services):
    """Services that give the texts of tokens: words with the blank before them, the last one alien."""

    def backbone(self, problem: GradedProblem, candidates: list[Candidate]) -> list[TokenScores]:
        pieces = [re.findall(r"\s*\S+", candidate.text) for candidate in candidates]
        return [TokenScores([-1.0] * (len(own) - 1) + [-9.0], None, own) for own in pieces]


def test_coverage_is_measured_for_every_candidate_and_paid_on_request() -> None:
    # The expert brings `everyone`, `count` and the like, which are common words, and the number seven.
    scores = Services().score([*PAIR, Candidate("We add 4 twice.\n#### 8", True)])
    assert [score.coverage for score in scores] == [0, 1, 0]
    paid = Services().score(PAIR, coverage_weight=0.25)
    assert [new.total - old.total for new, old in zip(paid, scores[:2], strict=True)] == pytest.approx(
        [0, 0.25]
    )


def test_a_candidate_without_enough_facts_is_refused_before_the_backbone() -> None:
    services = Services()
    scores = services.score(GROUP, min_coverage=0.5)
    assert [score.reason for score in scores[:3]] == ["low_coverage", "wrong_answer", None]
    assert services.calls[-1] == ("backbone", [OTHER_RIGHT])


def test_the_tail_needs_the_texts_of_tokens_and_leaves_out_what_the_expert_mentions() -> None:
    assert [score.tail for score in Services().score(PAIR)] == [None, None]
    # The last token is the answer, which the expert brings.
    assert [score.tail for score in Spelling().score(PAIR)] == [-1.0, -1.0]

    class Surprised(Services):
        def backbone(self, problem: GradedProblem, candidates: list[Candidate]) -> list[TokenScores]:
            return [TokenScores([-4.0, -1.0, -1.0], None, ["Behold", " the", " 7"])] * len(candidates)

    assert [score.tail for score in Surprised().score(PAIR)] == [-2.5, -2.5]


def test_the_tail_term_is_paid_on_request() -> None:
    settings = {"min_alignment": 0, "tail_tau": 2.0}
    plain, paid = (Spelling().score(PAIR, tail_weight=weight, **settings) for weight in (0, 0.5))
    gains = [new.total - old.total for new, old in zip(paid, plain, strict=True)]
    assert gains == pytest.approx([0.5 * math.exp(-1 / 2)] * 2)


def test_an_alien_candidate_counts_in_no_term_of_the_others() -> None:
    class Uneven(Services):
        def backbone(self, problem: GradedProblem, candidates: list[Candidate]) -> list[TokenScores]:
            return [TokenScores([-1.9 if "Counting" in c.text else -1.1] * 4) for c in candidates]

    alien, kept = Uneven().score([GROUP[2], GROUP[0]])
    assert (alien.gate, alien.reason, alien.alignment, alien.diversity) == (False, "alien", 0, 0)
    assert (kept.gate, kept.diversity) == (True, 0)
    assert kept.alignment == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("convention", "anchors"),
    [("####", Anchors(expert=-1.0, own=-1.0)), ("json", Anchors(expert=-1.0, own=0.0))],
)
def test_nothing_is_alien_if_copying_is_allowed(convention: str, anchors: Anchors) -> None:
    services = Services()
    answer = "7" if convention == "####" else "```json\n7\n```"
    text = RIGHT if convention == "####" else answer
    scores = score_group(
        Problem(answer=answer, convention=convention, anchors=anchors),
        [Candidate(text, True)] * 2,
        config=RewardConfig(),
        verify=lambda checks: [Grade(Verdict.EQUAL) for _ in checks],
        check_steps=services.check_steps,
        backbone=services.backbone,
    )
    assert [score.reason for score in scores] == [None, None]


def test_the_judge_is_asked_last_and_about_right_answers_alone() -> None:
    services = Services()
    scores = services.score([*GROUP, Candidate(MAGIC_RIGHT, True)], judge=True)
    assert [score.reason for score in scores][-2:] == ["undecided", "judge"]
    assert [name for name, _ in services.calls] == ["verify", "check_steps", "judge", "backbone"]
    assert services.calls[2][1] == [RIGHT, OTHER_RIGHT, MAGIC_RIGHT]
    assert services.calls[3][1] == [RIGHT, OTHER_RIGHT]


def test_embeddings_are_computed_only_if_they_count() -> None:
    services = Services()
    scores = services.score(GROUP, diversity="embedding")
    assert services.calls[-1] == ("embed", [RIGHT, OTHER_RIGHT])
    assert scores[0].diversity == pytest.approx(0.25)
    services.calls.clear()
    assert services.score(GROUP, diversity="embedding", diversity_weight=0)[0].diversity == 0
    assert "embed" not in dict(services.calls)


FALSE_STEP = Candidate("First 4 - 3 = 2, then 3 + 4 = 7\n#### 7", True)
BROKEN = Candidate("We get 1 - = 5 and 3 + 4 = 7\n#### 7", True)


def test_a_right_answer_with_a_false_step_does_not_pass() -> None:
    services = Services()
    false, right, broken = services.score([FALSE_STEP, PAIR[0], BROKEN], false_step="gate")
    assert (false.gate, false.reason, false.total, false.steps_checked) == (False, "false_step", 0, 2)
    assert false.false_steps == (FalseStep("4 - 3 = 2", "2", "1"),)
    assert (right.reason, right.steps_checked, right.false_steps) == (None, 0, ())
    assert (broken.reason, broken.steps_checked, broken.broken_steps) == (None, 1, ("1 - = 5",))
    # The backbone is not asked about what the gate rejects.
    assert services.calls[-1] == ("backbone", [RIGHT, BROKEN.text])


def test_each_rule_on_steps_may_measure_only() -> None:
    pair = [FALSE_STEP, BROKEN]
    measured = Services().score(pair, false_step="measure")
    assert [(score.reason, len(score.false_steps)) for score in measured] == [(None, 1), (None, 0)]
    chains = Services().score(pair, false_step="off", broken_chain="gate")
    assert [score.reason for score in chains] == [None, "broken_chain"]
    services = Services()
    unread = services.score(pair, false_step="off", broken_chain="off")
    assert [(score.reason, score.steps_checked) for score in unread] == [(None, None)] * 2
    assert "check_steps" not in dict(services.calls)


def test_steps_of_a_wrong_answer_are_measured() -> None:
    text = FALSE_STEP.text.replace("####", "#### 1")
    wrong, cut = Services().score([Candidate(text, True), Candidate(text, False)], false_step="gate")
    assert (wrong.reason, len(wrong.false_steps)) == ("wrong_answer", 1)
    assert (cut.reason, cut.steps_checked) == ("unfinished", None)


def test_a_step_check_without_a_report_is_undecided_if_a_rule_needs_it() -> None:
    pair = [Candidate(f"This is slow: {FALSE_STEP.text}", True), PAIR[0]]
    for rules in ({"false_step": "gate"}, {"false_step": "off", "broken_chain": "gate"}):
        slow, right = Services().score(pair, **rules)
        assert (slow.reason, slow.steps_checked, slow.total) == ("undecided", None, 0)
        assert (right.reason, right.steps_checked) == (None, 0)
    measured = Services().score(pair, false_step="measure")
    assert [(score.reason, score.steps_checked) for score in measured] == [(None, None), (None, 0)]


def test_the_share_of_true_steps_earns_less_than_passing() -> None:
    worse = Candidate("First 4 - 3 = 2, then 3 + 4 = 8, then 7 * 1 = 7, so 7.\n#### 7", True)
    services = Services()
    scores = services.score(
        [FALSE_STEP, worse, PAIR[0], GROUP[1], BROKEN],
        false_step="gate",
        broken_chain="gate",
        step_credit_weight=0.6,
    )
    assert [score.total for score in scores] == pytest.approx([0.6 / 2, 0.6 / 3, 1 + 0.35 * 0.5, 0, 0])
    assert [score.gate for score in scores] == [False, False, True, False, False]
    assert services.calls[-1] == ("backbone", [FALSE_STEP.text, worse.text, RIGHT])
    assert scores[0].mean_logprob == -1.5


def test_an_alien_text_earns_nothing_for_its_true_steps() -> None:
    scores = Services().score(
        [FALSE_STEP, PAIR[0]], false_step="gate", min_alignment=0.51, step_credit_weight=0.6
    )
    assert [(score.reason, score.total) for score in scores] == [("false_step", 0), ("alien", 0)]


def supported(values: Sequence[float | None], convention: str = "####", **settings: object) -> list[Score]:
    """Score two right candidates whose support is given."""
    services = Services()
    texts = (
        PAIR
        if convention == "####"
        else [Candidate("It is 7, as we count.", True), Candidate("I say 7.", True)]
    )
    return score_group(
        Problem(convention=convention),
        texts,
        config=RewardConfig.model_validate(settings),
        verify=lambda checks: [Grade(Verdict.EQUAL) for _ in checks],
        check_steps=services.check_steps,
        backbone=lambda *_: [TokenScores([-1.0], support=value) for value in values],
    )


def test_support_is_a_measure_unless_it_is_asked_for() -> None:
    plain = supported([None, None])
    measured = supported([0.5, -3.0])
    assert [score.support for score in measured] == [0.5, -3.0]
    assert [score.total for score in measured] == [score.total for score in plain]
    weighted = supported([math.log(2), -3.0], support_weight=0.4)
    assert [score.total for score in weighted] == pytest.approx([plain[0].total + 0.2, plain[1].total])


def test_a_candidate_whose_reasoning_does_not_support_its_answer_is_rejected() -> None:
    scores = supported([0.5, 0.1], min_support=0.2)
    assert [score.reason for score in scores] == [None, "unsupported"]
    assert (scores[1].total, scores[1].support) == (0.0, 0.1)


@pytest.mark.parametrize("settings", [{"support_weight": 0.1}, {"min_support": 0.0}])
@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_support_that_counts_must_be_given(settings: dict, value: float | None) -> None:
    with pytest.raises(ValueError, match=r"`backbone` gave .*; fill TokenScores.support"):
        supported([0.5, value], **settings)


def test_an_answer_that_is_the_whole_text_has_no_support() -> None:
    scores = supported([None, None], "contains", support_weight=0.1, min_support=1.0, min_alignment=0.0)
    assert [score.gate for score in scores] == [True, True]


def test_typicality_scores_the_gap_to_the_entropy() -> None:
    scores = Services().score(GROUP, alignment="typicality", typicality_tau=0.5)
    assert scores[0].alignment == pytest.approx(math.exp(-1))


def test_the_gate_alone_pays_one_and_asks_no_backbone() -> None:
    config = RewardConfig(
        alignment="typicality",
        coverage_weight=1.0,
        tail_weight=1.0,
        support_weight=1.0,
        step_credit_weight=0.5,
        min_coverage=1.0,
        quote_expert=True,
    ).gate_alone()
    assert not config.needs_backbone
    assert not config.needs_entropies
    texts = (
        "Three and four are seven.\n#### 7",
        "Three and four are eight.\n#### 8",
        "Three and four, so 3 + 4 = 7, and 7 - 1 = 5.\n#### 7",
        "three plus four makes seven as everyone who can count well knows\n#### 7",
    )
    services = Services()
    scores = score_group(
        Problem(),
        [Candidate(text, True) for text in texts],
        config=config,
        verify=services.verify,
        check_steps=services.check_steps,
        backbone=None,
    )
    assert [score.total for score in scores] == [1, 0, 0, 1]
    assert [score.reason for score in scores] == [None, "wrong_answer", "false_step", None]
    assert {score.mean_logprob for score in scores} == {None}
    assert {score.alignment for score in scores} == {0}


@pytest.mark.parametrize(
    "settings", [{"judge": True}, {"min_support": 0.0}, {"preset": "rlt", "min_support": -1.0}]
)
def test_rules_of_the_gate_alone_may_need_the_backbone(settings: dict) -> None:
    assert RewardConfig.model_validate(settings).gate_alone().needs_backbone


def test_a_config_that_needs_the_backbone_is_refused_without_one() -> None:
    services = Services()
    with pytest.raises(ValueError, match="needs the backbone, and no `backbone` was given"):
        score_group(
            Problem(),
            [Candidate("a", True)] * 2,
            config=RewardConfig(),
            verify=services.verify,
            check_steps=services.check_steps,
            backbone=None,
        )


def test_no_service_is_called_if_no_candidate_needs_it() -> None:
    services = Services()
    scores = services.score([Candidate("no", True), Candidate("nor this", False)], preset="paper")
    assert [score.total for score in scores] == [0, 0]
    assert services.calls == []


def test_one_candidate_has_the_scores_that_need_no_others() -> None:
    (alone,), (first, *_) = Services().score(GROUP[:1]), Services().score(GROUP)
    assert alone.gate == first.gate == 1
    assert alone.alignment == first.alignment
    assert alone.diversity == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"diversity": "embedding"},
        {"preset": "paper", "judge": False},
        {"judge": True, "false_step": "off", "broken_chain": "off"},
        {"broken_chain": "off"},
        {"false_step": "off"},
        {"false_step": "measure", "broken_chain": "off"},
    ],
)
def test_a_service_that_the_config_needs_must_be_given(settings: dict) -> None:
    services, config = Services(), RewardConfig.model_validate(settings)
    with pytest.raises(ValueError, match=r"was given; pass .*, or set"):
        score_group(Problem(), PAIR, config=config, verify=services.verify, backbone=services.backbone)
    assert services.calls == []


@pytest.mark.parametrize(
    ("tokens", "settings", "message"),
    [
        ([TokenScores([-1.0])], {}, "`backbone` gave 1 results for 2 inputs"),
        ([TokenScores([-1.0]), TokenScores([])], {}, "`backbone` gave 0 log-probs"),
        ([TokenScores([-1.0]), TokenScores([math.nan])], {}, "mean nan"),
        ([TokenScores([-1.0])] * 2, {"alignment": "typicality"}, "gave no entropies"),
        ([TokenScores([-1.0])] * 2, {"tail_weight": 0.1}, "needs the tokens' texts"),
        ([TokenScores([-1.0], None, ["a", "b"])] * 2, {}, "1 log-probs and 2 texts"),
        ([TokenScores([-1.0], sampled=[-1.0])] * 2, {"alignment": "rlt"}, "and 0 of the solution"),
        ([TokenScores([-1.0], solution=[-1.0])] * 2, {"alignment": "rlt"}, "gave 0 of the sampling for 1"),
    ],
)
def test_token_scores_that_would_spoil_the_reward_are_refused(
    tokens: list[TokenScores], settings: dict, message: str
) -> None:
    config = RewardConfig.model_validate(settings)
    with pytest.raises(ValueError, match=message):
        score_group(
            Problem(),
            PAIR,
            config=config,
            verify=Services().verify,
            check_steps=Services().check_steps,
            backbone=lambda *_: tokens,
        )


def test_the_rlt_preset_rewards_what_leads_to_the_solution_and_checks_the_answer_only() -> None:
    tokens = [
        TokenScores([-1.0], sampled=[-1.0], solution=[-0.5]),
        TokenScores([-1.0], sampled=[-0.2], solution=[-0.5]),
    ]
    scores = score_group(
        Problem(),
        PAIR,
        config=RewardConfig(preset="rlt"),
        verify=Services().verify,
        backbone=lambda *_: tokens,
    )
    strayed = math.expm1(-0.8) + 0.8
    assert [score.total for score in scores] == [
        pytest.approx(1 + math.exp(-0.505)),
        pytest.approx(1 + math.exp(-0.505 - 3 * 1.01 * strayed)),
    ]


def test_rlt_cannot_score_texts_that_quote_the_expert() -> None:
    with pytest.raises(ValueError, match="set quote_expert=false"):
        RewardConfig(preset="rlt", quote_expert=True)


def test_keys_override_the_preset_and_a_dump_reads_back() -> None:
    config = RewardConfig.model_validate({"preset": "paper", "judge": False})
    assert (config.alignment, config.diversity, config.judge) == ("paper", "paper", False)
    assert RewardConfig.model_validate(config.model_dump()) == config
    assert RewardConfig.model_validate_json(config.model_dump_json()) == config


def test_a_language_without_a_list_is_refused() -> None:
    with pytest.raises(ValueError, match="'en', 'de'"):
        RewardConfig.model_validate({"leak_languages": ["tlh"]})


def test_scoring_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'ray', 'transformers', 'numpy', 'sacrebleu'}"
    code = f"import sys, reward.group; loaded = {heavy} & set(sys.modules); assert not loaded, loaded"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_documented_example_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = Path(__file__).parents[2] / "docs" / "reward.md"
    example = tmp_path / "example.py"
    example.write_text(page.read_text().split("```python\n")[1].split("```")[0])
    run_path(str(example))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["None", "None", "wrong_answer"]
    assert [float(line.split()[0]) for line in lines] == pytest.approx([1.53, 1.53, 0], abs=0.01)


def test_a_config_with_an_invalid_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="not a JSON Schema"):
        RewardConfig(json_schema={"type": 5})
    assert RewardConfig(json_schema={"type": "object"}).json_schema == {"type": "object"}


def test_candidates_with_the_experts_tool_calls_pass_and_their_own_words_are_scored() -> None:
    call = '<tool_call>{"name": "add", "arguments": {"a": 3, "b": 4}}</tool_call>'
    problem = Problem(
        solution=f"I shall now add both of these numbers for you.\n{call}",
        answer=call,
        convention="tool_calls",
    )
    texts = [
        f"Let me add them up.\n{call}",
        f"We need a sum here.\n{call.replace('3', '3.0')}",
        f"Let me add them up.\n{call.replace('3', '4')}",
        f"Let me add them up.\n{call}\n{call}",
        f"{problem.solution}",
    ]
    config, services = RewardConfig(max_verifiers=1), Services()
    with Verifier(config) as verifier:
        scores = score_group(
            problem,
            [Candidate(text, True) for text in texts],
            config=config,
            verify=verifier.verify,
            check_steps=verifier.check_steps,
            backbone=services.backbone,
        )
    assert [score.reason for score in scores[2:]] == ["wrong_answer", "wrong_answer", "copy"]
    # The log-probs of `Services` lie in the middle between the expert's and the backbone's own.
    assert all(score.gate and score.alignment == pytest.approx(0.5) for score in scores[:2])
