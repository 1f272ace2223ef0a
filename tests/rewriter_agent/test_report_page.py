"""The report: complete, self-contained, and safe to open with hostile model output in it."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from run_folder import SECONDS, make_run

from rewriter_agent.config.evaluate import LAB_TASKS
from rewriter_agent.evaluate.statistics import Change
from rewriter_agent.evaluate.summary import Comparison
from rewriter_agent.report.build import build_report
from rewriter_agent.report.collect import collect
from rewriter_agent.report.verdict import verdict


class Page(HTMLParser):
    """Tags with attributes, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "made-up")


@pytest.fixture(scope="module")
def data(run):
    return collect(run)


@pytest.fixture(scope="module")
def html(run, data):
    build_report(data, run / "report.html")
    return (run / "report.html").read_text()


def test_collect_counts_what_the_run_wrote(data):
    assert [arm.arm for arm in data.arms] == ["base", "expert", "rewritten"]
    assert sum(data.rewriting.outcomes.values()) == 120
    assert data.rewriting.candidates == data.rewriting.cost["rollouts"] == 960
    assert (
        data.rewriting.fallback_reasons["no_candidate_passed"] == data.rewriting.outcomes["expert_fallback"]
    )
    assert data.training.reward_terms["alignment"].mean[2] is None
    assert data.training.reward_terms["gate"].steps == list(range(1, 41))
    assert data.sft["rewritten"].ess.mean == [0.83] * 30
    assert [stage.stage for stage in data.stages] == list(SECONDS)
    assert {sample.outcome for sample in data.samples} == {"rewritten", "expert_fallback"}


def test_an_incomplete_stage_is_named(tmp_path):
    run = make_run(tmp_path / "run")
    (run / "sft-expert" / "manifest.json").unlink()
    with pytest.raises(ValueError, match="stage 'sft-expert'"):
        collect(run)


def test_a_strategy_without_a_trained_rewriter_needs_no_training(tmp_path):
    run = make_run(tmp_path / "run", strategy="best_of_n")
    (run / "train" / "manifest.json").unlink()
    data = collect(run)
    assert data.training is None
    assert "train" not in [stage.stage for stage in data.stages]
    build_report(data, run / "report.html")
    page = Page((run / "report.html").read_text())
    assert "Learning to rewrite" not in page.text
    assert "120 problems, 120 targets. rollouts 960" in " ".join(page.text.split())


def test_a_step_done_again_after_a_restart_counts_once(tmp_path):
    run = make_run(tmp_path / "run")
    metrics = run / "train" / "metrics.jsonl"
    again = {"step": 40, "max_steps": 40, "reward": 9.0, "reward_terms/gate_mean": 0.5}
    metrics.write_text(metrics.read_text() + json.dumps(again) + "\n")
    training = collect(run).training
    assert training.health["reward"].steps == list(range(1, 41))
    assert training.health["reward"].mean[-1] == 9.0


def test_hostile_output_stays_text(html):
    page = Page(html)
    assert "script" not in {tag for tag, _ in page.tags}
    assert "img" not in {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert '<script>alert("x")</script>' in page.text
    assert "{{ 7 * 7 }}" in page.text


def test_the_page_loads_nothing(html):
    for _, attributes in Page(html).tags:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(r"url\((?!#)|@import", html)


def test_figure_colours_follow_the_theme(html):
    drawings = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    assert len(drawings) == 3
    assert not any("#0102" in drawing for drawing in drawings)
    assert "prefers-color-scheme: dark" in html


def test_ids_do_not_make_figures_use_each_others_shapes(html):
    definitions: dict[str, set[str]] = {}
    for drawing in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        for identity, body in re.findall(r'<clipPath id="(\w+)">(.*?)</clipPath>', drawing, flags=re.DOTALL):
            definitions.setdefault(identity, set()).add(body)
    assert definitions
    assert all(len(bodies) == 1 for bodies in definitions.values())


def test_table_shows_the_numbers_of_the_json(run, html):
    numbers = json.loads((run / "report.json").read_text())
    text = Page(html).text
    assert numbers["verdict"] in text
    for arm in numbers["arms"]:
        for shown in (arm["task"], arm["retention_mean"], *arm["retention"].values()):
            assert f"{shown['value'] * 100:.1f} ± {shown['stderr'] * 100:.1f}" in text
    for code, count in numbers["rewriting"]["rejections"].items():
        assert f"{code} {count} " in text
    assert "NaN" not in (run / "report.json").read_text()


def test_every_retention_task_has_a_row_with_its_transitions(html, data):
    text = Page(html).text
    for name, change in data.arms[1].against_base.retention.items():
        assert re.search(rf"{name} [\d.]+ ± [\d.]+ [\d.]+ ± [\d.]+ {change.lost} {change.gained} ", text)


def test_the_laboratorys_world_is_named(tmp_path, html):
    run = make_run(tmp_path / "run", {"lab world": "7 0123456789abcdef"}, LAB_TASKS)
    build_report(collect(run), run / "report.html")
    page = (run / "report.html").read_text()
    assert "world 7 of the laboratory, hash 0123456789abcdef" in Page(page).text
    numbers = json.loads((run / "report.json").read_text())
    assert numbers["lab_world"] == {"version": "7", "hash": "0123456789abcdef"}
    assert list(numbers["arms"][0]["retention"]) == list(LAB_TASKS)
    assert all(name in page for name in LAB_TASKS)
    assert "laboratory" not in html


def test_collecting_imports_no_torch():
    code = "import sys, rewriter_agent.report.collect; print({'torch', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_tables_scroll_inside_their_container(html):
    tables = [m.start() for m in re.finditer("<table", html)]
    assert tables
    assert all(html[:start].endswith('<div class="scroll">') for start in tables)


def comparison(gain: Change, forgetting: Change) -> Comparison:
    return Comparison(gain, {}, forgetting)


def test_verdict_names_a_difference_only_beyond_chance():
    sentence = verdict(comparison(Change(0.02, 0.03, 100, 3, 5, 0.73), Change(-0.1, 0.02, 90, 0, 9, 0.004)))
    assert "scores 2.0 ± 3.0 points higher on the task, which may be chance (n = 100" in sentence
    assert "forgets 10.0 ± 2.0 points less elsewhere (n = 90 retention items, p = 0.004)" in sentence


def test_verdict_of_no_difference():
    none = Change(0.0, 0.0, 50, 0, 0, 1.0)
    sentence = verdict(comparison(none, none))
    assert (
        "scores the same on the task (difference 0.0 ± 0.0 points; n = 50 test problems, p = 1)" in sentence
    )
