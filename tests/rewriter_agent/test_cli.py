"""The command line: a user's error is one message on stderr and exit status 2."""

import errno
import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

import rewriter_agent.experiments.compare
import rewriter_agent.experiments.gap.command
import rewriter_agent.experiments.study.command
import rewriter_agent.pipeline
import rewriter_agent.scoring.grade_file
from cluster.fleet.supervisor import EnginesLostError
from cluster.planning.machine import Machine
from rewriter_agent.cli import main
from rewriter_agent.config import load_config
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.user_errors import user_message

MakeConfig = Callable[..., str]


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`main` sets a signal handler and environment variables of its process."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def make_config(tmp_path: Path, toy_problems: Path) -> MakeConfig:
    """Writes the config of a run on the laboratory's backbone."""

    def make(model: Path = LAB_FOLDER, train: Path = toy_problems / "train.jsonl") -> str:
        tree = {
            "name": "r",
            "output_dir": str(tmp_path / "runs"),
            "model": {"name_or_path": str(model), "max_model_len": 512},
            "data": {"source": "file", "train": str(train), "test": str(toy_problems / "test.jsonl")},
            "tracking": {"report_to": "none"},
            **{s: {"max_completion_length": 64} for s in ("prepare", "train", "rewrite", "evaluate")},
        }
        path = tmp_path / "run.yaml"
        path.write_text(yaml.safe_dump(tree))
        return str(path)

    return make


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster that no Ray stands behind: what these runs refuse, they refuse before they use it."""

    @contextmanager
    def connect(*_: object) -> Iterator[list[Machine]]:
        yield [Machine(cpus=2, memory_gb=64)]

    for module in (
        rewriter_agent.pipeline,
        rewriter_agent.experiments.compare,
        rewriter_agent.experiments.gap.command,
    ):
        monkeypatch.setattr(module, "connect", connect)


@pytest.fixture
def error_of(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """The message of a command that must end with status 2 and nothing else on stderr."""

    def run(*arguments: str) -> str:
        assert main(list(arguments)) == 2
        stderr = capsys.readouterr().err
        assert stderr.startswith("error: ")
        assert stderr.count("error: ") == 1
        assert "Traceback" not in stderr
        return stderr.removeprefix("error: ").rstrip("\n")

    return run


def test_a_missing_config(tmp_path: Path, error_of: Callable[..., str]) -> None:
    assert "config: there is no file '" in error_of("run", str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("command", ["plan", "prepare", "run", "launch"])
def test_an_unknown_key(make_config: MakeConfig, error_of: Callable[..., str], command: str) -> None:
    message = error_of(command, make_config(), "--set", "train.max_step=5")
    assert message == "unknown config key 'train.max_step'; did you mean 'max_steps'?"


def test_a_group_of_one(make_config: MakeConfig, error_of: Callable[..., str]) -> None:
    message = error_of("train", make_config(), "--set", "train.num_generations=1")
    assert "train.num_generations=1 is too few for GRPO" in message


def test_more_engines_than_cores(make_config: MakeConfig, error_of: Callable[..., str]) -> None:
    message = error_of("plan", make_config(), "--set", "cluster.engines=1000")
    assert "role 'policy' does not fit" in message
    assert "Lower cluster.engines to" in message


@pytest.mark.usefixtures("two_cores")
def test_a_run_that_does_not_fit_the_cluster_starts_nothing(
    make_config: MakeConfig, error_of: Callable[..., str], tmp_path: Path
) -> None:
    message = error_of("run", make_config(), "--set", "cluster.scorers=3")
    assert message.endswith("the machine has 2 (1 short). Lower cluster.scorers to 2.")
    assert not (tmp_path / "runs").exists()


def test_plan_prints_every_role(make_config: MakeConfig, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", make_config(), "--set", "sft.num_workers=1"]) == 0
    out = capsys.readouterr().out
    for word in ("policy", "backbone", "learner", "sft", "phase rollout: about", "cores"):
        assert word in out
    assert "method rewrite, strategy policy: prepare, train, rewrite, dataset, evaluate-base," in out
    assert "question prompt: 'QUESTION\\n\\nEnd with a last line of the form: #### answer'\n" in out
    assert "rewriting prompt (mathematics): 'QUESTION\\n\\nNotes:\\nEXPERT SOLUTION\\n\\nAnswer the" in out
    assert "hint: prompts" not in out
    assert main(["plan", make_config(), "--set", "sft.num_workers=1", "--set", "method=self_train"]) == 0
    out = capsys.readouterr().out
    assert "method self_train, strategy self_train: prepare, rewrite, dataset, evaluate-base," in out
    assert "report (without train, replay, student, sweep)" in out
    assert main(["plan", make_config(), "--set", "sft.num_workers=1", "--set", "method=grpo"]) == 0
    out = capsys.readouterr().out
    assert (
        "method grpo: prepare, student, evaluate-base, sft-expert, evaluate-expert, evaluate-rewritten, report "
        "(without train, rewrite, dataset, replay, sft-rewritten, sweep)"
    ) in out
    assert "rewriting prompt" not in out


def test_plan_has_engines_of_the_backbone_only_if_a_student_asks_them(
    make_config: MakeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    def roles(*changes: str) -> set[str]:
        given = [f"--set={change}" for change in ("sft.num_workers=1", *changes)]
        assert main(["plan", make_config(), *given]) == 0
        table = capsys.readouterr().out.split("phase rollout:")[0]
        return {name for name in ("policy", "backbone", "encoder", "learner", "sft") if f" {name} " in table}

    embedded = "reward.diversity=embedding"
    assert roles(embedded) == {"policy", "backbone", "encoder", "learner", "sft"}
    for method in ("grpo", "sdft"):
        assert roles(f"method={method}", embedded) == {"policy", "learner", "sft"}
    assert roles("method=grpo", "reward.judge=true") == {"policy", "backbone", "learner", "sft"}


@pytest.mark.parametrize("command", ["rewrite", "sweep"])
def test_a_method_without_targets(
    make_config: MakeConfig, error_of: Callable[..., str], command: str
) -> None:
    message = error_of(command, make_config(), "--set", "method=grpo")
    assert message.startswith(f"method=grpo trains the model itself and has no targets for `{command}`;")


def test_plan_shows_the_users_prompts_and_refuses_a_broken_one(
    make_config: MakeConfig, error_of: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--set", "prompts.answer_format=none", "--set", "prompts.rewrite=mathematics-zh"]
    assert main(["plan", make_config(), "--set", "sft.num_workers=1", *options]) == 0
    out = capsys.readouterr().out
    assert "question prompt: 'QUESTION'\n" in out
    assert "rewriting prompt (mathematics-zh): 'QUESTION\\n\\n笔记：" in out
    assert "hint: prompts.answer_format=none: answers are found in the form '#### X' only" in out
    message = error_of("plan", make_config(), "--set", "prompts.rewrite=none.jinja")
    assert message.startswith("prompts.rewrite: there is no file 'none.jinja'; ")


@pytest.mark.usefixtures("two_cores")
def test_a_missing_data_file(make_config: MakeConfig, error_of: Callable[..., str], tmp_path: Path) -> None:
    message = error_of("prepare", make_config(train=tmp_path / "none.jsonl"))
    assert message.startswith("data.train: there is no file")
    assert "none.jsonl" in message


@pytest.mark.usefixtures("two_cores")
def test_a_row_without_an_answer(
    make_config: MakeConfig, error_of: Callable[..., str], tmp_path: Path
) -> None:
    rows = [{"question": "1+1?", "solution": "#### 2"}, {"question": "2+2?", "solution": "Four."}]
    train = tmp_path / "train.jsonl"
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    message = error_of("prepare", make_config(train=train))
    assert "train.jsonl, line 2: column 'solution' states no answer in the convention '####'" in message
    assert "data.on_bad_row=skip" in message


@pytest.mark.usefixtures("two_cores")
def test_problems_that_are_all_too_long(make_config: MakeConfig, error_of: Callable[..., str]) -> None:
    message = error_of("prepare", make_config(), "--set", "model.max_model_len=70")
    assert message.startswith("no training problem fits model.max_model_len=70")


@pytest.mark.usefixtures("two_cores")
def test_a_model_without_a_chat_template(
    make_config: MakeConfig, error_of: Callable[..., str], tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(LAB_FOLDER, model, ignore=shutil.ignore_patterns("chat_template*"))
    assert "has no chat template" in error_of("run", make_config(model))


def test_a_folder_without_a_model(
    make_config: MakeConfig, error_of: Callable[..., str], tmp_path: Path
) -> None:
    assert "there is no model in" in error_of("plan", make_config(tmp_path / "empty"))


@pytest.mark.usefixtures("two_cores")
def test_a_stage_whose_inputs_are_missing(make_config: MakeConfig, error_of: Callable[..., str]) -> None:
    assert error_of("sft", make_config()).startswith("stage 'sft-expert' needs prepare first")
    assert error_of("evaluate", make_config()).startswith("stage 'evaluate-expert' needs sft-expert first")
    message = error_of("evaluate", make_config(), "--arms", "base", "--regrade")
    assert message.startswith("stage 'evaluate-base' of ")
    assert "is not complete" in message


@pytest.mark.usefixtures("two_cores")
def test_an_unknown_strategy(make_config: MakeConfig, error_of: Callable[..., str]) -> None:
    message = error_of("rewrite", make_config(), "--set", "rewrite.strategy=best_of")
    assert message.startswith("rewrite.strategy: Input should be 'policy', 'best_of_n'")


@pytest.mark.usefixtures("two_cores")
def test_an_empty_data_file(make_config: MakeConfig, error_of: Callable[..., str], tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert error_of("prepare", make_config(train=empty)).startswith("data: 0 training and")


@pytest.mark.usefixtures("two_cores")
def test_a_strategy_whose_rounds_cannot_share_the_budget(
    make_config: MakeConfig, error_of: Callable[..., str]
) -> None:
    message = error_of("compare", make_config(), "--set", "rewrite.num_generations=1")
    assert message.startswith("rewrite: num_generations=1 is too few for strategy=mind_the_gap")


def test_strategies_of_a_method_without_rewriting(
    make_config: MakeConfig, error_of: Callable[..., str]
) -> None:
    message = error_of("compare", make_config(), "--set", "method=sdft")
    assert message.startswith("method=sdft rewrites nothing, and `compare` compares strategies")
    assert message.endswith("set method=rewrite, or compare methods: --methods rewrite sdft")


@pytest.mark.usefixtures("two_cores")
@pytest.mark.parametrize("command", ["rewrite", "compare"])
def test_a_folder_without_a_rewriter(
    make_config: MakeConfig, error_of: Callable[..., str], tmp_path: Path, command: str
) -> None:
    message = error_of(command, make_config(), "--set", f"rewrite.rewriter={tmp_path / 'none'}")
    assert message.startswith("rewrite.rewriter: there is no trained rewriter in")


@pytest.mark.parametrize("arguments", [["data.jsonl"], ["run.yaml", "--model", "lab"]])
def test_a_gap_of_neither_config_nor_data_set(error_of: Callable[..., str], arguments: list[str]) -> None:
    message = error_of("gap", *arguments)
    assert message.startswith("gap takes a config file (.yaml), or a data set with --model; got")


@pytest.mark.usefixtures("two_cores")
def test_a_gap_of_a_missing_file(error_of: Callable[..., str], tmp_path: Path) -> None:
    missing = str(tmp_path / "none.jsonl")
    output = f"output_dir={tmp_path}"
    message = error_of("gap", missing, "--model", "lab", "--set", "model.max_model_len=512", "--set", output)
    assert message.startswith("data.train: there is no file")


def test_a_mistyped_command_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["trian", "x.yaml"])
    assert exit_.value.code == 2
    assert "invalid choice: 'trian'" in capsys.readouterr().err


def test_an_interrupt_says_how_to_go_on(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rewriter_agent.pipeline, "run_stages", interrupted)
    path = make_config()
    folder = load_config(Path(path)).folder
    for stage in ("prepare", "rewrite", "rewrite.stale-1"):
        (folder / stage).mkdir(parents=True)
        (folder / stage / "inputs.json").write_text("{}")
    (folder / "prepare" / "manifest.json").write_text("{}")
    assert main(["run", path, "--set", "data.num_train=2 "]) == 130
    assert capsys.readouterr().err.splitlines() == [
        "interrupted; re-run the same command to resume",
        f"kept in {folder}: prepare is complete, rewrite is begun",
        f"resume with: rewriter-agent run {path} --set 'data.num_train=2 '",
    ]


def test_an_interrupt_before_the_first_stage(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rewriter_agent.pipeline, "run_stages", interrupted)
    assert main(["run", make_config()]) == 130
    assert "no stage is complete, no stage is begun" in capsys.readouterr().err


def test_a_finished_run_ends_with_three_commands(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rewriter_agent.pipeline, "run_stages", lambda *_: None)
    path = make_config()
    folder = load_config(Path(path)).folder.absolute()
    assert main(["run", path]) == 0
    assert [line.partition(":")[2].strip() for line in capsys.readouterr().out.splitlines()[-3:]] == [
        f"python -m webbrowser file://{folder}/report/report.html",
        f"vllm serve {folder}/sft-rewritten/model",
        f"rewriter-agent gap YOUR.jsonl --model {LAB_FOLDER}",
    ]


def test_a_sweep_and_a_study_end_with_commands(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(rewriter_agent.pipeline, "run_stages", lambda *_: None)
    monkeypatch.setattr(rewriter_agent.experiments.study.command, "run_study", lambda config: "a table")
    path = make_config()
    folder = load_config(Path(path)).folder.absolute()
    rates = "sft.sweep={learning_rates: [1.0e-5, 2.0e-5], seeds: [0, 1]}"
    assert main(["sweep", path, "--set", rates]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"read the report:        python -m webbrowser file://{folder}/sweep/sweep.html",
        f"run with a chosen rate: rewriter-agent run {path} --set sft.sweep=null --set sft.learning_rate=RATE",
    ]
    assert main(["study", path]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "a table",
        f"read the report:        python -m webbrowser file://{folder}/study.html",
        f"join other seeds' part: rewriter-agent study {path} --join {folder}/study.json OTHER/study.json",
    ]


def test_an_interrupted_grading_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rewriter_agent.scoring.grade_file, "grade_file", interrupted)
    assert main(["grade", "in.jsonl", "--output", str(tmp_path / "out.jsonl")]) == 130
    assert capsys.readouterr().err == "interrupted; nothing was written\n"


def test_a_fault_of_the_program_keeps_its_traceback(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("bug")

    monkeypatch.setattr(rewriter_agent.pipeline, "run_stages", broken)
    with pytest.raises(KeyError):
        main(["run", make_config()])


def chained(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


class WorkerGroupError(Exception):
    """Error like Ray Train's, with the workers' own errors in a field."""

    def __init__(self, failure: Exception) -> None:
        super().__init__("training failed")
        self.worker_failures = {0: failure}


class WorkerHealthCheckFailedError(Exception):
    """Error like Ray Train's for a worker that has died."""

    health_check_failure = RuntimeError(
        "Task was killed due to the node running low on memory.\nMore about it"
    )


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ValueError("mend it"), "mend it"),
        (chained(RuntimeError("a worker failed"), ValueError("mend it")), "mend it"),
        (
            WorkerGroupError(chained(RuntimeError("worker 0"), ValueError("use fewer rows"))),
            "use fewer rows",
        ),
        (
            WorkerGroupError(WorkerHealthCheckFailedError()),
            "a training process died, once more than cluster.max_failures allows (Task was killed due to the node "
            "running low on memory.). Completed work is kept",
        ),
        (
            EnginesLostError("no engine is left"),
            "no engine is left. Completed work is kept: re-run the same command to resume",
        ),
        (OSError(errno.ENOSPC, "full", "runs/x"), "no disk space left: runs/x."),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "a bug of ours"), None),
        (RuntimeError("a bug of ours"), None),
        (OSError(errno.EACCES, "denied"), None),
    ],
)
def test_only_errors_that_the_user_can_mend_are_messages(error: Exception, message: str | None) -> None:
    given = user_message(error)
    assert given is None if message is None else (given or "").startswith(message)
