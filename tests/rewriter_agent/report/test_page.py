"""The report: complete, self-contained, and safe to open with hostile model output in it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from statistics import fmean
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from rewriter_agent.config import RunConfig
from rewriter_agent.config.evaluate import LAB_TASKS
from rewriter_agent.evaluate.curve import Point, write_curve
from rewriter_agent.evaluate.result import read_result
from rewriter_agent.evaluate.statistics import Change
from rewriter_agent.io.files import read_json, write_json, write_table
from rewriter_agent.io.progress import Progress
from rewriter_agent.report import format
from rewriter_agent.report.build import build_report
from rewriter_agent.report.check import Limits, check
from rewriter_agent.report.collect import collect
from rewriter_agent.report.curves import sft_curve, training_curves
from rewriter_agent.report.data import EvaluationCurve
from rewriter_agent.report.format import multiple
from rewriter_agent.report.rewriting import EXPERTS, TARGETS
from rewriter_agent.report.stage import report
from rewriter_agent.report.taught import taught
from rewriter_agent.report.verdict import verdict
from rewriter_agent.report.ways import TOKENS, Way, ways
from rewriter_agent.rewrite.record import CANDIDATES
from rewriter_agent.runtime.run_folder import RunFolder
from tests.helpers.run_folder import FALSE, HOSTILE, SECONDS, make_run, make_student_run, pieces

LAB_WORLD_7 = {"lab world": "7 0123456789abcdef"}


class Page(HTMLParser):
    """Tags with attributes, and the visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.numeric: list[str] = []
        """The text of cells with numbers."""
        self.in_number = False
        self.feed(html)
        self.text = re.sub(r"\s+", " ", " ".join(self.words))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "td":
            self.in_number = dict(attrs).get("class", "").split()[:1] == ["n"]

    def handle_endtag(self, tag):
        if tag == "td":
            self.in_number = False

    def handle_data(self, data):
        self.words.append(data)
        if self.in_number:
            self.numeric.append(data)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "made-up", swept=True)


@pytest.fixture(scope="module")
def data(run):
    return collect(run, pieces, swept=True)


@pytest.fixture(scope="module")
def html(run, data):
    build_report(data, run / "report.html")
    return (run / "report.html").read_text()


def test_the_whole_way_is_weighed_against_plain_sft(run, data, html):
    plain, whole = data.cost.ways.expert, data.cost.ways.rewritten
    assert plain == Way(SECONDS["sft-expert"], 30_000, 0)
    ways = ("prepare", "train", "rewrite", "sft-rewritten")
    assert whole.wall_seconds == sum(SECONDS[stage] for stage in ways)
    assert whole.rollouts == data.cost.spent["rollouts"]
    counted = sum(data.cost.spent[kind] for kind in TOKENS if kind in data.cost.spent)
    assert whole.tokens == 30_000 + counted + 190_000
    assert data.cost.ways.time_multiple == whole.wall_seconds / plain.wall_seconds
    assert f">{data.cost.ways.token_multiple:.3g} ×<" in html
    assert (
        json.loads((run / "report.json").read_text())["cost"]["ways"]["rewritten"]["tokens"] == whole.tokens
    )


def test_a_plain_sft_without_counts_has_no_multiple(tmp_path):
    found = {"sft-expert": {"wall_seconds": 0.0, "counts": {}}}
    assert ways(RunFolder(tmp_path), found).time_multiple is None
    assert ways(RunFolder(tmp_path), found).token_multiple is None
    assert [multiple(value) for value in (None, 1.0, 12.34, 1234.5)] == ["–", "1 ×", "12.3 ×", "1,234 ×"]


def test_collect_counts_what_the_run_wrote(data):
    assert [arm.arm for arm in data.arms] == ["base", "expert", "rewritten"]
    outcomes = data.rewriting.outcomes
    assert sum(found.count for found in outcomes.values()) == data.rewriting.problems == 120
    assert data.rewriting.candidates == data.rewriting.cost["rollouts"] == 960
    assert data.rewriting.fallback_reasons["no_candidate_passed"] == outcomes["expert_fallback"]
    assert outcomes["rewritten"].share == outcomes["rewritten"].count / 120
    assert data.training.reward_terms["alignment"].mean[2] is None
    assert data.training.reward_terms["gate"].steps == list(range(1, 41))
    assert data.sft["rewritten"].ess.mean == [0.83] * 30
    assert [stage.stage for stage in data.stages] == [*SECONDS, "sweep"]
    assert data.cost.spent["rollouts"] == 960 + 1280
    assert sum(stage.share for stage in data.stages) == pytest.approx(1)
    assert data.seeds == {"seed": 0, "evaluate.seed": 7}
    assert len(data.sweep) == 18
    assert {sample.outcome for sample in data.samples} == {"rewritten", "expert_fallback"}


def test_a_check_decides_by_the_intervals_of_the_report(run, data, html):
    gain = data.arms[2].against_base.gain
    for limit, passed in ((100 * gain.low - 0.01, True), (100 * gain.low + 0.01, False)):
        assert check(run / "report.json", Limits(limit, None), "rewritten").passed == passed


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
    assert "Strategy best_of_n : 120 problems, 120 targets." in page.text
    assert "frontier" not in page.text


def test_a_student_is_reported_without_a_rewriting(tmp_path):
    run = make_student_run(tmp_path / "run")
    data = collect(run, pieces)
    assert (data.method, data.rewriting, data.samples) == ("grpo", None, [])
    assert (data.training.steps, list(data.training.reward_terms)) == (40, ["gate"])
    assert list(data.sft) == ["expert"]
    assert data.cost.spent == {"rollouts": 1280, "generated_tokens": 112640}
    build_report(data, run / "report.html")
    page = Page((run / "report.html").read_text())
    for heading in ("What became of the training data", "Samples, before and after", "Learning to rewrite"):
        assert heading not in page.text
    assert "Over 40 steps" in page.text
    assert "1 for an answer that passes the gate" in page.text
    assert "the GRPO student scores" in page.text
    # The config and the names of stages are shown as they are.
    before, after = page.text.split("Against SFT")[1].split("What to do next")
    shown = before + after.split("--seeds 0 1 2")[1].split("Cost")[0]
    assert "student against expert" in shown
    assert "rewrit" not in shown
    assert "| GRPO student |" in (run / "report.md").read_text()
    gain = json.loads((run / "report.json").read_text())["arms"][2]["against_base"]["gain"]
    assert check(run / "report.json", Limits(100 * gain["low"] - 0.01, None), "rewritten").passed


def test_a_distilled_student_is_reported_without_a_reward(tmp_path):
    run = make_student_run(tmp_path / "run", "sdft")
    data = collect(run, pieces)
    assert (data.training.steps, data.training.reward_terms, data.training.rejected) == (40, {}, {})
    assert data.training.health["self_distillation/distillation_loss"].mean[-1] == 1 / 40
    build_report(data, run / "report.html")
    page = Page((run / "report.html").read_text())
    assert "Over 40 steps" in page.text
    assert "KL from the teacher" in page.text
    assert "the SDFT student scores" in page.text
    assert "reward of GRPO" not in page.text


def test_a_student_whose_training_is_missing_is_named(tmp_path):
    run = make_student_run(tmp_path / "run")
    (run / "student" / "manifest.json").unlink()
    with pytest.raises(
        ValueError, match=r"stage 'student'.*needs prepare, student, sft-expert, evaluate-base"
    ):
        collect(run)


def test_a_method_that_drops_problems_says_so(tmp_path):
    run = make_run(tmp_path / "run")
    whole = collect(run)
    (run / "config.yaml").write_text((run / "config.yaml").read_text() + "method: accepted_only\n")
    data = collect(run)
    fallbacks = whole.rewriting.outcomes["expert_fallback"].count
    assert data.rewriting.dropped == data.rewriting.outcomes["dropped"].count == fallbacks > 0
    assert data.rewriting.targets == whole.rewriting.targets - fallbacks
    assert (data.rewriting.cost, data.rewriting.fallback_reasons) == (
        whole.rewriting.cost,
        whole.rewriting.fallback_reasons,
    )
    assert {sample.outcome for sample in data.samples} == {"rewritten"}
    assert (
        data.rewriting.naturalness[TARGETS].mean_logprob > whole.rewriting.naturalness[TARGETS].mean_logprob
    )
    build_report(data, run / "report.html")
    page = Page((run / "report.html").read_text())
    assert (
        f"Method accepted_only : the {fallbacks} problems without an accepted text are dropped." in page.text
    )
    assert "Problems dropped" in page.text
    assert "rewritten data" not in page.text
    assert "SFT on accepted rewrites alone" in page.text
    assert "SFT on accepted rewrites alone" in (run / "report.md").read_text()
    assert json.loads((run / "report.json").read_text())["method"] == "accepted_only"
    assert "SFT on the model's own samples scores" in verdict(data.rewritten_against_expert, "self_train")


def test_the_shares_of_replay_are_shown(tmp_path, html):
    run = make_run(tmp_path / "run")
    manifest = read_json(run / "sft-rewritten" / "manifest.json")
    manifest["counts"] |= {"replay_rows": 6, "replay_share": 0.0476, "replay_token_share": 0.0815}
    manifest["inputs"]["replay"] = "0123456789abcdef"
    write_json(run / "sft-rewritten" / "manifest.json", manifest)
    with pytest.raises(ValueError, match="stage 'replay'"):
        collect(run)
    spent = {"rollouts": 64, "generated_tokens": 640, "scored_tokens": 600}
    write_json(run / "replay" / "manifest.json", {**manifest, "stage": "replay", "counts": spent})
    data = collect(run)
    assert [stage.stage for stage in data.stages] == [*[*SECONDS][:3], "replay", *[*SECONDS][3:]]
    assert data.cost.spent["rollouts"] == 960 + 1280 + 64
    build_report(data, run / "report.html")
    page = Page((run / "report.html").read_text())
    assert "6 rows, 4.8 % of its rows and 8.2 % of its completion tokens" in page.text.replace("\u202f", " ")
    assert json.loads((run / "report.json").read_text())["replay"]["share"] == 0.0476
    assert "Replay" not in Page(html).text


def test_targets_of_a_mix_are_counted_by_source(tmp_path, html):
    run = make_run(tmp_path / "run")
    config = yaml.safe_load((run / "config.yaml").read_text()) | {"data": {"source": "mix"}}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    table = pq.read_table(run / "prepare" / "train.parquet")
    sources = ["mine/easy" if place % 4 else "lab" for place in range(table.num_rows)]
    pq.write_table(table.append_column("source", pa.array(sources)), run / "prepare" / "train.parquet")
    data = collect(run)
    assert {name: (found.count, found.share) for name, found in data.rewriting.sources.items()} == {
        "mine": (90, 0.75),
        "lab": (30, 0.25),
    }
    build_report(data, run / "report.html")
    page = Page((run / "report.html").read_text()).text.replace("\u202f", " ")
    assert "Targets by source of the mix: mine 90 (75.0 %), lab 30 (25.0 %)." in page
    assert "source of the mix" not in Page(html).text


def test_a_step_done_again_after_a_restart_counts_once(tmp_path):
    run = make_run(tmp_path / "run")
    metrics = run / "train" / "metrics.jsonl"
    again = {"step": 40, "max_steps": 40, "entropy": 9.0, "reward_terms/gate_mean": 0.5}
    metrics.write_text(metrics.read_text() + json.dumps(again) + "\n")
    training = collect(run).training
    assert training.health["entropy"].steps == list(range(1, 41))
    assert training.health["entropy"].mean[-1] == 9.0


def test_what_training_did_not_log_is_left_out():
    rows = [
        {"step": step, "reward_terms/gate_mean": 0.5, "entropy": 0.7, "kl": None, **codes}
        for step, codes in enumerate(
            [{"rejected/leak": 0.1}, {"rejected/copy": 0.25}, {"rejected/copy": 0.5}]
        )
    ]
    training = training_curves(rows)
    assert list(training.health) == ["entropy"]
    assert {code: series.mean for code, series in training.rejected.items()} == {
        "copy": [0.0, 0.25, 0.5],
        "leak": [0.1, 0.0, 0.0],
    }
    assert sft_curve([{"step": 1, "unweighted_loss": 2.0, "loss": 1.0, "ess": 1.0}]).staleness.steps == []


def test_a_sweep_of_an_earlier_config_is_not_shown(run):
    assert collect(run).sweep == []


def test_hostile_output_stays_text(run, html, tmp_path):
    build_report(collect(run), tmp_path / "report.html")
    plain = Page((tmp_path / "report.html").read_text())
    assert '<script>alert("x")</script>' in plain.text
    assert "{{ 7 * 7 }}" in plain.text
    for page in (plain, Page(html)):
        assert not {"script", "img"} & {tag for tag, _ in page.tags}
        assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    # Coloured, it comes in a piece a token.
    assert re.sub(r"\s", "", HOSTILE) in re.sub(r"\s", "", "".join(Page(html).words))


def test_the_page_loads_nothing(html):
    for _, attributes in Page(html).tags:
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(r"url\((?!#)|@import", html)


def test_figure_colours_follow_the_theme(html):
    drawings = re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL)
    # Headline, trade-off, changes, frontier, 9 panels and rejections of training, 4 panels of fine-tuning.
    assert len(drawings) == 18
    assert not any("#0102" in drawing for drawing in drawings)
    assert "prefers-color-scheme: dark" in html


def test_ids_do_not_make_figures_use_each_others_shapes(html):
    definitions: dict[str, set[str]] = {}
    for drawing in re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL):
        for identity, body in re.findall(r'<clipPath id="(\w+)">(.*?)</clipPath>', drawing, flags=re.DOTALL):
            definitions.setdefault(identity, set()).add(body)
    assert definitions
    assert all(len(bodies) == 1 for bodies in definitions.values())


def numbers_in(value: Any) -> Iterator[float]:
    """All of a JSON value."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from numbers_in(part)
    elif isinstance(value, int | float):
        yield value


def test_every_number_of_the_tables_is_in_the_json(run, html):
    numbers = json.loads((run / "report.json").read_text())
    known = set()
    for value in map(abs, numbers_in(numbers)):
        known |= {f"{100 * value:.1f}", f"{value:.3f}", f"{value:.3g}", f"{value:.2g}", f"{value:.1e}"}
        known |= {f"{value:,}", format.duration(value)}
    cells = " ; ".join(Page(html).numeric).replace("< 0.001", "")
    shown = re.findall(r"\d+ h \d+ min|\d+ min \d+ s|\d[\d,]*(?:\.\d+)?(?:e[+-]\d+)?", cells)
    assert len(shown) > 500
    assert set(shown) - known == set()
    assert "NaN" not in (run / "report.json").read_text()
    assert numbers["verdict"] in Page(html).text


def test_accuracies_have_intervals(html, data):
    text = Page(html).text
    for arm in data.arms:
        for shown in (arm.task, arm.retention_mean, *arm.retention.values()):
            assert f"{100 * shown.value:.1f} {100 * shown.low:.1f}–{100 * shown.high:.1f}" in text


def test_every_part_has_a_row_an_arm_with_its_transitions(html, data):
    text = Page(html).text[Page(html).text.index("Benchmark by benchmark") :]
    expert = data.arms[1]
    assert list(expert.parts) == ["task", "math500", *expert.retention]
    changes = {
        "task": expert.against_base.gain,
        **expert.against_base.benchmarks,
        **expert.against_base.retention,
    }
    for name, change in changes.items():
        row = re.search(rf"{name} \d+ items, .*? expert (.*?) rewritten", text)
        assert row, name
        lost, gained = (f"{100 * share:.1f} %" for share in (change.lost_adjusted, change.gained_adjusted))
        assert f"{format.points(change.value)} {format.points(change.low)} to" in row[1]
        assert f" {change.lost} {lost} {change.gained} {gained} {format.p_value(change.p_value)}" in row[1]


def test_how_much_the_models_think_is_shown(data, tmp_path, html):
    assert "Replies that think" not in html
    arms = []
    measures = [{"thinks": 0.9, "reasoning_words": 41.6}, {}, {"thinks": 0.5, "reasoning_words": 8.0}]
    for arm, metrics in zip(data.arms, measures, strict=True):
        task = replace(arm.parts["task"], metrics=arm.parts["task"].metrics | metrics)
        arms.append(replace(arm, parts=arm.parts | {"task": task}))
    build_report(replace(data, arms=arms), tmp_path / "report.html")
    text = Page((tmp_path / "report.html").read_text()).text
    assert (
        "Replies that think , task : base 90 % (42 words of reasoning), expert 0 %, rewritten 50 % (8 words"
        in text
    )


def test_lost_form_is_said_where_there_is_some(data, tmp_path, html):
    assert data.lost_form["expert"] == pytest.approx(
        data.arms[1].against_base.forgetting_strict.value - data.arms[1].against_base.forgetting.value
    )
    shown = f"expert : {format.points(data.lost_form['expert'])} points of forgetting when graded strictly"
    assert shown in Page(html).text
    build_report(replace(data, lost_form={"expert": 0.0, "rewritten": 0.0}), tmp_path / "report.html")
    assert "when graded strictly" not in (tmp_path / "report.html").read_text()


def test_a_run_without_drift_benchmarks_and_samples_has_no_empty_tables(tmp_path):
    run = make_run(tmp_path / "run", LAB_WORLD_7, LAB_TASKS)
    for path in run.glob("evaluate-*/result.json"):
        result = json.loads(path.read_text()) | {"drift": None, "benchmarks": []}
        task = result["task"]
        task["scores"] = {name: task["scores"][name] for name in ("strict", "lenient")}
        path.write_text(json.dumps(result))
    build_report(collect(run), run / "report.html")
    text = Page((run / "report.html").read_text()).text
    assert not [title for title in ("Drift", "Sampled answers", "benchmarks") if title in text]


def test_samples_are_coloured_before_and_after(data, html):
    sample = data.samples[0]
    assert "".join(sample.expert.pieces) == sample.expert.text
    assert len(sample.expert.pieces) == len(sample.expert.logprobs)
    assert sample.target.naturalness.mean_logprob == pytest.approx(
        sum(sample.target.logprobs) / len(sample.target.logprobs)
    )
    for text in (sample.expert, sample.target):
        shown = f"{format.number(text.naturalness.mean_logprob)} nats a token"
        assert shown in Page(html).text
    assert html.count('<pre class="tokens">') == len(data.samples) + sum(
        sample.selected is not None for sample in data.samples
    )


def test_false_steps_of_targets_and_of_rejected_candidates_are_shown(tmp_path):
    run = make_run(tmp_path / "run")
    path = run / "rewrite" / "candidates.parquet"
    rejected = {"reason": "false_step", "false_steps": [FALSE]}
    rows = [row if row["gate"] else row | rejected for row in pq.read_table(path).to_pylist()]
    write_table(path, rows, CANDIDATES)
    data = collect(run)
    assert data.rewriting.false_steps == {EXPERTS: 6 / 120, TARGETS: 30 / 120}
    build_report(data, run / "report.html")
    text = Page((run / "report.html").read_text()).text
    assert "false_step" in text
    assert "5 - 4 = 2" in text
    assert ", the value is 1" in text
    (run / "prepare" / "false_steps.jsonl").unlink()
    assert collect(run).rewriting.false_steps[EXPERTS] is None


def test_the_stage_colours_samples_and_leaves_three_files(tmp_path):
    config = RunConfig.model_validate(
        {"name": "r", "output_dir": tmp_path, "model": {}, "data": {"source": "lab"}}
    )
    make_run(config.folder)
    run = SimpleNamespace(config=config, tokens=SimpleNamespace(pieces=pieces))
    report(cast(Any, run), config.folder / "report", Progress("report"))
    written = {path.name for path in (config.folder / "report").iterdir()}
    assert written == {"report.html", "report.json", "report.md"}
    assert '<pre class="tokens">' in (config.folder / "report" / "report.html").read_text()


def test_texts_are_coloured_by_the_backbone_whoever_wrote_them(tmp_path):
    run = make_run(tmp_path / "run")
    rows = {r["problem_id"]: r for r in pq.read_table(run / "rewrite" / "rewrites.parquet").to_pylist()}
    for sample in collect(run, pieces).samples:
        row = rows[sample.problem_id]
        assert row["behavior_logprobs"] != row["prior_logprobs"] == sample.target.logprobs
        assert sample.target.pieces
        assert sample.target.naturalness.mean_logprob == pytest.approx(fmean(row["prior_logprobs"]))


def test_markdown_has_a_row_an_arm_and_one_a_benchmark(run, html, data):
    lines = (run / "report.md").read_text().split("\n")
    assert lines[0] == json.loads((run / "report.json").read_text())["verdict"]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert rows[0] == ["model", "task", "gain", "retention", "forgetting"]
    rewritten = data.arms[2]
    gain, forgetting = rewritten.against_base.gain, rewritten.against_base.forgetting
    assert rows[4][0] == "SFT on rewritten data"
    assert rows[4][1].startswith(f"{100 * rewritten.task.value:.1f} (")
    assert rows[4][2].startswith(f"{100 * gain.value:+.1f} ({100 * gain.low:+.1f} to")
    assert rows[4][4].startswith(f"{100 * forgetting.value:+.1f} (")
    assert [row[0] for row in rows[7:]] == list(rewritten.parts)
    assert "n = 200 test problems and 300 retention items" in "\n".join(lines)


def test_the_laboratorys_world_is_named(tmp_path, html):
    run = make_run(tmp_path / "run", LAB_WORLD_7, LAB_TASKS)
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


def change(value: float, interval: tuple[float, float], n: int, p_value: float) -> Change:
    return Change(value, 0.0, n, *interval, 0, 0, p_value, None, value, 0.0, 0.0)


def test_verdict_names_a_difference_only_beyond_chance(data):
    of = replace(
        data.rewritten_against_expert,
        gain=change(0.02, (-0.01, 0.05), 100, 0.73),
        forgetting=change(-0.1, (-0.14, -0.06), 90, 0.004),
    )
    sentence = verdict(of)
    assert (
        "scores 2.0 points higher on the task, which may be chance (95 % interval −1.0 to 5.0, n = 100"
        in sentence
    )
    assert (
        "forgets 10.0 points less elsewhere (95 % interval 6.0 to 14.0, n = 90 retention items)" in sentence
    )


def test_the_verdict_follows_the_interval_that_it_prints(data):
    touching = change(0.018, (0.0, 0.033), 300, 0.12)
    sentence = verdict(replace(data.rewritten_against_expert, gain=touching, forgetting=touching))
    assert sentence.count("which may be chance (95 % interval 0.0 to 3.3") == 2


def test_an_end_that_is_printed_as_zero_excludes_nothing(data):
    barely, clearly = change(0.018, (0.0004, 0.033), 300, 0.049), change(0.018, (0.0006, 0.033), 300, 0.04)
    sentences = [
        verdict(replace(data.rewritten_against_expert, gain=gain, forgetting=gain))
        for gain in (barely, clearly)
    ]
    assert sentences[0].count("which may be chance (95 % interval 0.0 to 3.3") == 2
    assert "chance" not in sentences[1]
    assert sentences[1].count("(95 % interval 0.1 to 3.3") == 2


def first_screen(data, folder):
    build_report(data, folder / "report.html")
    return Page((folder / "report.html").read_text()).text.split("Learning to rewrite")[0]


def test_the_first_screen_says_what_was_taught_and_what_to_do_next(run, data, tmp_path):
    shown = first_screen(data, tmp_path)
    assert "Taught: the training data , 120 problems, to smollm2-135m-instruct" in shown
    rewritten = [sample for sample in data.samples if sample.selected is not None]
    assert len(rewritten) == 3
    assert shown.count("The rewrite ") == shown.count("The expert's answer ") == 3
    for command in data.next_commands.values():
        assert command in shown
    assert f"vllm serve {run.absolute()}/sft-rewritten/model" in data.next_commands.values()


@pytest.mark.parametrize("certain", [True, False])
def test_samples_come_first_if_no_difference_is_beyond_chance(data, tmp_path, certain):
    gain = change(0.02, (0.01, 0.03) if certain else (-0.01, 0.05), 100, 0.0)
    none = change(0.0, (0.0, 0.0), 50, 1.0)
    compared = replace(data.rewritten_against_expert, gain=gain, forgetting=none)
    shown = first_screen(replace(data, rewritten_against_expert=compared), tmp_path)
    assert (shown.index("Against SFT") < shown.index("The rewrite ")) == certain
    assert ("Neither difference is beyond chance" in shown) != certain


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"source": "file", "train": "some/rows.jsonl"}, "rows.jsonl"),
        ({"source": "file", "train": ["a/x.csv", "b/y.csv"]}, "x.csv, y.csv"),
        ({"source": "hub", "name": "openai/gsm8k"}, "openai/gsm8k"),
        ({"source": "mix", "sources": {"mine": {}, "lab": {}}}, "a mix of mine, lab"),
        ({"source": "sciq"}, "science questions (SciQ)"),
        ({"source": "squad"}, "reading questions (SQuAD)"),
        ({"source": "lab"}, "problems of the laboratory"),
        ({}, "the training data"),
    ],
)
def test_the_data_that_was_taught(section, said):
    assert taught(section) == said


def test_verdict_of_no_difference(data):
    none = change(0.0, (0.0, 0.0), 50, 1.0)
    sentence = verdict(replace(data.rewritten_against_expert, gain=none, forgetting=none))
    assert "scores the same on the task (95 % interval 0.0 to 0.0, n = 50 test problems)" in sentence


def test_no_difference_has_no_sign():
    assert [format.points(value) for value in (-0.0, -0.0001, 0.0001, -0.01, 0.1)] == [
        "0.0",
        "0.0",
        "0.0",
        "−1.0",
        "+10.0",
    ]


def test_evaluations_on_the_way_are_drawn_with_the_kept_checkpoint(run, tmp_path):
    points = [Point(step, 0.1 + step / 100, step / 100, 0.0, 0.1 + step / 100) for step in (0, 10, 20)]
    data = replace(collect(run), evaluation_curves={"expert": EvaluationCurve(points, 20)})
    build_report(data, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "20 (kept)" in Page(page).text
    assert "10 (kept)" not in Page(page).text
    build_report(collect(run), tmp_path / "report.html")
    assert "On the way" not in (tmp_path / "report.html").read_text()


def test_the_evaluations_of_a_student_are_read_and_named(tmp_path):
    run = make_student_run(tmp_path / "run")
    points = [Point(step, 0.1, 0.0, 0.0, 0.1) for step in (0, 10)]
    write_curve(run / "student", points)
    manifest = run / "student" / "manifest.json"
    found = read_json(manifest)
    write_json(manifest, found | {"counts": found["counts"] | {"evaluations": 2, "kept_step": 10}})
    data = collect(run)
    assert data.evaluation_curves == {"rewritten": EvaluationCurve(points, 10)}
    build_report(data, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text()).text
    assert re.search(r"student\s+10 \(kept\)", page)


def test_replies_of_a_student_are_beside_those_of_the_backbone(tmp_path):
    run = make_student_run(tmp_path / "run")
    data = collect(run)
    assert [sample.question for sample in data.replies] == [f"Question task-{i}?" for i in range(3)]
    scores = {
        arm: read_result(run / f"evaluate-{arm}" / "result.json").task.scores for arm in ("base", "rewritten")
    }
    for i, sample in enumerate(data.replies):
        for arm, model, reply in (("base", "base", sample.base), ("rewritten", "student", sample.student)):
            assert reply.text.startswith(f"{model} on task-{i}: ")
            assert reply.right == scores[arm]["strict"][f"task-{i}"]
    build_report(data, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text()
    assert "<script>" not in html
    assert "Before: base, wrong" in Page(html).text
    assert "After: GRPO student, " in Page(html).text
    assert collect(make_run(tmp_path / "other")).replies == []
