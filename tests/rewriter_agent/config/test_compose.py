from pathlib import Path

import pytest

from rewriter_agent.config import load_config
from rewriter_agent.config.compose import merge, read_config_tree


def write(folder: Path, **texts: str) -> Path:
    """Config files by name; returns the last one's path."""
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
    return path


def test_a_config_takes_from_its_base_all_that_it_does_not_set(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        base="name: base\nseed: 3\nmodel: {}\ndata: {source: gsm_symbolic, num_train: 5}\ntrain: {max_steps: 7}\n",
        run="base: base.yaml\nname: run\ntrain: {num_generations: 2, per_device_train_batch_size: 2}\n",
    )
    config = load_config(path, ["train.max_steps=9"])
    assert (config.name, config.seed, config.train.num_generations, config.train.max_steps) == (
        "run",
        3,
        2,
        9,
    )


def test_a_section_of_another_kind_replaces_the_base_s() -> None:
    base = {"data": {"source": "hub", "name": "x"}, "sft": {"weight": {"kind": "token_is", "clip_max": 2}}}
    changes = {"data": {"source": "file", "train": "t"}, "sft": {"weight": {"kind": "none"}}}
    assert merge(base, changes) == {
        "data": {"source": "file", "train": "t"},
        "sft": {"weight": {"kind": "none"}},
    }


def test_lists_and_null_replace() -> None:
    assert merge({"a": {"b": [1, 2], "c": 1}}, {"a": {"b": [3], "c": None}}) == {"a": {"b": [3], "c": None}}


def test_bases_are_found_from_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path, top="name: top\n")
    write(tmp_path / "sub", middle="base: ../top.yaml\nseed: 1\n", run="base: middle.yaml\nseed: 2\n")
    assert read_config_tree(tmp_path / "sub" / "run.yaml") == {"name": "top", "seed": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: run.yaml\n", "in a circle"),
        ("base: other.yaml\n", "in a circle"),
        ("base: [a.yaml]\n", "takes the path of one config file"),
        ("base: missing.yaml\n", "missing.yaml"),
        ("base: list.yaml\n", "must hold sections"),
    ],
)
def test_a_base_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, other="base: run.yaml\n", list="- 1\n")
    with pytest.raises(ValueError, match=message):
        read_config_tree(write(tmp_path, run=text))
