"""What the gap command measures and shows."""

from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import pytest

from cluster.fleet.fleet import Fleet
from cluster.types import Completion
from reward import FalseStep
from rewriter_agent.config.data import RowData
from rewriter_agent.config.train import PrepareConfig
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.data.reference_errors import KindOfError
from rewriter_agent.data.step_faults import StepFault
from rewriter_agent.experiments.gap.command import Gap, cost_text, gap_table
from rewriter_agent.experiments.gap.dataset import dataset_config
from rewriter_agent.experiments.gap.measure import Likelihood, RewritingTrial, RowGap, measure_rows, summarise
from rewriter_agent.experiments.gap.page import alien_spans, write_page
from rewriter_agent.report.coloured import coloured
from tests.helpers.groups import EOS, LetterTokens, RecordingFleet, fake_logprobs, make_problem

HOSTILE = '<script>alert("x")</script>'
TOKENS = cast(Tokens, LetterTokens())
TRIAL = RewritingTrial(4, 3, 32, 12, {"wrong_answer": 20}, 120.0, 80.5, 30.0)


class Writer(RecordingFleet):
    def generate(self, requests: Any) -> list[Completion]:
        ids = [*map(ord, "own"), EOS]
        # As an engine at a low temperature says: the score of these is another.
        return [Completion(ids, [0.0] * 4, True, 0) for _ in requests]


class ExpertTokens(LetterTokens):
    def expert(self, problem: Any) -> list[int]:
        return [*map(ord, problem.solution), EOS]


def row(name: str, logprobs: list[float], own: list[float]) -> RowGap:
    text = [*map(ord, name[: len(logprobs)])]
    expert = Likelihood(text, logprobs, -0.5)
    return RowGap(make_problem(name), expert, [Likelihood([97] * len(own), own, 0.0)])


ROWS = [row(HOSTILE, [-4.0, -0.1, -1.0, -7.0], [-0.5, -0.5]), row("plain", [-1.0, -1.0], [-0.5])]


def test_rows_compare_the_expert_with_the_backbones_own() -> None:
    tokens = cast(Tokens, ExpertTokens())
    problems = [make_problem("a"), make_problem("b")]
    found = measure_rows(tokens, cast(Fleet, Writer()), PrepareConfig(num_own_samples=2), 0, problems)
    assert [r.problem for r in found] == problems
    first = found[0]
    assert first.expert.logprobs == fake_logprobs([*map(ord, problems[0].solution), EOS])
    assert tokens.text(first.expert.ids) == problems[0].solution
    own = fmean(fake_logprobs([*map(ord, "own"), EOS]))
    assert [sample.mean for sample in first.own] == pytest.approx([own, own])
    assert first.gap == pytest.approx(own - first.expert.mean)
    # The fleet's entropies are 0.5 everywhere.
    assert first.expert.typicality == pytest.approx(first.expert.mean + 0.5)


def test_the_tail_is_what_has_a_probability_below_two_fifths() -> None:
    assert Likelihood([1, 2, 3, 4], [-0.9, -0.92, -5.0, 0.0], 0.0).tail == 0.5


def test_summary_is_of_rows_not_of_tokens() -> None:
    found = summarise(ROWS)
    assert found["expert_logprob"] == pytest.approx((-3.025 - 1.0) / 2)
    assert found["gap"] == pytest.approx(found["own_logprob"] - found["expert_logprob"])
    assert found["expert_tail"] == pytest.approx((0.75 + 1.0) / 2)


def test_colours_grow_with_surprise_and_spans_begin_with_the_worst() -> None:
    text = ROWS[0].expert
    assert [token.level for token in coloured(TOKENS.pieces(text.ids), text.logprobs)] == [2, 0, 1, 4]
    spans = alien_spans(ROWS, 5, TOKENS)
    assert [span.logprob for span in spans] == pytest.approx([-3.025, -1.0])
    assert spans[0].text == HOSTILE[:4]


@pytest.mark.parametrize(
    ("dataset", "name", "source"),
    [("some/where/train.v2.jsonl", "gap-train.v2", "file"), ("openai/gsm8k", "gap-openai-gsm8k", "hub")],
)
def test_a_data_set_and_a_model_are_config_enough(dataset: str, name: str, source: str) -> None:
    config = dataset_config(dataset, "lab", ["data.convention=boxed"])
    assert (config.name, config.data.source, config.model.name_or_path) == (name, source, "lab")
    assert isinstance(config.data, RowData)
    assert config.data.convention == "boxed"


def test_page_and_table_show_the_numbers_and_no_markup_of_the_data(tmp_path: Path) -> None:
    fault = StepFault(make_problem("<b>"), 2, (FalseStep("5 - 4 = 2", "2", "1"),))
    found = Gap("made-up", "some/model", 100, 0.7, 0.25, summarise(ROWS), TRIAL, ROWS, 100, [fault])
    assert found.cost == {
        "rollouts": 600.0,
        "prompt_tokens": 75 * 120.0,
        "generated_tokens": 600 * 80.5,
        "scored_tokens": 600 * 30.0,
    }
    write_page(tmp_path / "gap.html", found, cost_text(found), TOKENS)
    page = (tmp_path / "gap.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert 'class="t4"' in page
    assert "1 of 100 expert solutions hold a step that is false" in page
    assert "<td>Question &lt;b&gt;?</td><td>5 - 4 = 2 (the value is 1)</td>" in page
    assert "3 of\n4 problems" in page
    assert "nats a token less\nlikely than what the backbone writes itself at temperature 0.7" in page
    shown = gap_table(found, tmp_path)
    assert "1 of 100 expert solutions hold a false step; the worst: 'Question <b>?'" in shown
    assert "5 - 4 = 2 (the value is 1)" in shown
    assert "12 of 32 candidates pass (38%)" in shown
    cost = "600 rollouts, 9,000 prompt tokens, 48,300 generated tokens, 18,000 scored tokens"
    assert f"{cost}; 25% of the rows stay as they are" in shown
    assert cost in page


def test_page_and_table_show_the_errors_of_the_checks_against_a_reference(tmp_path: Path) -> None:
    errors = [KindOfError("line breaks", True, 20, 20, 0), KindOfError("a number changed", False, 20, 9, 2)]
    found = replace(
        Gap("made-up", "some/model", 100, 0.7, 0.25, summarise(ROWS), TRIAL, ROWS),
        reference_errors=errors,
        reference_fault="too <many>",
    )
    shown = gap_table(found, tmp_path)
    assert "line breaks" in shown
    assert "45.0% (26% to 66%)" in shown
    assert "training would not start: too <many>" in shown
    write_page(tmp_path / "gap.html", found, cost_text(found), TOKENS)
    page = (tmp_path / "gap.html").read_text()
    assert "Training would not start: too &lt;many&gt;" in page
    assert "<td>a number changed</td><td>be refused</td>" in page
    assert "45.0% (26% to 66%)" in page
    write_page(
        tmp_path / "gap.html", replace(found, reference_errors=[], reference_fault=None), "none", TOKENS
    )
    assert "Checks against the reference" not in (tmp_path / "gap.html").read_text()
