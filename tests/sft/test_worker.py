import pytest

from sft.config.sft import SFTConfig
from sft.worker import deepspeed_config


@pytest.mark.parametrize(
    ("options", "stage"),
    [
        ({"num_workers": 1}, 1),
        ({"num_workers": 2}, 3),
        ({"num_workers": 1, "offload_optimizer_device": "cpu"}, 3),
        ({"num_workers": 1, "offload_param_device": "cpu"}, 3),
    ],
)
def test_one_worker_that_holds_everything_partitions_nothing(options: dict[str, object], stage: int) -> None:
    zero = deepspeed_config(SFTConfig.model_validate(options))["zero_optimization"]
    assert zero["stage"] == stage
    assert zero.get("offload_param", {"device": "none"})["device"] == options.get(
        "offload_param_device", "none"
    )


def test_a_worker_of_its_own_collects_gradients_in_a_small_buffer() -> None:
    zero = deepspeed_config(SFTConfig(num_workers=1))["zero_optimization"]
    # 20 MB in 16 bits; DeepSpeed's default is 1 GB.
    assert zero["reduce_bucket_size"] == 10_000_000
