"""The data and model sections of the config."""

import subprocess
import sys

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from rewriter_agent.config.data import (
    DataConfig,
    FileData,
    GsmSymbolicData,
    HubData,
    LabData,
    SciqData,
    SquadData,
)
from rewriter_agent.config.model import ModelConfig

DATA = TypeAdapter(DataConfig)


def test_source_decides_the_kind() -> None:
    assert isinstance(DATA.validate_python({"source": "gsm_symbolic"}), GsmSymbolicData)
    assert isinstance(DATA.validate_python({"source": "lab"}), LabData)
    assert isinstance(DATA.validate_python({"source": "file", "train": "a.jsonl"}), FileData)
    assert isinstance(DATA.validate_python({"source": "hub", "name": "openai/gsm8k"}), HubData)


@pytest.mark.parametrize(
    "given",
    [
        {"source": "csv"},
        {"train": "a.jsonl"},
        {"source": "file"},
        {"source": "file", "train": "a.jsonl", "trian": "b"},
        {"source": "file", "train": "a.jsonl", "num_train": 0},
        {"source": "file", "train": "a.jsonl", "convention": "hash"},
        {"source": "file", "train": "a.jsonl", "convention": "python"},
        {"source": "gsm_symbolic", "columns": {}},
    ],
)
def test_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DATA.validate_python(given)


@pytest.mark.parametrize(
    "model", [GsmSymbolicData, LabData, SciqData, SquadData, FileData, HubData, ModelConfig]
)
def test_every_field_is_documented(model: type[BaseModel]) -> None:
    assert [name for name, field in model.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("config", [FileData(train="a.jsonl", convention="boxed"), LabData(steps=(1, 3))])
def test_dumped_config_reads_back(config: BaseModel) -> None:
    assert DATA.validate_python(config.model_dump(mode="json")) == config


def test_imports_neither_torch_nor_ray() -> None:
    code = (
        "import sys, rewriter_agent.config.data, rewriter_agent.config.model;"
        "print({'torch', 'ray', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
