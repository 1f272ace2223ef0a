"""The command line: every stage is a command, and a user's error is one message."""

import argparse
import errno
import os
import signal
import sys
from pathlib import Path

from .config import RunConfig, load_config
from .grade_options import add_options, reward_config

STAGES = {
    "prepare": "load the problems and score them under the backbone",
    "train": "learn the rewriting policy (GRPO)",
    "rewrite": "rewrite and verify every training problem",
    "sft": "fine-tune on expert solutions and on the rewritten ones",
    "evaluate": "task accuracy and retention of base and both fine-tuned models",
    "report": "write the HTML report",
    "run": "all stages in order, those complete skipped",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status (2 for a user's error)."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # Ray's job server ends a job with SIGTERM; engines and files are closed the same way as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return _do(options)
    except KeyboardInterrupt:
        kept = "nothing was written" if options.command == "grade" else "the same command goes on from here"
        print(f"interrupted; {kept}", file=sys.stderr)
        return 130
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2


def user_message(error: BaseException) -> str | None:
    """The message of an error that the user can mend, also where a Ray worker raised it; None for others."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        where = error.filename or "the run folder"
        return f"no disk space left: {where}. Free some; the same command goes on from here."
    # pydantic's errors are ValueErrors too, but a config error has been explained before.
    if type(error) is ValueError:
        return str(error)
    causes = [error.__cause__, *getattr(error, "worker_failures", {}).values()]
    messages = [user_message(cause) for cause in causes if cause is not None]
    return next((message for message in messages if message), None)


def _do(options: argparse.Namespace) -> int:
    if options.command == "grade":
        return _grade(options)
    if options.command == "launch":
        from .launch import launch

        return launch(options.config, options.set, options.seeds)
    config = load_config(options.config, options.set)
    if options.command == "plan":
        return _plan(config)
    if options.command == "run" and options.seeds:
        from .run_seeds import run_seeds

        print(f"report over all seeds: {run_seeds(config, options.seeds).absolute()}")
        return 0
    from .pipeline import COMMANDS, print_summary, run_stages

    run_stages(config, COMMANDS[options.command])
    if options.command == "run":
        print_summary(config)
    return 0


def _grade(options: argparse.Namespace) -> int:
    from .grade import grade_file

    config = reward_config(options)
    print(grade_file(options.input, options.output, config, options.convention, options.mode))
    return 0


def _plan(config: RunConfig) -> int:
    from cluster.plan import make_plan
    from cluster.session import local_machine

    from .models.resolve import resolve_model
    from .models.size import model_size
    from .plan import plan_table, workload

    size = model_size(resolve_model(config.model.name_or_path))
    plan = make_plan(config.cluster, workload(config, size), local_machine())
    print(plan_table(plan))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rewriter-agent", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    names = {
        "plan": "print roles, threads and memory; refuse an impossible layout",
        **STAGES,
        "launch": "start a Ray head on this machine, submit `run` as a job, follow it, stop the head",
    }
    for name, text in names.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("config", type=Path, help="YAML file, see configs/")
        command.add_argument(
            "--set",
            action="append",
            default=[],
            metavar="KEY=VALUE",
            help="override a config key, e.g. train.max_steps=5",
        )
        if name in ("run", "launch"):
            text = "do all stages once for each of these seeds, and report on all of them"
            command.add_argument("--seeds", type=int, nargs="+", default=[], metavar="N", help=text)
    text = "grade a file of answers with the reward's verifier; needs no config"
    add_options(commands.add_parser("grade", help=text, description=text))
    return parser
