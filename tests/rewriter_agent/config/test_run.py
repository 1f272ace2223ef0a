"""The config file: accepted values, and messages of refusals."""

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

from rewriter_agent.config import RunConfig, dump_config, load_config, make_config
from rewriter_agent.config.method import SELF_TRAIN, Method
from rewriter_agent.config.run import _models_in
from rewriter_agent.config.strategies import STRATEGIES

ROOT = Path(__file__).parents[3]
MINIMAL = "name: r\nmodel: {}\ndata: {source: gsm_symbolic}\n"
FILE_DATA = "name: r\nmodel: {}\ndata:\n  source: file\n  train: t.jsonl\n"


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text(MINIMAL)
    return path


def refusal(path: Path, text: str, *overrides: str) -> str:
    path.write_text(text)
    with pytest.raises(ValueError) as error:  # noqa: PT011 the messages are tested
        load_config(path, list(overrides))
    assert type(error.value) is ValueError
    return str(error.value)


@pytest.mark.parametrize("path", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda path: path.name)
def test_shipped_configs_are_valid(path: Path) -> None:
    assert load_config(path).name == path.stem


def test_a_dumped_config_loads_as_the_same(config_file: Path, tmp_path: Path) -> None:
    overrides = ["sft.weight={kind: token_is, clip_max: 3}", "train.lora.r=4", "cluster.threads=2"]
    config = load_config(config_file, overrides)
    again = tmp_path / "again.yaml"
    again.write_text(dump_config(config))
    assert load_config(again) == config
    assert RunConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("text", "key", "nearest"),
    [
        (MINIMAL + "trian: {}\n", "trian", "train"),
        (MINIMAL + "train: {learning_rat: 1}\n", "train.learning_rat", "learning_rate"),
        (MINIMAL + "train: {lora: {lora_alfa: 1}}\n", "train.lora.lora_alfa", "lora_alpha"),
        (MINIMAL + "cluster: {engine: 1}\n", "cluster.engine", "engines"),
        (MINIMAL + "reward: {alignment_weigth: 1}\n", "reward.alignment_weigth", "alignment_weight"),
        (FILE_DATA + "  tset: x\n", "data.tset", "test"),
        (FILE_DATA + "  columns: {qestion: x}\n", "data.columns.qestion", "question"),
        # `train` would be nearer, but this kind of source has no such key.
        ("name: r\nmodel: {}\ndata: {source: gsm_symbolic, trai: 5}\n", "data.trai", "num_train"),
        (MINIMAL + "sft: {weight: {kind: token_is, clipmax: 1}}\n", "sft.weight.clipmax", "clip_max"),
    ],
)
def test_an_unknown_key_names_the_nearest_valid_one(
    config_file: Path, text: str, key: str, nearest: str
) -> None:
    assert refusal(config_file, text) == f"unknown config key '{key}'; did you mean '{nearest}'?"


def test_an_unknown_key_like_no_other_lists_what_is_allowed(config_file: Path) -> None:
    message = refusal(config_file, MINIMAL + "tracking: {xyzzy: 1}\n")
    allowed = "group, project, report_to, table_rows, upload_artifacts"
    assert message == f"unknown config key 'tracking.xyzzy'; allowed here: {allowed}"


def test_a_key_of_another_kind_is_not_suggested(config_file: Path) -> None:
    message = refusal(config_file, MINIMAL + "sft: {weight: {kind: dft, clip_max: 2}}\n")
    assert message == "unknown config key 'sft.weight.clip_max'; allowed here: kind"


def test_all_errors_are_told_at_once(config_file: Path) -> None:
    lines = refusal(config_file, MINIMAL + "trian: {}\ncluster: {engines: 0}\nseed: x\n").splitlines()
    assert len(lines) == 3
    assert any(line.startswith("cluster.engines: ") and line.endswith("(got 0)") for line in lines)


def test_a_missing_key_is_named_without_the_kind(config_file: Path) -> None:
    message = refusal(config_file, "name: r\nmodel: {}\ndata: {source: file}\n")
    assert message.startswith("data.train: Field required")


def test_set_overrides_the_file_with_yaml_values(config_file: Path) -> None:
    overrides = ["train.max_steps=5", "cluster.threads=null", "train.lora.target_modules=[q_proj]", "seed=3"]
    config = load_config(config_file, overrides)
    assert (config.train.max_steps, config.cluster.threads, config.seed) == (5, None, 3)
    assert config.train.lora.target_modules == ["q_proj"]
    assert load_config(config_file, ["seed=1", "seed=2"]).seed == 2
    assert load_config(config_file, ["model.system_prompt='a=b'"]).model.system_prompt == "a=b"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.max_steps", "--set takes key=value, got 'train.max_steps'"),
        ("=5", "--set takes key=value, got '=5'"),
        ("name.x=5", "'name' is a value, not a section"),
        ("train.lora=[1", "--set train.lora=[1: the value is not valid YAML"),
        ("train.steps=5", "unknown config key 'train.steps'; did you mean 'max_steps'?"),
        ("train.max_steps=0", "train.max_steps: Input should be greater than or equal to 1 (got 0)"),
    ],
)
def test_a_bad_override_is_refused(config_file: Path, override: str, message: str) -> None:
    assert message in refusal(config_file, MINIMAL, override)


def test_grpo_refuses_a_group_of_one(config_file: Path) -> None:
    message = refusal(config_file, MINIMAL, "train.num_generations=1")
    assert "train.num_generations=1 is too few for GRPO" in message
    config_file.write_text(MINIMAL)
    assert load_config(config_file, ["train.num_generations=1", "method=sdft"]).train.num_generations == 1


def test_a_step_takes_whole_groups(config_file: Path) -> None:
    overrides = ["train.num_generations=8", "train.per_device_train_batch_size=6"]
    message = refusal(config_file, MINIMAL, *overrides, "train.gradient_accumulation_steps=2")
    assert message.startswith("train: per_device_train_batch_size x gradient_accumulation_steps = 12 must be")
    assert "num_generations = 8" in message
    # What the message proposes is accepted.
    assert "Set gradient_accumulation_steps=8" in message
    config = load_config(config_file, [*overrides, "train.gradient_accumulation_steps=8"])
    assert config.train.gradient_accumulation_steps == 8


def test_a_student_needs_engines_of_its_own(config_file: Path) -> None:
    shared = ["cluster.enable_lora=true", "cluster.scorers=0"]
    message = refusal(config_file, MINIMAL, *shared, "sft.refresh={steps: 5}")
    assert "cluster.scorers is 0; set cluster.scorers=1" in message
    assert load_config(config_file, shared).cluster.scorers == 0


@pytest.mark.parametrize("section", ["prepare", "train", "rewrite", "evaluate"])
def test_a_completion_leaves_room_for_its_prompt(config_file: Path, section: str) -> None:
    message = refusal(config_file, MINIMAL, "model.max_model_len=300", f"{section}.max_completion_length=300")
    assert f"{section}.max_completion_length=300 leaves no room for a prompt" in message
    assert "model.max_model_len is 300" in message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [r\n", "is not valid YAML"),
        ("- a\n- b\n", "must hold sections (model:, data:, ...), got list"),
        ("", "name: Field required"),
        (MINIMAL.replace("name: r", "name: ../r"), "name: "),
        (MINIMAL.replace("gsm_symbolic", "gsm"), "'gsm_symbolic', 'lab', 'sciq', 'squad', 'file', 'hub'"),
    ],
)
def test_a_bad_file_is_refused(config_file: Path, text: str, message: str) -> None:
    assert message in refusal(config_file, text)


def test_a_file_that_is_no_text_is_refused(config_file: Path) -> None:
    config_file.write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(ValueError, match="is not valid YAML"):
        load_config(config_file)


def test_the_home_folder_may_be_written_as_in_a_shell(
    config_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_config(config_file, ["output_dir=~/runs"]).output_dir == tmp_path / "runs"
    assert load_config(config_file, ["output_dir=~nobody-xyz/runs"]).output_dir == Path("~nobody-xyz/runs")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("none", "none"),
        ("None", "none"),
        (" AUTO ", "auto"),
        ('"  Say X.\\n"', "Say X."),
        ("none of it", "none of it"),
    ],
)
def test_an_answer_format_is_a_word_or_a_text(config_file: Path, given: str, kept: str) -> None:
    assert load_config(config_file, [f"prompts.answer_format={given}"]).prompts.answer_format == kept


@pytest.mark.parametrize("given", ["null", '""', '" "'])
def test_an_answer_format_without_a_text_is_refused(config_file: Path, given: str) -> None:
    with pytest.raises(
        ValueError, match=r"^prompts\.answer_format: there is no text; write none to add nothing"
    ):
        load_config(config_file, [f"prompts.answer_format={given}"])


def test_a_name_too_long_for_a_folder_is_refused(config_file: Path) -> None:
    with pytest.raises(ValueError, match="name: String should have at most 150 characters"):
        load_config(config_file, ["name=" + "x" * 151])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.yaml'; the shipped ones are in configs/"):
        load_config(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("rewrite", "message"),
    [
        ("{num_targets: 9}", "num_targets=9 asks for more targets than the 8 candidates"),
        ("{strategy: mind_the_gap, num_targets: 5}", "more targets than the 4 candidates of a round"),
        ("{strategy: mind_the_gap, num_generations: 1}", "num_generations=1 is too few"),
        (
            "{strategy: best_of_n, rewriter: somewhere}",
            "rewriter=somewhere is not used by strategy=best_of_n",
        ),
        ("{select: typicality}", "needs entropies, which reward.alignment=anchored does not"),
    ],
)
def test_what_a_strategy_cannot_do_is_refused(config_file: Path, rewrite: str, message: str) -> None:
    assert message in refusal(config_file, f"{MINIMAL}rewrite: {rewrite}\n")


def test_a_rule_for_an_outcome_that_there_is_not_is_refused(config_file: Path) -> None:
    text = f"{MINIMAL}sft: {{outcome_weights: {{expert_falback: {{kind: dft}}}}}}\n"
    message = refusal(config_file, text)
    assert "sft.outcome_weights names expert_falback; the outcomes of rewriting are self_correct," in message


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_takes_several_targets(config_file: Path, strategy: str) -> None:
    method = "self_train" if strategy in SELF_TRAIN else "rewrite"
    config_file.write_text(f"{MINIMAL}rewrite: {{strategy: {strategy}, num_targets: 2}}\nmethod: {method}\n")
    assert load_config(config_file).rewrite.num_targets == 2


@pytest.mark.parametrize("method", get_args(Method))
@pytest.mark.parametrize("path", sorted((ROOT / "configs").rglob("*.yaml")), ids=lambda path: path.name)
def test_a_shipped_config_takes_every_method_or_says_what_to_set(path: Path, method: Method) -> None:
    changes = [f"method={method}"]
    try:
        config = load_config(path, changes)
    except ValueError as error:
        config = load_config(path, changes + re.findall(r"--set ([^ ,]+)", str(error)))
    assert config.method == method


@pytest.mark.parametrize(
    ("method", "strategy", "resolved"),
    [
        ("rewrite", None, "policy"),
        ("accepted_only", None, "policy"),
        ("accepted_only", "best_of_n", "best_of_n"),
        ("self_train", None, "self_train"),
        ("self_train", "self_train_unverified", "self_train_unverified"),
        ("grpo", None, "policy"),
    ],
)
def test_a_method_has_its_strategy(
    config_file: Path, method: str, strategy: str | None, resolved: str
) -> None:
    config_file.write_text(MINIMAL)
    given = [f"rewrite.strategy={strategy}"] if strategy else []
    config = load_config(config_file, [f"method={method}", "rewrite.num_generations=4", *given])
    assert (config.rewrite.strategy, config.rewrite.num_generations) == (resolved, 4)
    # The resolved config is a config.
    assert make_config(yaml.safe_load(dump_config(config))) == config


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["method=self_train", "rewrite.strategy=policy"], "method=self_train has strategies of its own"),
        (["method=rewrite", "rewrite.strategy=self_train"], "rewrite.strategy=self_train belongs to method"),
        (
            ["method=accepted_only", "rewrite.strategy=expert"],
            "drops the expert's solutions, and rewrite.str",
        ),
        (["method=accepted_only", "rewrite.keep_gap=0.1"], "rewrite.keep_gap=0.1 keeps solutions of the exp"),
        (["method=self_train", "rewrite.keep_gap=0"], "rewrite.keep_gap=0 keeps solutions of the expert"),
        (
            [
                "method=accepted_only",
                "sft.outcome_weights={expert_kept: {kind: dft}, rewritten: {kind: none}}",
            ],
            "sft.outcome_weights has a rule for expert_kept, whose rows method=accepted_only drops",
        ),
        (["method=self_train", "rewrite.rewriter=x"], "rewriter=x is not used by strategy=self_train"),
        (["method=self_train", "rewrite=3"], "rewrite: Input should be"),
        (
            ["method=self"],
            "method: Input should be 'rewrite', 'accepted_only', 'self_train', 'grpo' or 'sdft'",
        ),
        (
            ["method=self_train", "rewrite={strategy: self_train_unverified, select: logprob}"],
            "select=logprob has nothing to choose from",
        ),
        (
            ["method=grpo", "rewrite={strategy: best_of_n, select: logprob, keep_gap: 0.1}"],
            "method=grpo trains the model itself, without rewriting and without fine-tuning on rewritten rows, and has "
            "no use for rewrite.strategy, rewrite.select, rewrite.keep_gap; add --set rewrite.strategy=policy --set "
            "rewrite.select=null --set rewrite.keep_gap=null, or method=rewrite",
        ),
        (["method=grpo", "rewrite.rewriter=x"], "has no use for rewrite.rewriter;"),
        (["method=grpo", "sft.refresh={steps: 2}"], "has no use for sft.refresh;"),
        (["method=grpo", "sft.sweep={seeds: [0, 1]}"], "has no use for sft.sweep;"),
        (["method=grpo", "sft.replay={share: 0.1}"], "has no use for sft.replay;"),
        (["method=sdft", "sft.sweep={seeds: [0, 1]}"], "has no use for sft.sweep;"),
        (
            ["method=sdft", "train={beta: 0.1, max_staleness: 1}"],
            "method=sdft has no reward to reinforce, and no use for train.beta, train.max_staleness; add --set "
            "train.beta=0.0 --set train.max_staleness=0, or method=grpo",
        ),
        (
            [
                "method=grpo",
                "sft={outcome_weights: {rewritten: {kind: dft}}, replay: {share: 0.1}}",
            ],
            "has no use for sft.outcome_weights, sft.replay;",
        ),
        (
            ["method=grpo", "train.max_steps=4", "sft.evaluation={eval_steps: 4}"],
            "sft.evaluation.eval_steps (4) leaves one evaluation, at the end of train.max_steps (4), and so nothing",
        ),
    ],
)
def test_what_a_method_cannot_have_is_refused(config_file: Path, overrides: list[str], message: str) -> None:
    refused = refusal(config_file, MINIMAL, *overrides)
    assert message in refused
    assert "\n" not in refused


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sft.replay={share: 0}", "sft.replay.share: Input should be greater than 0"),
        ("sft.replay={share: 1.0}", "sft.replay.share: Input should be less than 1"),
        ("sft.replay={source: web}", "sft.replay.source: Input should be 'own' or 'file'"),
        ("sft.replay={source: file}", "sft.replay: source=file needs a path"),
        ("sft={replay: {}, refresh: {steps: 2}}", "sft: refresh cannot be combined with replay"),
        ("sft.outcome_weights={replay: {kind: dft}}", "sft.outcome_weights names replay"),
    ],
)
def test_a_replay_that_cannot_be_is_refused(config_file: Path, override: str, message: str) -> None:
    assert message in refusal(config_file, MINIMAL, override)


def test_the_config_imports_neither_torch_nor_ray() -> None:
    code = "import sys, rewriter_agent.config; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(result.stdout.split())
    assert "rewriter_agent.config.run" in loaded
    assert loaded.isdisjoint({"torch", "ray", "vllm", "transformers", "trl", "datasets"})


def test_every_key_is_documented() -> None:
    models: list[type[BaseModel]] = [RunConfig]
    undocumented = []
    for model in models:
        for name, field in model.model_fields.items():
            if not field.description:
                undocumented.append(f"{model.__name__}.{name}")
            models += [found for found in _models_in(field.annotation) if found not in models]
    assert len(models) > 10
    assert undocumented == []


def test_a_section_without_its_kind_is_refused(config_file: Path) -> None:
    message = refusal(config_file, "name: r\nmodel: {}\ndata: {num_train: 5}\n")
    assert message == "data needs source; the kinds are in docs/data.md"
    message = refusal(config_file, MINIMAL, "sft.weight={clip_max: 2}")
    assert message == "sft.weight needs kind; the kinds are in docs/sft.md"


def test_a_wrong_key_of_an_outcomes_rule_is_explained(config_file: Path) -> None:
    message = refusal(config_file, MINIMAL, "sft.outcome_weights={expert_fallback: {kind: dft, clip_max: 2}}")
    assert message == "unknown config key 'sft.outcome_weights.expert_fallback.clip_max'; allowed here: kind"


@pytest.mark.parametrize("value", ["backbone", "rewriter", "null"])
def test_the_removed_choice_of_a_behaviour_says_what_holds_now(config_file: Path, value: str) -> None:
    message = refusal(config_file, MINIMAL, f"rewrite.behavior={value}")
    assert message.startswith("rewrite: the key `behavior` has been removed: every target now carries")
    assert message.endswith("are left in the arm rl_prior_ratio of a study")
    assert "\n" not in message


@pytest.mark.parametrize(
    "key", ["weight={kind: prior_ratio}", "outcome_weights={rewritten: {kind: prior_ratio}}"]
)
def test_a_ratio_to_the_backbone_is_no_weight_of_a_run(config_file: Path, key: str) -> None:
    message = refusal(config_file, MINIMAL, f"sft.{key}")
    assert "exists for comparison only. Set sft.weight={kind: token_is}" in message
    assert "\n" not in message
    for compared in ("sft.sweep={weights: [{kind: prior_ratio}]}", "study={weight: {kind: prior_ratio}}"):
        load_config(config_file, [compared])


def test_rlt_is_refused_for_texts_that_no_model_sampled(config_file: Path) -> None:
    message = refusal(config_file, MINIMAL, "rewrite.strategy=quote_align", "reward.preset=rlt")
    assert "Take another strategy, or another alignment" in message


def test_an_optimizer_step_of_rows_that_workers_cannot_share_is_refused(config_file: Path) -> None:
    sizes = ["sft.num_workers=2", "sft.per_device_train_batch_size=3"]
    assert load_config(config_file, [*sizes, "sft.train_batch_size=24"]).sft.accumulation == 4
    message = refusal(config_file, MINIMAL, *sizes, "sft.train_batch_size=16")
    assert "no multiple of the 6 rows of one forward pass" in message
    both = ["sft.train_batch_size=12", "sft.gradient_accumulation_steps=3"]
    assert "requires 2; remove one of them" in refusal(config_file, MINIMAL, *sizes, *both)


def test_set_fills_an_empty_section(config_file: Path) -> None:
    config_file.write_text(MINIMAL + "train:\n")
    assert load_config(config_file, ["train.max_steps=5"]).train.max_steps == 5


def test_a_preset_that_asks_for_a_box_is_refused_where_answers_fit_none(config_file: Path) -> None:
    text = "name: r\nmodel: {}\ndata: {source: file, train: t.jsonl, convention: json}\n"
    message = refusal(config_file, text, "evaluate.prompt=qwen-boxed")
    assert message.startswith(
        "config: evaluate.prompt=qwen-boxed asks for a boxed answer, and data.convention=json"
    )
    load_config(config_file, ["data.convention=boxed", "evaluate.prompt=qwen-boxed"])


def test_retention_that_is_trained_on_is_refused(config_file: Path) -> None:
    sciq = ["data={source: sciq}", "evaluate.retention=[sciq, piqa]"]
    with pytest.raises(
        ValueError, match=r"evaluate\.retention has sciq, whose questions data\.source=sciq trains on"
    ):
        load_config(config_file, sciq)
    load_config(config_file, [*sciq, "evaluate.retention_data=hub"])
    with pytest.raises(ValueError, match="has sciq_generate, whose"):
        load_config(config_file, [sciq[0], "evaluate.retention=[quick]", "evaluate.retention_data=hub"])
    load_config(config_file, [sciq[0], "evaluate.retention=[arc_easy]"])


def test_a_reference_has_no_answer_to_mask_to_box_or_to_read(config_file: Path) -> None:
    text = "name: r\nmodel: {}\ndata: {source: file, train: t.jsonl, convention: reference}\n"
    assert "none: a rewrite is made from the whole solution" in refusal(
        config_file, text, "prompts.show_answer=false"
    )
    assert "asks for a boxed answer" in refusal(config_file, text, "evaluate.prompt=qwen-boxed")
    assert "reward.judge=true judges the reasoning" in refusal(config_file, text, "reward.judge=true")
    assert "columns.answer=gold would not be read" in refusal(config_file, text, "data.columns.answer=gold")
    assert "unknown config key 'reward.reference.coverrage'; did you mean 'coverage'?" in refusal(
        config_file, text, "reward.reference.coverrage={}"
    )
    assert "there is no file 'nowhere.py'" in refusal(
        config_file, text, "reward.reference.verifier=nowhere.py:same"
    )
    for method in ("grpo", "self_train"):
        load_config(config_file, [f"method={method}"])
