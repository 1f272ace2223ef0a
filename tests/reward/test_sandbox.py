import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reward import RewardConfig, Verdict, Verifier
from reward.child import Child

ROOT = Path(__file__).resolve().parents[2]
HARD_BUT_EQUAL = (r"\sqrt{8}", r"2\sqrt{2}")
BOMBS = ["9^{9^{9^{9}}}", "10^{10000000000}", r"(10^{9})!", r"\binom{10^{12}}{10^{11}}"]


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(RewardConfig(timeout=10, num_verifiers=2)) as running:
        yield running


def test_verdicts_come_in_order_and_equal_pairs_get_equal_ones(verifier: Verifier) -> None:
    pairs = [("1", "2"), HARD_BUT_EQUAL, ("1", "1.0"), HARD_BUT_EQUAL, (r"\pi", r"\sqrt{2}")]
    expected = [Verdict.DIFFERENT, Verdict.EQUAL, Verdict.EQUAL, Verdict.EQUAL, Verdict.DIFFERENT]
    assert verifier.verify(pairs) == expected
    assert verifier.verify([]) == []


def test_many_threads_may_verify_at_once(verifier: Verifier) -> None:
    pairs = [(rf"\sqrt{{{n * n}}}", f"{n} + 0") for n in range(1, 9)]
    wrong = [(rf"\sqrt{{{n * n}}}", f"{n} + 1") for n in range(1, 9)]
    with ThreadPoolExecutor(4) as threads:
        right, different = threads.map(verifier.verify, [pairs, wrong])
    assert set(right) == {Verdict.EQUAL}
    assert set(different) == {Verdict.DIFFERENT}


def test_too_long_answers_are_undecided(verifier: Verifier) -> None:
    assert verifier.verify([("1", "1" * 301), ("1" * 301, "1")]) == [Verdict.UNDECIDED] * 2


def test_bombs_end_at_the_limit_and_the_pool_keeps_working() -> None:
    with Verifier(RewardConfig(timeout=0.5, num_verifiers=2)) as verifier:
        assert verifier.verify([("18", bomb) for bomb in BOMBS]) == [Verdict.UNDECIDED] * len(BOMBS)
        assert verifier.timeouts + verifier.crashes == len(BOMBS)
        assert verifier.verify([("1/2", "0.5")]) == [Verdict.EQUAL]


def test_a_child_takes_pairs_again_after_a_timeout_and_after_its_death() -> None:
    child = Child(timeout=10, memory_limit_gb=1)
    assert child.ask(*HARD_BUT_EQUAL) is Verdict.EQUAL
    assert child._process is not None
    os.kill(child._process.pid, signal.SIGKILL)
    child._process.wait()
    assert child.ask(*HARD_BUT_EQUAL) is Verdict.EQUAL
    child.kill()


def test_a_child_that_dies_at_a_pair_leaves_it_undecided() -> None:
    with Verifier(RewardConfig(timeout=30)) as verifier:
        child = verifier._children.get()
        process = child._running()
        verifier._children.put(child)
        threading.Timer(0.2, process.kill).start()
        assert verifier.verify([("18", BOMBS[0])]) == [Verdict.UNDECIDED]
        assert (verifier.timeouts, verifier.crashes) == (0, 1)


def test_a_closed_verifier_has_no_children_and_refuses_hard_pairs() -> None:
    verifier = Verifier(RewardConfig(timeout=10))
    verifier.verify([HARD_BUT_EQUAL])
    child = verifier._children.get()
    verifier._children.put(child)
    process = child._process
    assert process is not None
    verifier.close()
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(RuntimeError, match="after shutdown"):
        verifier.verify([HARD_BUT_EQUAL])


def run_python(script: str) -> str:
    command = [sys.executable, "-c", script]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=60).stdout


def test_a_child_dies_with_its_parent() -> None:
    script = (
        "import os, signal; from reward.child import Child; child = Child(5, 1); "
        "print(child._running().pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.run([sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, text=True)
    status = Path(f"/proc/{int(parent.stdout)}/stat")
    deadline = time.monotonic() + 20
    # An orphan that nobody reaps stays as a zombie, state Z.
    while status.exists() and status.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        ("bytearray(2**30)", "MemoryError"),
        ("os.fork()", "PermissionError"),
        ("subprocess.run(['true'])", "PermissionError"),
        ("socket.socket()", "PermissionError"),
        ("open(tempfile.mkdtemp() + '/x', 'w').write('x' * 10**6)", "OSError"),
    ],
)
def test_a_confined_process_is_denied(attempt: str, error: str) -> None:
    script = (
        "import os, socket, subprocess, tempfile\n"
        "from reward.worker import confine\n"
        "confine(2**29)\n"
        f"try:\n    {attempt}\nexcept {error}:\n    print('denied')\n"
    )
    assert run_python(script) == "denied\n"


def test_the_package_and_its_child_import_no_heavy_library() -> None:
    script = "import sys, reward, reward.worker, reward.equivalence; print(*sys.modules)"
    assert not {"torch", "ray", "vllm", "transformers", "numpy"} & set(run_python(script).split())


def test_config_refuses_unknown_and_impossible_settings() -> None:
    for setting in ({"time_out": 1}, {"timeout": 0}, {"alignment": "nll"}, {"leak_phrases": [" "]}):
        with pytest.raises(ValueError, match=next(iter(setting))):
            RewardConfig.model_validate(setting)
