import subprocess
import sys

import pytest
from pydantic import TypeAdapter, ValidationError

from sft.config.sft import SFTConfig
from sft.config.weights import TokenISWeight, Weight


def test_weight_is_chosen_by_kind() -> None:
    config = SFTConfig.model_validate({"weight": {"kind": "token_is", "clip_max": 3}})
    assert config.weight == TokenISWeight(clip_max=3.0)
    assert SFTConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rat": 1e-5},
        {"weight": {"kind": "dft", "clip_max": 2.0}},
        {"weight": {"kind": "sequence"}},
        {"outcome_weights": {"rewritten": {"kind": "dft", "clip_max": 1}}},
        {"weight": {"kind": "token_is", "clip_max": 0}},
        {"max_steps": 0},
        {"max_steps": 5, "warmup_steps": 5},
        {"lr_scheduler_type": "constant", "warmup_steps": 3},
        {"sp_size": 2, "num_workers": 3},
        {"sp_size": 2, "packing": True},
        {"sp_size": 2, "weight": {"kind": "sequence_is"}},
        {"sp_size": 2, "outcome_weights": {"rewritten": {"kind": "asft"}}},
        {"sp_size": 2, "weight": {"kind": "prior", "mass": 0.5}},
        {"weight": {"kind": "prior", "mass": 1.0}},
        {"weight": {"kind": "token_is", "mode": "mask"}},
        {"weight": {"kind": "sequence_is", "mode": "mask", "clip_max": 0.5}},
        {"refresh": {"steps": 2}, "packing": True},
        {"refresh": {"steps": 2, "probe_kl": 0.1}, "probe_size": 0},
        {"train_batch_size": 6, "num_workers": 4},
        {"lora": {"rank": 4}},
    ],
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SFTConfig.model_validate(options)


def test_workers_share_rows_whose_weights_are_by_token() -> None:
    for kind in ("none", "dft", "token_is", "prior_ratio", "prior", "eaft", "low_perplexity_mask"):
        assert (
            SFTConfig.model_validate({"sp_size": 2, "num_workers": 2, "weight": {"kind": kind}}).sp_size == 2
        )


def test_no_importance_weight_is_above_1_by_default() -> None:
    for kind in ("token_is", "sequence_is"):
        assert TypeAdapter(Weight).validate_python({"kind": kind}).clip_max == 1


@pytest.mark.parametrize(
    ("weight", "frozen_copy"),
    [
        ({"kind": "asft"}, True),
        ({"kind": "prior", "mass": 0.5}, True),
        ({"kind": "prior"}, False),
        ({"kind": "token_is"}, False),
    ],
)
def test_the_memory_of_a_frozen_copy_is_planned(weight: dict[str, object], frozen_copy: bool) -> None:
    for options in ({"weight": weight}, {"outcome_weights": {"x": weight}}, {"sweep": {"weights": [weight]}}):
        assert SFTConfig.model_validate(options).uses_reference == frozen_copy


def test_weight_needs_a_kind() -> None:
    with pytest.raises(ValidationError, match="kind"):
        TypeAdapter(Weight).validate_python({"clip_max": 2.0})


def test_config_and_rows_import_nothing_heavy() -> None:
    heavy = "{'torch', 'ray', 'transformers'}"
    code = f"import sys, sft.config.sft, sft.data.rows; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("other", [{"lora": {}}, {"refresh": {"steps": 5}}])
def test_averaging_refuses_what_saves_other_weights(other: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=f"wise_ft_alpha cannot be combined with {next(iter(other))}"):
        SFTConfig.model_validate({"wise_ft_alpha": 0.5, **other})
