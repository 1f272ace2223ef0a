"""Ctrl-C during and after a training."""

import signal
import sys

import pytest

from sft.runtime.ray_train import preserve_sigint


def take_over() -> None:
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))


def test_the_handler_of_ctrl_c_is_restored_after_a_training() -> None:
    before = signal.getsignal(signal.SIGINT)
    with preserve_sigint():
        take_over()
    assert signal.getsignal(signal.SIGINT) is before


@preserve_sigint()
def interrupted_training() -> None:
    take_over()
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_in_a_training_raises_keyboard_interrupt() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        interrupted_training()
    assert signal.getsignal(signal.SIGINT) is before
