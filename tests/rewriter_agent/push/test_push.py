"""`push`: what arrives at a hub, what the cards say, and that nothing goes unasked."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
import yaml

from rewriter_agent.cli import main
from rewriter_agent.config import load_config, make_config
from rewriter_agent.data.prompts import ANSWER_FORMAT
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.pipeline import SFT_REWRITTEN
from rewriter_agent.push.cards import adapter_card, model_card
from rewriter_agent.push.redact import public_config
from rewriter_agent.push.uploads import pack
from tests.helpers.fake_hub import FORBIDDEN, FakeHub, fake_hub
from tests.helpers.finished_run import TABLE, finished_run

ALL = ["--model", "ann/m", "--adapter", "ann/a", "--dataset", "ann/d"]
Refused = Callable[..., str]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The hub that this process and its children know, and are logged in to."""
    with fake_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", "hf_made_up")
        yield hub


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return finished_run(tmp_path / "private-place", str(LAB_FOLDER))


@pytest.fixture
def refused(config: Path, hub: FakeHub, capsys: pytest.CaptureFixture[str]) -> Refused:
    """The message of a push that must end with status 2 and send no file."""

    def run(*arguments: str) -> str:
        assert main(["push", str(config), *arguments]) == 2
        assert not hub.commits
        return capsys.readouterr().err.split("error: ", 1)[1]

    return run


def push(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rewriter_agent", "push", str(config), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."})
    assert done.returncode == 0, done.stderr
    return done


def card(content: bytes) -> huggingface_hub.ModelCard:
    return huggingface_hub.ModelCard(content.decode())


def names_a_place(text: str) -> bool:
    """Whether it holds an absolute path."""
    return bool(re.search(r"(?<![\w/:.<])/\w+/\w", text)) or "private-place" in text


def test_what_arrives_is_what_is_there_and_a_card(config: Path, hub: FakeHub) -> None:
    run = load_config(config).folder
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    done = push(config, *ALL, "--private", "--yes")

    assert hub.private == {"models/ann/m": True, "models/ann/a": True, "datasets/ann/d": True}
    assert hub.tokens == {"Bearer hf_made_up"}
    assert [len(commits) for commits in hub.commits.values()] == [1, 1, 1]
    model, adapter, dataset = (hub.commits[repo][0] for repo in hub.private)
    stages = {"sft-rewritten/model": model, "train/adapter": adapter, "dataset": dataset}
    for folder, arrived in stages.items():
        for name, content in arrived.items():
            if name not in ("README.md", "adapter_config.json"):
                assert content == (run / folder / name).read_bytes()
    assert set(model) == {"config.json", "model.safetensors", "README.md"}
    assert set(adapter) == {"adapter_config.json", "adapter_model.safetensors", "README.md"}
    assert set(dataset) == {"data/train-00000-of-00001.parquet", "README.md"}
    assert dataset["README.md"] == (run / "dataset" / "README.md").read_bytes()
    assert card(model["README.md"]).data.datasets == ["ann/d"]
    assert json.loads(adapter["adapter_config.json"]) == {"base_model_name_or_path": None, "r": 16}
    assert not any(
        names_a_place(arrived[name].decode())
        for arrived in stages.values()
        for name in arrived
        if not name.endswith((".safetensors", ".parquet"))
    )

    assert done.stdout.splitlines() == [
        f"model: {hub.url}/ann/m",
        f"adapter: {hub.url}/ann/a",
        f"dataset: {hub.url}/datasets/ann/d",
    ]
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_without_yes_all_is_shown_and_nothing_sent(config: Path, hub: FakeHub) -> None:
    done = push(config, *ALL)
    assert not hub.requests
    assert "model -> ann/m (model repo, public)" in done.stdout
    assert "dataset -> ann/d (dataset repo, public)" in done.stdout
    assert re.search(r"  model.safetensors +7 kB\n", done.stdout)
    assert re.search(r"  in all +\d", done.stdout)
    assert "library_name: peft" in done.stdout
    assert "# made-up" in done.stdout
    assert done.stdout.endswith("nothing was sent; the same command with --yes sends it\n")
    assert done.stderr.startswith("warning: ann/d is to be public, and its card names no licence")


def test_only_what_is_named_goes(config: Path, hub: FakeHub) -> None:
    assert main(["push", str(config), "--dataset", "ann/d", "--yes"]) == 0
    assert hub.private == {"datasets/ann/d": False}
    assert list(hub.commits) == ["datasets/ann/d"]


def test_pushed_again_it_is_another_commit(config: Path, hub: FakeHub) -> None:
    for _ in range(2):
        assert main(["push", str(config), "--model", "ann/m", "--yes"]) == 0
    first, second = hub.commits["models/ann/m"]
    assert first == second


@pytest.mark.parametrize("licence", ["other", "mit"])
@pytest.mark.parametrize("private", [True, False])
def test_data_without_a_licence_is_warned_of_where_it_is_to_be_public(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], licence: str, private: bool
) -> None:
    config = finished_run(tmp_path / "run", str(LAB_FOLDER), dataset={"license": licence})
    arguments = ["push", str(config), "--dataset", "ann/d", *(["--private"] if private else [])]
    assert main(arguments) == 0
    assert ("warning" in capsys.readouterr().err) == (licence == "other" and not private)


def test_the_card_of_a_model(tmp_path: Path) -> None:
    config = load_config(finished_run(tmp_path / "private-place", "org/backbone"))
    written = huggingface_hub.ModelCard(model_card(config, "ann/m", None))
    assert written.data.to_dict() == {
        "base_model": "org/backbone",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["rewriter-agent", "sft", "policy"],
    }
    assert "trained for it (40 GRPO steps)" in written.text
    assert "60 training targets for 60 problems" in written.text
    assert "rewritten 51, expert_fallback 9" in written.text
    assert "steps 30, epochs 1, learning rate 2e-05, weight of the loss `token_is`" in written.text
    assert TABLE in written.text
    assert "Made with rewriter-agent 0.1.0, torch 2.13.0." in written.text
    assert '"content": "QUESTION\\n\\nEnd with a last line of the form: #### answer"' in written.text
    assert "Be brief." in written.text
    assert not names_a_place(written.text)
    config_block = re.search(r"````yaml\n(.*?)````", written.text, re.DOTALL)
    assert config_block
    shown = yaml.safe_load(config_block[1])
    assert shown["data"]["train"] == "train.jsonl"
    assert shown["sft"]["replay"]["path"] == "general.jsonl"
    assert shown["reward"]["embedding_model"] == "embedder"
    assert shown["model"]["name_or_path"] == "org/backbone"


def test_the_card_of_a_model_on_the_rewrites_of_the_backbone(tmp_path: Path) -> None:
    path = finished_run(tmp_path / "run", "org/backbone", rewrite={"strategy": "best_of_n"})
    card = model_card(load_config(path), "ann/m", None)
    assert "expert solutions rewritten by `org/backbone` itself, by prompt" in card
    assert "\ntrain:" not in card


@pytest.mark.parametrize(
    ("method", "strategy", "told"),
    [
        ("accepted_only", "best_of_n", "51 training targets for 60 problems"),
        ("self_train", "self_train", "only if it passed a check against the gold answer (rewritten 51)"),
        ("self_train", "self_train_unverified", "No answer was verified"),
    ],
)
def test_the_card_of_a_model_counts_the_rows_of_its_method(
    tmp_path: Path, method: str, strategy: str, told: str
) -> None:
    sections = {"method": method, "rewrite": {"strategy": strategy}}
    card = model_card(load_config(finished_run(tmp_path / "run", "org/backbone", **sections)), "ann/m", None)
    assert told in card
    assert "expert_fallback" not in card.split("````yaml")[0]


def test_a_student_is_a_model_and_nothing_else(tmp_path: Path) -> None:
    config = load_config(finished_run(tmp_path / "run", "org/backbone", method="grpo", sft={}))
    (upload,) = pack(config, {"model": "ann/m"})
    assert upload.files["model.safetensors"] == config.folder / "student" / "model" / "model.safetensors"
    written = huggingface_hub.ModelCard(upload.card)
    assert written.data.to_dict()["tags"] == ["rewriter-agent", "grpo"]
    assert "`org/backbone`, trained with rewriter-agent by GRPO on 60 problems" in written.text
    assert "reward 0.31 → 0.84" in written.text
    assert "## Results" in written.text
    assert "rewrite" not in written.text.replace("rewriter-agent", "").split("## Results")[0]
    for kind in ("adapter", "dataset"):
        with pytest.raises(ValueError, match=f"without a data set; leave --{kind} out"):
            pack(config, {kind: "ann/x"})


@pytest.mark.parametrize(("style", "convention"), [("answer", "contains"), ("quote", "text")])
def test_a_card_asks_as_the_data_did(tmp_path: Path, style: str, convention: str) -> None:
    evaluate = {"retention": ["arc_easy"]}
    path = finished_run(
        tmp_path / "run", "org/backbone", data={"source": "sciq", "style": style}, evaluate=evaluate
    )
    assert ANSWER_FORMAT[convention] in model_card(load_config(path), "ann/m", None)


def test_no_source_of_a_mix_shows_where_it_lies(tmp_path: Path) -> None:
    place = tmp_path / "private-place"
    sources = {
        "mine": {"source": "file", "train": str(place / "rows.jsonl"), "test": str(place / "test.jsonl")},
        "folder": {"source": "hub", "name": str(place / "rows")},
    }
    path = finished_run(tmp_path / "run", "org/backbone")
    tree = yaml.safe_load(path.read_text()) | {"data": {"source": "mix", "sources": sources}}
    shown = public_config(make_config(tree), ("data",))
    assert not names_a_place(shown)
    assert yaml.safe_load(shown)["data"]["sources"]["mine"]["train"] == "rows.jsonl"


def test_a_card_asks_as_the_user_does(tmp_path: Path) -> None:
    prompts = {"answer_format": "Ende mit #### Zahl", "rewrite": "instructions-de"}
    config = load_config(finished_run(tmp_path / "run", "org/backbone", prompts=prompts))
    assert '"QUESTION\\n\\nEnde mit #### Zahl"' in model_card(config, "ann/m", None)
    written = adapter_card(config, "ann/a")
    assert "QUESTION\n\nDie Antwort eines Experten:\nEXPERT SOLUTION\n" in written
    assert "rewrite: instructions-de" in written


def test_a_prompt_cannot_end_its_fence(tmp_path: Path) -> None:
    template = tmp_path / "mine.jinja"
    template.write_text("{{ question }}\n````\n# Mine\n{{ solution }}")
    config = load_config(finished_run(tmp_path / "run", "org/backbone", prompts={"rewrite": str(template)}))
    written = adapter_card(config, "ann/a")
    assert "`````text\nQUESTION\n````\n# Mine\nEXPERT SOLUTION\n`````\n" in written
    assert "rewrite: mine.jinja" in written
    assert not names_a_place(written)


def test_the_card_of_an_adapter(tmp_path: Path) -> None:
    config = load_config(finished_run(tmp_path / "private-place", "org/backbone"))
    written = huggingface_hub.ModelCard(adapter_card(config, "ann/a"))
    assert written.data.to_dict() == {
        "base_model": "org/backbone",
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["rewriter-agent", "lora", "grpo"],
    }
    assert "steps 40, rollouts 640" in written.text
    assert "reward 0.31 → 1.24" in written.text
    assert "QUESTION\n\nNotes:\nEXPERT SOLUTION\n" in written.text
    config.prompts.show_answer = False
    assert "EXPERT SOLUTION WITH ___ FOR ITS RESULT\n" in adapter_card(config, "ann/a")
    assert 'backbone = "org/backbone"' in written.text
    assert not names_a_place(written.text)


def test_a_local_backbone_is_no_base_model(config: Path) -> None:
    run = load_config(config)
    for written in (model_card(run, "ann/m", None), adapter_card(run, "ann/a")):
        assert "base_model" not in huggingface_hub.ModelCard(written).data.to_dict()


@pytest.mark.parametrize("name", ["lab", "smollm2-135m-instruct"])
def test_an_embedded_backbone_is_no_base_model_and_is_said_to_be_one(tmp_path: Path, name: str) -> None:
    card = model_card(load_config(finished_run(tmp_path / "run", name)), "ann/m", None)
    assert "base_model" not in huggingface_hub.ModelCard(card).data.to_dict()
    assert f"`{name}` (" in card


def test_results_of_another_config_are_left_out(config: Path) -> None:
    run = load_config(config, ["evaluate.max_completion_length=99"])
    assert SFT_REWRITTEN.complete(run)
    assert "## Results" not in model_card(run, "ann/m", None)


def test_nothing_named(refused: Refused) -> None:
    assert refused("--yes").startswith("push needs to know what goes where: name one or more of --model")


@pytest.mark.parametrize(
    ("repo", "message"),
    [
        ("ann//m", "--model ann//m: Repo id must be in the form"),
        ("ann/m m", "--model ann/m m: Repo id must use alphanumeric chars"),
        ("m", "--model m: name the owner too, you or an organisation (owner/m)"),
    ],
)
def test_no_repos_name(refused: Refused, repo: str, message: str) -> None:
    assert refused("--model", repo, "--yes").startswith(message)


def test_two_models_in_one_repo(refused: Refused) -> None:
    message = refused("--model", "ann/m", "--adapter", "ann/m", "--yes")
    assert message.startswith("--model and --adapter both name ann/m")


@pytest.mark.parametrize(
    ("kind", "stage", "command"),
    [("model", "sft-rewritten", "sft"), ("adapter", "train", "train"), ("dataset", "dataset", "rewrite")],
)
def test_a_stage_that_is_not_complete(
    refused: Refused, config: Path, kind: str, stage: str, command: str
) -> None:
    (load_config(config).folder / stage / "manifest.json").unlink()
    message = refused(f"--{kind}", "ann/x", "--yes")
    assert message.startswith(f"--{kind}: stage '{stage}' of ")
    assert f"`rewriter-agent {command} CONFIG` does it" in message


def test_a_model_of_another_config(refused: Refused) -> None:
    message = refused("--model", "ann/m", "--set", "sft.learning_rate=1.0e-4", "--yes")
    assert "is not complete, or its inputs have changed since" in message


def test_a_run_that_trains_no_rewriter(refused: Refused) -> None:
    message = refused("--adapter", "ann/a", "--set", "rewrite.strategy=best_of_n", "--yes")
    assert message.startswith("this run trains no rewriting policy (rewrite.strategy=best_of_n")


def test_not_logged_in(
    refused: Refused, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    assert refused("--model", "ann/m", "--yes").startswith(
        "you are not logged in to the Hugging Face Hub; run"
    )
    assert not hub.requests


def test_a_token_that_may_not_write_there(refused: Refused) -> None:
    message = refused("--dataset", "ann/d", "--model", f"{FORBIDDEN}/m", "--yes")
    assert message.startswith(f"--model {FORBIDDEN}/m: ")
    assert "You don't have the rights to create a model" in message
    assert "may your token write there (`hf auth whoami`)?" in message


def test_a_hub_that_is_not_reached(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "Is the hub reached" in refused("--model", "ann/m", "--yes")


def test_a_private_push_to_a_public_repo(refused: Refused, hub: FakeHub) -> None:
    hub.private = {"models/ann/m": False}
    message = refused(*ALL, "--private", "--yes")
    assert message.startswith("--private: ann/m exists and is public, so nothing was sent")


def test_checks_of_ones_own_are_published_without_their_text_and_place(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def same(question, reference, rewrite): return 'secret' in rewrite\n")
    (tmp_path / "rubric.txt").write_text("A secret rubric.")
    judge = {"url": "http://host-of-mine:8000/v1", "model": "m", "rubric": str(tmp_path / "rubric.txt")}
    reference = {
        "verifier": f"{tmp_path / 'mine.py'}:same",
        "judge": judge,
        "entailment": {"model": str(tmp_path / "nli")},
    }
    tree = {"name": "r", "model": {}, "data": {"source": "lab"}, "reward": {"reference": reference}}
    shown = public_config(make_config(tree), ("reward",))
    assert "function: same" in shown
    assert "model: nli" in shown
    assert "sha256 " in shown
    for private in ("secret", "host-of-mine", str(tmp_path)):
        assert private not in shown
