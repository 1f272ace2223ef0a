"""Models that are damaged, incomplete, of another kind or out of reach: one message, no question on the terminal."""

import ast
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.models.resolve import resolve_model
from rewriter_agent.models.size import model_shape

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
ROOT = Path(__file__).parents[3]
PACKAGES = ("rewriter_agent", "cluster", "sft")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the laboratory's backbone."""
    return Path(shutil.copytree(LAB_FOLDER, tmp_path / "model"))


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes a question on the terminal fail the test."""

    def asked(*_: object) -> str:
        pytest.fail("a question was asked on the terminal")

    monkeypatch.setattr("builtins.input", asked)


def refusal(path: Path | str) -> str:
    with pytest.raises(ValueError) as error:  # noqa: PT011 the messages are tested
        load(str(path))
    assert type(error.value) is ValueError
    assert len(str(error.value)) < 1000
    return str(error.value)


def load(path: str) -> None:
    """What `plan` and every run do first."""
    resolved = resolve_model(path)
    load_tokens(resolved, ModelConfig(name_or_path=path))
    model_shape(resolved)


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def test_a_whole_model_is_loaded(model: Path) -> None:
    load(str(model))


def _replaced(name: str, content: bytes) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        (model / name).write_bytes(content)

    return change


def _adapter(model: Path) -> None:
    (model / "config.json").rename(model / "adapter_config.json")


def _gguf(model: Path) -> None:
    (model / "config.json").unlink()
    (model / "model.gguf").write_bytes(b"GGUF")


def _only_torch(content: bytes) -> Callable[[Path], None]:
    def change(model: Path) -> None:
        (model / "model.safetensors").unlink()
        (model / "pytorch_model.bin").write_bytes(content)

    return change


def _missing_shard(model: Path) -> None:
    index = {"weight_map": {"lm_head.weight": "model-00001-of-00002.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))


def _broken_link(model: Path) -> None:
    (model / "model.safetensors").unlink()
    (model / "model.safetensors").symlink_to("../../blobs/gone")


def _pipe(model: Path) -> None:
    (model / "chat_template.jinja").unlink()
    os.mkfifo(model / "chat_template.jinja")


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "config is a pointer": (_replaced("config.json", LFS), "config.json' is a Git LFS pointer"),
    "config is empty": (_replaced("config.json", b""), "config.json' is not JSON (Expecting value"),
    "config is broken": (_replaced("config.json", b'{"model_type": '), "config.json' is not JSON"),
    "config is nested": (
        _replaced("config.json", b"[" * 100_000),
        "config.json' is nested too deep",
    ),
    "config is a list": (_replaced("config.json", b"[]"), "config.json' holds a list, not an object"),
    "config is a web page": (_replaced("config.json", b"<html>404</html>"), "config.json' is a web page"),
    "config is missing": (lambda model: (model / "config.json").unlink(), "there is no model in"),
    "config has no type": (_replaced("config.json", b"{}"), "model_type"),
    "unknown type": (lambda model: edit(model / "config.json", model_type="lama"), "`lama`"),
    "impossible size": (
        lambda model: edit(model / "config.json", hidden_size="many"),
        "config.json', hidden_size: ",
    ),
    "weights of another vocabulary": (
        lambda model: edit(model / "config.json", vocab_size=500),
        "model.embed_tokens.weight has the shape (512, 192), and by the config (500, 192)",
    ),
    "weights of another width": (
        lambda model: edit(model / "config.json", intermediate_size=7),
        "are not those of its config.json: model.layers.0.mlp",
    ),
    "weights of fewer layers": (
        lambda model: edit(model / "config.json", num_hidden_layers=40),
        "are not those of its config.json, or not all of them",
    ),
    "no weights in the file": (
        _replaced("model.safetensors", b"\x02\0\0\0\0\0\0\0{}"),
        "they are 0 numbers, and the config describes",
    ),
    "an archive without weights": (_only_torch(b"PK\x05\x06" + bytes(18)), "holds no weights that are safe"),
    "a program in place of weights": (
        _only_torch(b"\x80\x04cos\nsystem\n(S'exit 1'\ntR."),
        "holds no weights that are safe",
    ),
    "text in place of weights": (_only_torch(b"none"), "holds no weights that are safe"),
    "another task": (
        lambda model: edit(model / "config.json", architectures=["LlamaForSequenceClassification"]),
        "its architecture LlamaForSequenceClassification is not a causal language model",
    ),
    "another task, not in a list": (
        lambda model: edit(model / "config.json", architectures="BertForMaskedLM"),
        "its architecture BertForMaskedLM is not a causal language model",
    ),
    "an encoder": (
        lambda model: edit(model / "config.json", architectures=["BertForMaskedLM"], model_type="bert"),
        "its architecture BertForMaskedLM is not a causal language model",
    ),
    "weights are a pointer": (_replaced("model.safetensors", LFS), "model.safetensors' is a Git LFS pointer"),
    "weights are empty": (_replaced("model.safetensors", b""), "model.safetensors' is empty"),
    "weights are a web page": (
        _replaced("model.safetensors", b"<!DOCTYPE html><html>"),
        "model.safetensors' is damaged or not whole",
    ),
    "weights are truncated": (
        lambda model: truncate(model / "model.safetensors"),
        "model.safetensors' is damaged or not whole",
    ),
    "weights are missing": (lambda model: (model / "model.safetensors").unlink(), "there are no weights in"),
    "weights were pruned": (_broken_link, "is a symbolic link to '../../blobs/gone', which does not exist"),
    "a shard is missing": (_missing_shard, "there is no file '"),
    "torch's file is truncated": (
        _replaced("pytorch_model.bin", b"PK\x03\x04" + b"x" * 1000),
        "pytorch_model.bin' is damaged or not whole",
    ),
    "tokenizer is a pointer": (_replaced("tokenizer.json", LFS), "tokenizer.json' is a Git LFS pointer"),
    "tokenizer is broken": (
        _replaced("tokenizer.json", b'{"model": {"type": "?"}}'),
        "tokenizer.json', added_tokens: Field required",
    ),
    "tokenizer is of an unknown kind": (
        _replaced("tokenizer.json", b'{"added_tokens": [], "model": {"type": "?"}}'),
        "the tokenizer of the model",
    ),
    "tokenizer is empty": (_replaced("tokenizer.json", b""), "tokenizer.json' is not JSON"),
    "tokenizer's config is broken": (
        _replaced("tokenizer_config.json", b"{"),
        "tokenizer_config.json' is not JSON",
    ),
    "generation config has a mark": (
        lambda model: (model / "generation_config.json").write_text("{}", "utf-8-sig"),
        "generation_config.json' begins with a byte order mark",
    ),
    "generation config is broken": (
        _replaced("generation_config.json", b"{"),
        "generation_config.json' is not JSON",
    ),
    "end token is no id": (lambda model: edit(model / "config.json", eos_token_id="end"), "eos_token_id"),
    "end token is out of place": (
        lambda model: edit(model / "config.json", eos_token_id=[[1]]),
        "eos_token_id",
    ),
    "generation config that cannot be saved": (
        lambda model: edit(model / "generation_config.json", temperature=0.6),
        "should set `do_sample=True`",
    ),
    "a family without attention": (
        lambda model: (model / "config.json").write_text('{"model_type": "mamba"}'),
        "has no attention heads",
    ),
    "a template is a pipe": (_pipe, "chat_template.jinja' is a device or pipe"),
    "a template is a pointer": (_replaced("chat_template.jinja", LFS), "is a Git LFS pointer"),
    "an adapter": (_adapter, "the folder holds an adapter: merge it"),
    "a GGUF folder": (_gguf, "GGUF files are not read"),
}


@pytest.mark.parametrize(("change", "reason"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_model_is_one_message(model: Path, change: Callable[[Path], object], reason: str) -> None:
    change(model)
    message = refusal(model)
    assert reason in message
    assert str(model) in message


SIZES = ("num_hidden_layers", "hidden_size", "vocab_size", "num_attention_heads", "intermediate_size")
IMPOSSIBLE: dict[str, tuple[tuple[str, ...], tuple[object, ...]]] = {
    "config.json": (SIZES, (0, -1, 10**30, "many", 1.5, True, [0], {"a": 1}, float("nan"))),
    "tokenizer_config.json": (("model_max_length",), (0, -1, "long", True, [512], float("inf"))),
    "generation_config.json": (("eos_token_id", "pad_token_id"), ("end", 1.5, [[1]], {"id": 1})),
    "special_tokens_map.json": (("eos_token",), (5, ["</s>"], {"content": 5}, {})),
}
"""Files, entries in them, and values that no model can have there."""


@pytest.mark.parametrize(
    ("file", "entry", "value"),
    [
        (file, entry, value)
        for file, (entries, values) in IMPOSSIBLE.items()
        for entry in entries
        for value in values
    ],
)
def test_an_impossible_value_is_named(model: Path, file: str, entry: str, value: object) -> None:
    (model / "special_tokens_map.json").write_text("{}")
    edit(model / file, **{entry: value})
    with pytest.raises(ValueError, match=re.escape(f"'{model / file}', {entry}")) as error:
        resolve_model(str(model))
    assert "(got " in str(error.value)
    assert "; correct it, or copy or download the model again" in str(error.value)


NESTED = {
    "text_config.num_hidden_layers": {"text_config": {"num_hidden_layers": 0}},
    "rope_scaling.factor": {"rope_scaling": {"rope_type": "linear", "factor": "4"}},
    "rope_parameters.full_attention.factor": {"rope_parameters": {"full_attention": {"factor": -4}}},
    "max_seq_len": {"max_seq_len": "long"},
    "model_max_length": {"model_max_length": [1024]},
}


@pytest.mark.parametrize(("place", "values"), NESTED.items(), ids=NESTED.keys())
def test_an_impossible_value_is_named_by_its_place(model: Path, place: str, values: dict[str, Any]) -> None:
    edit(model / "config.json", **values)
    assert f"config.json', {place}: " in refusal(model)


POSSIBLE: list[tuple[str, dict[str, Any]]] = [
    ("tokenizer_config.json", {"model_max_length": 10**30}),
    ("tokenizer_config.json", {"model_max_length": 1e30}),
    (
        "tokenizer_config.json",
        {"model_max_length": None, "eos_token": {"__type": "AddedToken", "content": "<|im_end|>"}},
    ),
    ("tokenizer_config.json", {"unk_token": None, "added_tokens_decoder": {"2": {"content": "<|im_end|>"}}}),
    ("config.json", {"eos_token_id": [2, 0], "bos_token_id": None, "pad_token_id": -1}),
    ("config.json", {"num_key_value_heads": None, "head_dim": None, "own_entry": float("nan")}),
    ("config.json", {"rope_scaling": None, "dtype": None, "torch_dtype": "bfloat16"}),
    (
        "generation_config.json",
        {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "eos_token_id": [2, 0]},
    ),
]


@pytest.mark.parametrize(("file", "values"), POSSIBLE)
def test_an_unusual_value_is_accepted(model: Path, file: str, values: dict[str, Any]) -> None:
    edit(model / file, **values)
    load(str(model))


def test_weights_in_torchs_format_are_compared(model: Path) -> None:
    weights = load_file(model / "model.safetensors")
    _only_torch(b"")(model)
    torch.save(weights, model / "pytorch_model.bin")
    load(str(model))
    weights["model.norm.weight"] = torch.zeros(7)
    torch.save(weights, model / "pytorch_model.bin")
    assert "model.norm.weight has the shape (7,), and by the config (192,)" in refusal(model)


def test_more_weights_than_the_model_has_are_accepted(model: Path) -> None:
    """Some hold a part that predicts several tokens, or one for images."""
    weights = load_file(model / "model.safetensors")
    save_file(weights | {"mtp.layers.0.weight": torch.zeros(9, 9)}, model / "model.safetensors")
    load(str(model))


def test_a_model_whose_layers_differ_is_planned_by_the_widest(tmp_path: Path) -> None:
    AutoConfig.for_model("gemma4_text", head_dim=256, global_head_dim=512).save_pretrained(tmp_path)
    assert model_shape(str(tmp_path)).head_size == 512


def test_a_home_folder_of_nobody_is_one_message() -> None:
    assert "there is no model in '~nobody-xyz/model'" in refusal("~nobody-xyz/model")


def test_a_file_in_place_of_a_folder(tmp_path: Path) -> None:
    gguf = tmp_path / "model.gguf"
    gguf.write_bytes(b"GGUF\x03")
    assert "is a GGUF file; give the model as save_pretrained writes it" in refusal(gguf)
    text = tmp_path / "model"
    text.write_text("nothing")
    assert "is a file; give the folder of a model" in refusal(text)


@pytest.mark.parametrize("name", ["no-such-org-xyz/no-such-model", "no-such-model-xyz", "a b/c"])
def test_a_model_out_of_reach_is_one_message(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    # Without a network it is the same message, after most of a minute of retries.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    message = refusal(name)
    assert message.startswith(f"the tokenizer of the model '{name}' cannot be loaded (")
    assert "network and (if it is gated) HF_TOKEN" in message


@pytest.mark.parametrize("where", ["tokenizer_config.json", "config.json"])
def test_code_of_a_models_own_is_not_run_and_nobody_is_asked(model: Path, where: str) -> None:
    (model / "own.py").write_text("raise SystemExit('the code ran')")
    map_ = {"AutoTokenizer": ["own.Own", None], "AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"}
    edit(model / "config.json", model_type="own-xyz", architectures=["OwnForCausalLM"])
    edit(model / "tokenizer_config.json", tokenizer_class="OwnTokenizer")
    edit(model / where, auto_map=map_)
    message = refusal(model)
    assert "cannot be loaded (" in message
    assert "Code of the model's own is never run." in message


def test_code_beside_a_known_architecture_is_passed_over(model: Path) -> None:
    (model / "own.py").write_text("raise SystemExit('the code ran')")
    edit(model / "config.json", auto_map={"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Own"})
    load(str(model))


def test_every_load_refuses_code_of_the_models_own() -> None:
    """If left out, transformers asks on the terminal, which a job cannot answer."""
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and re.fullmatch(r"Auto\w+\.from_\w+", ast.unparse(call.func)):
                assert any(
                    keyword.arg == "trust_remote_code" and ast.unparse(keyword.value) == "False"
                    for keyword in call.keywords
                ), f"{path}, line {call.lineno}"
