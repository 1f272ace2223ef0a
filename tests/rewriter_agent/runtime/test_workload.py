"""The section `cluster` as a run uses it on its machines."""

from typing import Any

import pytest

from cluster.planning.machine import Machine
from rewriter_agent.config import RunConfig, make_config
from rewriter_agent.runtime.workload import cluster_layout

ONE = Machine(cpus=16, memory_gb=64, gpus=1, gpu_memory_gb=24)
TWO = Machine(cpus=16, memory_gb=64, gpus=2, gpu_memory_gb=24)


def config(*overrides: str, **sections: Any) -> RunConfig:
    tree = {"name": "r", "model": {"name_or_path": "lab"}, "data": {"source": "lab"}} | sections
    return make_config(tree, ["cluster.device=gpu", *overrides])


def test_one_gpu_is_enough_by_default() -> None:
    found = cluster_layout(config(), [ONE])
    assert (found.colocate, found.enable_lora, found.scorers) == (True, True, 0)
    apart = cluster_layout(config(), [TWO])
    assert (apart.colocate, apart.enable_lora, apart.scorers) == (False, False, 1)


def test_several_gpus_are_shared_on_request() -> None:
    assert cluster_layout(config("cluster.colocate=true"), [TWO]).scorers == 0
    assert cluster_layout(config("cluster.colocate=false"), [ONE]).scorers == 1


def test_a_refresh_keeps_engines_of_its_own() -> None:
    refresh = {"refresh": {"steps": 100}, "num_workers": 1}
    assert cluster_layout(config(sft=refresh), [ONE]).scorers == 1
    with pytest.raises(ValueError, match=r"sft\.refresh rewrites .*set cluster\.colocate=false"):
        config("cluster.colocate=true", sft=refresh)


def test_4_bit_weights_need_adapters_on_the_engines() -> None:
    quantized = config("train.load_in_4bit=true")
    assert cluster_layout(quantized, [ONE]).enable_lora
    with pytest.raises(ValueError, match=r"4-bit weights take no merge.*set cluster\.enable_lora=true"):
        cluster_layout(quantized, [TWO])
    with pytest.raises(ValueError, match=r"sft\.load_in_4bit needs .* cluster\.device=gpu"):
        config("cluster.device=cpu", sft={"load_in_4bit": True, "lora": {}, "num_workers": 1})
