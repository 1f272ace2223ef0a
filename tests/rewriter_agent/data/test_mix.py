"""Several sources in one run: weights, shares, test problems, and mixes that cannot be."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rewriter_agent.cli import main
from rewriter_agent.config import RunConfig, make_config
from rewriter_agent.config.data import MixData
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.mix import source_counts, source_name
from rewriter_agent.data.problem import Problem
from rewriter_agent.io.files import write_jsonl
from rewriter_agent.runtime.fingerprints import input_hashes


def rows(prefix: str, count: int) -> list[dict[str, Any]]:
    return [
        {"question": f"{prefix} {number}?", "solution": f"It is {number}.\n#### {number}", "kind": prefix}
        for number in range(count)
    ]


def source(
    folder: Path, name: str, train: list[dict[str, Any]], test: int = 2, **options: Any
) -> dict[str, Any]:
    write_jsonl(folder / f"{name}.jsonl", train)
    write_jsonl(folder / f"{name}-test.jsonl", rows(f"test {name}", test))
    files = {"train": str(folder / f"{name}.jsonl"), "test": str(folder / f"{name}-test.jsonl")}
    return {"source": "file", **files, **options}


def mix(sources: dict[str, Any], **options: Any) -> MixData:
    return MixData.model_validate({"sources": sources, **options})


def run_config(**data: Any) -> RunConfig:
    return make_config({"name": "r", "model": {"name_or_path": "lab"}, "data": {"source": "mix", **data}})


def names(problems: list[Problem]) -> Counter[str]:
    return Counter(source_name(problem.source) for problem in problems)


@pytest.mark.parametrize(
    ("sizes", "weights", "limit", "expected"),
    [
        ({"a": 30, "b": 30}, {}, None, {"a": 30, "b": 30}),
        ({"a": 30, "b": 30}, {"a": 2}, None, {"a": 30, "b": 15}),
        ({"a": 30, "b": 4}, {"a": 2}, None, {"a": 8, "b": 4}),
        ({"a": 30, "b": 30}, {"a": 0.9, "b": 0.1}, 20, {"a": 18, "b": 2}),
        ({"a": 30, "b": 30, "c": 30}, {"a": 5, "b": 3, "c": 2}, 10, {"a": 5, "b": 3, "c": 2}),
        ({"a": 30}, {"a": 7}, 10, {"a": 10}),
    ],
)
def test_the_training_problems_have_the_shares_of_the_weights(
    tmp_path: Path,
    sizes: dict[str, int],
    weights: dict[str, float],
    limit: int | None,
    expected: dict[str, int],
) -> None:
    sources = {name: source(tmp_path, name, rows(name, size)) for name, size in sizes.items()}
    found = load_problems(mix(sources, weights=weights, num_train=limit))
    given = names(found.train)
    # Up to rounding, when a source is exhausted.
    assert all(abs(given[name] - count) <= 1 for name, count in expected.items())
    assert limit is None or given == expected
    assert len({problem.id for problem in found.train}) == len(found.train) == found.counts["train"]
    assert found.counts["unmixed"] == sum(sizes.values()) - len(found.train)
    assert source_counts(mix(sources), [p.source for p in found.train], [p.source for p in found.test]) == {
        **{f"train/{name}": given[name] for name in sizes},
        **{f"test/{name}": 2 for name in sizes},
    }


def test_every_beginning_of_the_mix_has_the_shares(tmp_path: Path) -> None:
    sources = {name: source(tmp_path, name, rows(name, 60)) for name in ("a", "b", "c")}
    weights = {"a": 3.0, "b": 2.0, "c": 1.0}
    train = load_problems(mix(sources, weights=weights)).train
    for length in range(1, len(train) + 1):
        given = names(train[:length])
        assert all(abs(given[name] - length * weight / 6) <= 1 for name, weight in weights.items())
        fewer = (
            load_problems(mix(sources, weights=weights, num_train=length)).train if length % 25 == 6 else None
        )
        assert fewer is None or fewer == train[:length]


def test_the_mix_depends_on_its_seed_alone(tmp_path: Path) -> None:
    sources = {name: source(tmp_path, name, rows(name, 40)) for name in ("a", "b")}
    first = load_problems(mix(sources, num_train=20))
    assert load_problems(mix(dict(reversed(sources.items())), num_train=20)) == first
    assert {p.id for p in load_problems(mix(sources, num_train=20, seed=1)).train} != {
        p.id for p in first.train
    }
    # A source's problems are drawn, not its first ones.
    numbers = [int(p.answer) for p in first.train if p.source == "a"]
    assert max(numbers) > 10


def test_test_problems_are_those_of_all_sources_under_their_names(tmp_path: Path) -> None:
    with_kind = source(tmp_path, "b", rows("b", 5), test=4, columns={"source": "kind"})
    sources = {"a": source(tmp_path, "a", rows("a", 5), test=3), "b": with_kind}
    found = load_problems(mix(sources, weights={"a": 4}))
    assert Counter(p.source for p in found.test) == {"a": 3, "b/test b": 4}
    assert {p.source for p in found.train} == {"a", "b/b"}


def test_equal_questions_are_there_once_and_no_test_question_is_trained_on(tmp_path: Path) -> None:
    shared = rows("shared", 4)
    sources = {
        "a": source(tmp_path, "a", [*rows("a", 10), *shared]),
        "b": source(tmp_path, "b", [*rows("b", 10), *shared, *rows("test a", 1)]),
    }
    found = load_problems(mix(sources))
    ids = [problem.id for problem in found.train]
    assert len(set(ids)) == len(ids)
    assert not set(ids) & {problem.id for problem in found.test}
    assert (found.counts["train_duplicates"], found.counts["overlap"]) == (4, 1)


def test_sources_of_other_kinds_can_be_mixed() -> None:
    sources = {"lab": {"source": "lab", "num_train": 8, "num_test": 3}, "gsm": {"source": "gsm_symbolic"}}
    found = load_problems(mix(sources, weights={"lab": 1, "gsm": 2}))
    assert abs(names(found.train)["gsm"] - 2 * names(found.train)["lab"]) <= 1
    assert names(found.test) == {"lab": 3, "gsm": 128}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"sources": {}}, "data.sources: Dictionary should have at least 1 item"),
        ({}, "data.sources: Field required"),
        (
            {"sources": {"lab": {"source": "lab"}}, "weights": {"lab": 0}},
            "data.weights.lab: Input should be greater",
        ),
        (
            {"sources": {"lab": {"source": "lab"}}, "weights": {"lab": float("inf")}},
            "data.weights.lab: Input should",
        ),
        (
            {"sources": {"lab": {"source": "lab"}}, "weights": {"lob": 1}},
            "data: weights names lob; the sources of the mix are lab",
        ),
        (
            {
                "sources": {
                    "lab": {"source": "lab"},
                    "b": {"source": "file", "train": "x", "convention": "boxed"},
                }
            },
            r"data: the sources of a mix need one answer convention.*lab: ####, b: boxed",
        ),
        (
            {"sources": {"a": {"source": "mix", "sources": {}}}},
            "data.sources: sources.a is a mix itself",
        ),
        ({"sources": [{"source": "lab"}]}, "data.sources: sources gives each source a name"),
        (
            {"sources": {"a": {"source": "lab", "weight": 2}}},
            "sources.a has a key weight; set data.weights.a",
        ),
        ({"sources": {"a": {"train": "x"}}}, "data.sources.a needs source"),
        ({"sources": {"a/b": {"source": "lab"}}}, "data.sources.a/b.*should match pattern"),
        (
            {"sources": {"lab": {"source": "file", "train": "x", "colums": {}}}},
            "unknown config key 'data.sources.lab.colums'; did you mean 'columns'",
        ),
        (
            {"sources": {"lab": {"source": "lab", "on_false_step": "drop"}}},
            "data: sources.lab.on_false_step=drop would not be read",
        ),
        (
            {"sources": {"lab": {"source": "lab"}}, "source_weights": {}},
            "unknown config key 'data.source_weights'",
        ),
    ],
)
def test_a_mix_that_cannot_be_is_one_message(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        run_config(**data)
    assert "\n" not in str(error.value)


def test_a_source_that_gives_nothing_is_one_message(tmp_path: Path) -> None:
    shared = rows("shared", 4)
    sources = {"a": source(tmp_path, "a", shared), "b": source(tmp_path, "b", shared)}
    with pytest.raises(ValueError, match=r"data.sources.b has no training problem of its own"):
        load_problems(mix(sources))
    sources["b"] = source(tmp_path, "b", rows("b", 4))
    with pytest.raises(ValueError, match=r"data.weights gives b none of the 4 training problems"):
        load_problems(mix(sources, weights={"b": 0.01}))


def test_a_fault_of_a_source_names_it(tmp_path: Path) -> None:
    sources = {
        "a": source(tmp_path, "a", rows("a", 4)),
        "b": {"source": "file", "train": str(tmp_path / "none.jsonl")},
    }
    with pytest.raises(ValueError, match=r"^data.sources.b: data.train: there is no file"):
        load_problems(mix(sources))
    bad = source(tmp_path, "b", [*rows("b", 4), {"question": "?"}], on_bad_row="skip")
    assert load_problems(mix({"b": bad})).skipped[0].startswith("data.sources.b: 1 of 5 rows skipped")


def test_retention_tasks_of_a_source_are_refused() -> None:
    sources = {"sciq": {"source": "sciq", "style": "answer"}}
    tree = {"name": "r", "model": {"name_or_path": "lab"}, "data": {"source": "mix", "sources": sources}}
    with pytest.raises(ValueError, match=r"whose questions data\.source=sciq trains on"):
        make_config({**tree, "evaluate": {"retention": ["sciq_generate"]}})


def test_an_edited_file_of_a_source_is_seen(tmp_path: Path) -> None:
    sources = {"a": source(tmp_path, "a", rows("a", 4)), "lab": {"source": "lab"}}
    config = run_config(sources=sources)
    before = input_hashes(config)
    assert {str(tmp_path / "a.jsonl"), str(tmp_path / "a-test.jsonl"), "lab world"} <= before.keys()
    write_jsonl(tmp_path / "a.jsonl", rows("c", 4))
    assert input_hashes(config) != before


def test_an_edited_file_in_the_home_folder_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    source(tmp_path, "a", rows("a", 4))
    config = run_config(sources={"a": {"source": "file", "train": "~/a.jsonl", "test_size": 1}})
    before = input_hashes(config)
    write_jsonl(tmp_path / "a.jsonl", rows("c", 4))
    assert input_hashes(config) != before


def test_plan_shows_the_mix(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = {"source": "mix", "sources": {"lab": {"source": "lab"}, "gsm": {"source": "gsm_symbolic"}}}
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"name": "r", "model": {"name_or_path": "lab"}, "data": data}))
    assert main(["plan", str(path), "--set", "data.weights.lab=3"]) == 0
    assert "training problems: lab 75.0%, gsm 25.0%" in capsys.readouterr().out


def test_plan_refuses_a_source_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = {"lab": {"source": "lab"}, "mine": {"source": "file", "train": str(tmp_path / "none.jsonl")}}
    path = tmp_path / "config.yaml"
    tree = {"name": "r", "model": {"name_or_path": "lab"}, "data": {"source": "mix", "sources": sources}}
    path.write_text(json.dumps(tree))
    assert main(["plan", str(path)]) == 2
    assert "data.sources.mine: data.train: there is no file" in capsys.readouterr().err
