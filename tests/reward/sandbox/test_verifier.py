import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reward.config import RewardConfig
from reward.sandbox import worker
from reward.sandbox.verifier import Verifier
from reward.types import Check, Grade, Verdict

ROOT = Path(__file__).resolve().parents[3]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
HANG = "while True: pass"
BOMBS = [
    r"\sin(x) + \cos(9^{9^{9^{9}}})",
    r"\sin(x) + (10^{9})!",
    r"\sin(x) + \binom{10^{12}}{10^{11}}",
    r"\sin(x) + x^{10^{10^{10}}}",
    r"\sin(x)^{7^{7^{7^{7}}}}",
    r"\int_0^1 \sin(x^x) e^{x^3} dx",
    r"\sum_{n=1}^{100000000} \frac{1}{n^3} + x",
]


def hard(number: int, difference: int = 0) -> Check:
    """A pair that is left to the children."""
    return Check(rf"\sin(2x) + {number}", rf"2\sin(x)\cos(x) + {number + difference}", "boxed")


HARD_BUT_EQUAL = hard(0)


def code(answer: str, tests: str = "pass") -> Check:
    return Check(tests, answer, "python")


def outcome(grade: Grade) -> tuple[str, str | None]:
    return grade.verdict.value, grade.reason


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(RewardConfig(timeout=20, code_timeout=20, max_verifiers=2)) as running:
        yield running


@pytest.fixture(scope="module")
def hasty() -> Iterator[Verifier]:
    with Verifier(RewardConfig(timeout=1, code_timeout=1, max_verifiers=2)) as running:
        running.verify([code("pass")])
        yield running


def still_works(verifier: Verifier) -> bool:
    return verifier.verify([HARD_BUT_EQUAL])[0].verdict is Verdict.EQUAL


def state(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def wait_until_gone(pids: list[int], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    # An orphan that is not reaped stays as a zombie.
    while any(state(pid) not in (None, "Z") for pid in pids):
        assert time.monotonic() < deadline, [state(pid) for pid in pids]
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    of_threads = [task.read_text() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    return sorted(int(child) for child in " ".join(of_threads).split())


def run_python(script: str, **variables: str) -> str:
    env = os.environ | {"PYTHONPATH": str(ROOT)} | variables
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True, timeout=90).stdout


def test_grades_come_in_order_and_equal_checks_get_the_same_one(verifier: Verifier) -> None:
    checks = [
        Check("1", "2", "plain"),
        HARD_BUT_EQUAL,
        Check("1", "1.0", "plain"),
        HARD_BUT_EQUAL,
        hard(2, 1),
    ]
    grades = verifier.verify(checks)
    assert [grade.verdict.value for grade in grades] == ["different", "equal", "equal", "equal", "different"]
    assert grades[1] is grades[3]
    assert all(grade.seconds > 0 and grade.reason is None for grade in grades)
    assert verifier.verify([]) == []


def test_many_threads_may_verify_at_once(verifier: Verifier) -> None:
    right, wrong = [[hard(n, difference) for n in range(8)] for difference in (0, 1)]
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(verifier.verify, [right, wrong] * 4))
    assert all({grade.verdict for grade in grades} == {Verdict.EQUAL} for grades in results[::2])
    assert all({grade.verdict for grade in grades} == {Verdict.DIFFERENT} for grades in results[1::2])
    assert 1 <= len(verifier.pids()) <= 2


def test_an_unknown_convention_is_named(verifier: Verifier) -> None:
    with pytest.raises(ValueError, match="sonnet"):
        verifier.verify([Check("1", "1", "sonnet")])


def test_too_long_answers_are_undecided_without_a_child() -> None:
    with Verifier(RewardConfig(max_answer_chars=100)) as verifier:
        checks = [Check("1", "1" * 101, "plain"), Check("x+1" + "+1" * 50, "x", "boxed"), code("#" * 2001)]
        assert [outcome(grade) for grade in verifier.verify(checks)] == [("undecided", "too_long")] * 3
        assert verifier.pids() == []


def test_bombs_end_at_a_limit_and_the_pool_keeps_working() -> None:
    with Verifier(RewardConfig(timeout=1, max_verifiers=2)) as verifier:
        still_works(verifier)
        start = time.monotonic()
        grades = verifier.verify([Check(r"\sin(x) + 18", bomb, "boxed") for bomb in BOMBS])
        assert all(grade.verdict is not Verdict.EQUAL for grade in grades)
        assert time.monotonic() - start < len(BOMBS) / 2 + 60
        assert still_works(verifier)


def test_a_hang_costs_its_limit_once(hasty: Verifier) -> None:
    pairs = [hard(n, n % 2) for n in range(200)]
    still_works(hasty)
    timeouts, crashes = hasty.timeouts, hasty.crashes
    start = time.monotonic()
    hasty.verify(pairs)
    without = time.monotonic() - start
    start = time.monotonic()
    grades = hasty.verify([*pairs[:100], code(HANG), *pairs[100:]])
    # A busy machine may take much longer for the others, but not 200 limits of a second.
    assert time.monotonic() - start < without + 60
    assert outcome(grades[100]) == ("undecided", "timeout")
    assert 1 <= grades[100].seconds < 60
    assert (hasty.timeouts, hasty.crashes) == (timeouts + 1, crashes)


@pytest.mark.parametrize("hang", [HANG, "import time; time.sleep(1000)", "2 ** 10**10", "sum(range(10**12))"])
def test_whatever_hangs_is_killed(hasty: Verifier, hang: str) -> None:
    grades = hasty.verify([code(hang), code("", hang)])
    assert [outcome(grade) for grade in grades] == [("undecided", "timeout")] * 2
    assert all(grade.seconds < 3 for grade in grades)
    assert hasty.pids() == []
    assert still_works(hasty)


@LINUX
def test_memory_is_limited(verifier: Verifier) -> None:
    crashes = verifier.crashes
    greedy = ["x = bytearray(8 * 2**30)", "x = []\nwhile True: x.append(bytearray(2**24))"]
    checks = [code(text) for text in greedy] + [code("", text) for text in greedy]
    assert {outcome(grade) for grade in verifier.verify(checks)} == {("undecided", "memory")}
    assert verifier.crashes == crashes + 4
    assert still_works(verifier)


def test_a_comparison_that_runs_out_of_memory_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(check: Check, config: RewardConfig) -> None:
        raise MemoryError

    monkeypatch.setattr(worker, "compare", exhausted)
    assert worker._compare(HARD_BUT_EQUAL, RewardConfig()) == "undecided memory"


def test_a_child_that_crashes_leaves_its_check_undecided(verifier: Verifier) -> None:
    crashes = verifier.crashes
    overflow = "import itertools\nx = ()\nfor _ in range(10**6): x = itertools.chain(x)\nnext(x, 0)"
    assert outcome(verifier.verify([code(overflow)])[0]) == ("undecided", "crashed")
    assert verifier.crashes == crashes + 1
    assert still_works(verifier)


def test_a_child_killed_at_work_leaves_its_check_undecided() -> None:
    with Verifier(RewardConfig(code_timeout=30)) as verifier:
        still_works(verifier)
        idle = verifier.pids()

        def kill_the_other() -> None:
            while not (busy := set(verifier.pids()) - set(idle)):
                time.sleep(0.01)
            os.kill(busy.pop(), signal.SIGKILL)

        threading.Thread(target=kill_the_other).start()
        assert outcome(verifier.verify([code(HANG)])[0]) == ("undecided", "crashed")
        assert (verifier.timeouts, verifier.crashes) == (0, 1)


def test_a_child_killed_while_idle_costs_no_check(verifier: Verifier) -> None:
    still_works(verifier)
    crashes = verifier.crashes
    for pid in verifier.pids():
        os.kill(pid, signal.SIGKILL)
    assert still_works(verifier)
    assert verifier.crashes == crashes


@LINUX
def test_the_zygote_may_be_killed() -> None:
    with Verifier(RewardConfig(timeout=20)) as verifier:
        before = set(children_of(os.getpid()))
        still_works(verifier)
        (zygote,) = set(children_of(os.getpid())) - before
        children = verifier.pids()
        os.kill(zygote, signal.SIGKILL)
        wait_until_gone(children)
        assert still_works(verifier)
        assert verifier.pids() != children


@LINUX
def test_a_fork_of_the_process_is_told_to_make_its_own() -> None:
    script = (
        "import os\n"
        "from reward.config import RewardConfig\n"
        "from reward.sandbox.verifier import Verifier\n"
        "from reward.types import Check\n"
        "check = Check('assert x == 1', 'x = 1', 'python')\n"
        "with Verifier(RewardConfig(max_verifiers=1)) as verifier:\n"
        "    verifier.verify([check])\n"
        "    if os.fork() == 0:\n"
        "        try: verifier.verify([check])\n"
        "        except RuntimeError as error: print(error, flush=True)\n"
        "        verifier.close()\n"
        "        raise SystemExit\n"
        "    os.wait()\n"
        "    print(verifier.verify([check])[0].verdict.value)\n"
    )
    lines = run_python(script).splitlines()
    assert "make a Verifier in this process" in lines[0]
    assert lines[1:] == ["equal"]


@LINUX
def test_a_verifier_that_is_not_closed_leaves_nothing() -> None:
    script = (
        "import gc, glob, os, signal, tempfile\n"
        "from reward.config import RewardConfig\n"
        "from reward.sandbox.verifier import Verifier\n"
        "from reward.types import Check\n"
        "verifier = Verifier(RewardConfig())\n"
        "verifier.verify([Check('pass', 'pass', 'python')])\n"
        "zygote = int(open('/proc/self/task/%d/children' % os.getpid()).read() or 0)\n"
        "del verifier\n"
        "gc.collect()\n"
        "print(os.path.exists('/proc/%d' % zygote), glob.glob(tempfile.gettempdir() + '/verifier-*'))\n"
        "with Verifier(RewardConfig()) as verifier:\n"
        "    verifier.verify([Check('pass', 'pass', 'python')])\n"
        "    os.kill(verifier._pool._nursery._process.pid, signal.SIGKILL)\n"
        "    print(verifier.pids())\n"
        "print(glob.glob(tempfile.gettempdir() + '/verifier-*'))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        assert run_python(script, TMPDIR=folder) == "False []\n[]\n[]\n"


@LINUX
def test_closing_leaves_no_process_and_no_zombie() -> None:
    before = children_of(os.getpid())
    verifier = Verifier(RewardConfig(timeout=20, code_timeout=0.5, max_verifiers=4))
    verifier.verify([HARD_BUT_EQUAL, code(HANG), code("import os; os._exit(3)")])
    children = verifier.pids()
    assert {state(pid) for pid in children} <= {"S", "R"}
    descriptors = len(os.listdir("/proc/self/fd"))
    verifier.close()
    assert len(os.listdir("/proc/self/fd")) == descriptors - 2  # the zygote's, and an idle child's
    assert [state(pid) for pid in children] == [None] * len(children)
    assert children_of(os.getpid()) == before
    with pytest.raises(RuntimeError, match="after shutdown"):
        verifier.verify([HARD_BUT_EQUAL])


@LINUX
@pytest.mark.slow
def test_idle_children_end_and_are_reaped() -> None:
    with Verifier(RewardConfig(idle_timeout=0.5)) as verifier:
        still_works(verifier)
        children = verifier.pids()
        assert children
        time.sleep(2)
        assert [state(pid) for pid in children] == [None] * len(children)
        assert verifier.pids() == []
        assert still_works(verifier)


def test_children_are_replaced_after_their_term(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reward.sandbox.child.MAX_SERVED", 2)
    with Verifier(RewardConfig(timeout=20, max_verifiers=1)) as verifier:
        seen = []
        for n in range(4):
            verifier.verify([hard(n)])
            seen.append(verifier.pids())
    assert len(seen[0]) == 1
    assert seen[1] == seen[3] == []
    assert seen[2] != seen[0]


@LINUX
@pytest.mark.parametrize("busy", [False, True])
def test_children_die_with_a_parent_that_is_killed(busy: bool) -> None:
    hang = "threading.Thread(target=verifier.verify, args=([Check('pass', 'while True: pass', 'python')],)).start()"
    script = (
        "import glob, os, signal, threading, time\n"
        "from reward.config import RewardConfig\n"
        "from reward.sandbox.verifier import Verifier\n"
        "from reward.types import Check\n"
        "verifier = Verifier(RewardConfig(timeout=60, code_timeout=60, max_verifiers=2))\n"
        r"verifier.verify([Check(r'\sin(2x)', r'2\sin(x)\cos(x)', 'boxed')])"
        f"\n{hang if busy else ''}\n"
        f"while len(verifier.pids()) < {1 + 2 * busy}: time.sleep(0.05)\n"
        "zygote = ' '.join(open(path).read() for path in glob.glob('/proc/self/task/*/children'))\n"
        "print(zygote, *verifier.pids(), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.run(
        [sys.executable, "-c", script], env=env, stdout=subprocess.PIPE, text=True, timeout=90
    )
    pids = [int(pid) for pid in parent.stdout.split()]
    assert len(pids) == 2 + 2 * busy
    wait_until_gone(pids)


def test_an_interrupt_of_the_group_leaves_children_at_work() -> None:
    script = (
        "import os, signal, threading\n"
        "from reward.config import RewardConfig\n"
        "from reward.sandbox.verifier import Verifier\n"
        "from reward.types import Check\n"
        "os.setpgid(0, 0)\n"
        "signal.signal(signal.SIGINT, lambda *_: None)\n"
        "with Verifier(RewardConfig(code_timeout=20)) as verifier:\n"
        "    verifier.verify([Check('pass', 'pass', 'python')])\n"
        "    threading.Timer(0.5, os.killpg, (0, signal.SIGINT)).start()\n"
        "    answer = 'import time; time.sleep(1.5); x = 1'\n"
        "    print(verifier.verify([Check('assert x == 1', answer, 'python')])[0].verdict.value)\n"
    )
    assert run_python(script) == "equal\n"


def test_the_package_and_its_forkserver_import_no_heavy_library() -> None:
    modules = "reward.sandbox.verifier, reward.sandbox.forkserver, reward.answers.compare.equivalence"
    script = f"import sys, {modules}; print(*sys.modules)"
    assert not {"torch", "ray", "vllm", "transformers"} & set(run_python(script).split())


def test_only_needed_environment_reaches_the_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "secret")
    with Verifier(RewardConfig(code_timeout=20)) as verifier:
        before = set(children_of(os.getpid()))
        tests = "assert all(name.endswith('_NUM_THREADS') for name in {}) and not {}"
        answer = "import os\nnames = list(os.environ)\nfiles = os.listdir()"
        for names in ("names", "files"), ("os.environ", "os.listdir() + files"):
            assert verifier.verify([code(answer, tests.format(*names))])[0].reason is None
        for zygote in set(children_of(os.getpid())) - before:
            assert b"secret" not in Path(f"/proc/{zygote}/environ").read_bytes()


@pytest.mark.slow
@pytest.mark.long
def test_it_works_inside_a_ray_actor() -> None:
    script = (
        "import ray\n"
        "ray.init('local', num_cpus=1, include_dashboard=False, log_to_driver=False)\n"
        "@ray.remote\n"
        "class Actor:\n"
        "    def ask(self):\n"
        "        from reward.config import RewardConfig\n"
        "        from reward.sandbox.verifier import Verifier\n"
        "        from reward.types import Check\n"
        "        with Verifier(RewardConfig(timeout=20, code_timeout=2)) as verifier:\n"
        "            checks = [Check('pass', 'while True: pass', 'python'),\n"
        r"                Check(r'\sin(2x)', r'2\sin(x)\cos(x)', 'boxed')]"
        "\n"
        "            return [grade.verdict.value for grade in verifier.verify(checks)]\n"
        "print(ray.get(Actor.remote().ask.remote()))\n"
    )
    assert run_python(script).endswith("['undecided', 'equal']\n")
