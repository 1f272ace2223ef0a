"""vLLM's sleep mode: the interface that engines use, and its refusal on a CPU."""

import inspect

import pytest

from rewriter_agent.models.lab import LAB_FOLDER

pytestmark = pytest.mark.slow


def test_an_engine_sleeps_by_level_and_wakes_up() -> None:
    from vllm import LLM

    assert "level" in inspect.signature(LLM.sleep).parameters
    assert callable(LLM.wake_up)


def test_a_cpu_has_no_sleep_mode() -> None:
    from vllm.config import ModelConfig

    assert ModelConfig(model=str(LAB_FOLDER)).enable_sleep_mode is False
    with pytest.raises(ValueError, match="Sleep mode is not supported on current platform"):
        ModelConfig(model=str(LAB_FOLDER), enable_sleep_mode=True)
