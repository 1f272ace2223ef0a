"""Command line of rewriter-agent: every stage is a command, and a user's error is one message."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.credentials import load_credentials
from rewriter_agent.user_errors import user_message
from sft.runtime.collector import collector_paused

from .commands.parser import parse
from .environment import prepare_environment, use_utf8
from .io.console import console

if TYPE_CHECKING:
    from .config import RunConfig

INTERRUPTED = 130
FIRST_STAGES = ("prepare", "rewrite", "sweep", "study", "compare", "run")
"""Commands that begin with the stage `prepare`, which reads the data."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 2 for a user's error, 1 if a `check` fails."""
    if arguments is None:
        use_utf8()
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(__doc__, arguments)
    console.verbose = getattr(options, "verbose", False)
    # Ray's job server ends a job with SIGTERM; engines and files are then closed as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    credentials = None
    try:
        prepare_environment()
        credentials = load_credentials()
        status = _do(options)
        if status == INTERRUPTED:
            # `launch` has stopped its job.
            _say_kept(options, arguments)
        return status
    except KeyboardInterrupt:
        starts_over = options.command in ("grade", "gap", "check", "serve")
        kept = "nothing was written" if starts_over else "re-run the same command to resume"
        console.warn(f"interrupted; {kept}")
        if not (starts_over or getattr(options, "server", None)):
            _say_kept(options, arguments)
        return INTERRUPTED
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        console.warn("\n".join([f"error: {message}", *getattr(error, "__notes__", [])]))
        return 2
    finally:
        console.close()
        # This job is the last one that needs the file.
        if credentials:
            credentials.unlink(missing_ok=True)


def _say_kept(options: argparse.Namespace, arguments: Sequence[str]) -> None:
    """Print which stages of an interrupted run are kept."""
    from .commands.closing import resume_text
    from .config import load_config

    console.warn(resume_text(load_config(options.config, options.set), arguments))


def _do(options: argparse.Namespace) -> int:
    match options.command:
        case "grade":
            return _grade(options)
        case "check":
            return _check(options)
        case "launch":
            from rewriter_agent.commands.launch import launch

            return launch(options.config, options.set, options.seeds, options.verbose)
        case "submit":
            from rewriter_agent.commands.submit import submit

            return submit(options.config, options.set, options.seeds, options.verbose)
        case "gap":
            return _gap(options)
        case "push":
            return _push(options)
        case "serve":
            return _serve(options)
        case "rewrite" if options.server or options.output:
            return _rewrite_by_service(options)
    return _do_here(options)


def _do_here(options: argparse.Namespace) -> int:
    """Run a command that works on a config in this process."""
    from .config import load_config

    config = load_config(options.config, options.set)
    _check_command(options, config)
    if options.command in FIRST_STAGES:
        from .commands.inputs import check_inputs

        check_inputs(config)
    match options.command:
        case "plan":
            from .commands.plan import plan

            plan(config, options.measure, options.machines)
            return 0
        case "dashboard":
            return _dashboard(config, options.dry_run)
    from .runtime.run_log import run_log

    with run_log(config.folder):
        return _start(config, options)


def _start(config: "RunConfig", options: argparse.Namespace) -> int:
    """Run a command that starts engines, or the report alone."""
    match options.command:
        case "study":
            from .commands.closing import after_study

            _study(config, options.join)
            if not options.join:
                console.say(after_study(config, options.config))
            return 0
        case "compare":
            return _compare(config, options)
        case "run" if options.seeds:
            from rewriter_agent.experiments.seeds import run_seeds, with_seed

            from .commands.closing import after_seeds

            report = run_seeds(config, options.seeds)
            console.say(f"report over all seeds: {report.absolute()}")
            console.say(after_seeds(config, with_seed(config, options.seeds[0]), report))
            return 0
    return _run(config, options)


def _run(config: "RunConfig", options: argparse.Namespace) -> int:
    """Run the stages of a command."""
    with collector_paused():
        from .pipeline import COMMANDS, evaluate_arms, print_summary, run_stages

    if options.command == "evaluate":
        console.say(evaluate_arms(config, options.arms, options.regrade))
        return 0
    run_stages(config, COMMANDS[options.command])
    from .commands.closing import after_sweep, next_text

    if options.command == "run":
        print_summary(config)
        console.say(next_text(config))
    if options.command == "sweep":
        console.say(after_sweep(config, options.config))
    return 0


def _check_command(options: argparse.Namespace, config: "RunConfig") -> None:
    from .config.method import trains_student

    command, student = options.command, trains_student(config.method)
    if command == "compare" and student and not options.methods:
        raise ValueError(
            f"method={config.method} rewrites nothing, and `compare` compares strategies of rewriting; set "
            f"method=rewrite, or compare methods: --methods rewrite {config.method}"
        )
    if command in ("rewrite", "sweep") and student:
        raise ValueError(
            f"method={config.method} trains the model itself and has no targets for `{command}`; `rewriter-agent run` "
            "does every stage, and `train` after `prepare` the training alone. For targets, set method=rewrite"
        )
    if command == "sweep" and config.sft.sweep is None:
        raise ValueError(
            "sweep needs the values to try, for example "
            "--set 'sft.sweep={learning_rates: [1.0e-5, 2.0e-5], seeds: [0, 1]}'"
        )


def _grade(options: argparse.Namespace) -> int:
    from rewriter_agent.scoring.grade_file import grade_file

    from .commands.grade_options import reward_config

    config = reward_config(options)
    summary = grade_file(
        options.input, options.output, config, options.convention, options.mode, steps=options.steps
    )
    console.say(str(summary))
    return 0


def _check(options: argparse.Namespace) -> int:
    from rewriter_agent.report.check import Limits, check

    limits = Limits(options.min_gain, options.max_forgetting)
    decision = check(options.run, limits, options.arm, options.point_estimates)
    console.say(decision.line)
    return 0 if decision.passed else 1


def _gap(options: argparse.Namespace) -> int:
    from .config import load_config

    is_config = options.config.suffix in (".yaml", ".yml")
    if is_config == bool(options.model):
        raise ValueError(
            f"gap takes a config file (.yaml), or a data set with --model; got {options.config} and --model "
            f"{options.model}"
        )
    if is_config:
        config = load_config(options.config, options.set)
    else:
        from rewriter_agent.experiments.gap.dataset import dataset_config

        config = dataset_config(str(options.config), options.model, options.set)
    from .commands.inputs import check_inputs

    check_inputs(config)
    from rewriter_agent.experiments.gap.command import gap, gap_table
    from rewriter_agent.runtime.run_log import run_log

    with run_log(config.folder):
        console.say(gap_table(gap(config, options.sample), config.folder))
    return 0


def _push(options: argparse.Namespace) -> int:
    from .config import load_config
    from .push.options import named_repos

    config, repos = load_config(options.config, options.set), named_repos(options)
    from rewriter_agent.push.command import push

    push(config, repos, options.private, options.yes)
    return 0


def _serve(options: argparse.Namespace) -> int:
    with collector_paused():
        from .commands.serve import Arguments, serve, write_serve_config

    if options.write:
        arguments = Arguments(
            run=options.run.absolute(), strategy=options.strategy, set=options.set, host=options.host
        )
        write_serve_config(arguments, options.port, options.write)
        return 0
    serve(options.run, options.strategy, options.host, options.port, options.set)
    return 0


def _rewrite_by_service(options: argparse.Namespace) -> int:
    if not (options.server and options.output):
        raise ValueError("--server URL and --output FILE belong together; give both, or neither")
    if options.set:
        raise ValueError("--set changes a config, and the service has its own; leave --set out")
    from .commands.rewrite_by_service import rewrite_by_service

    console.say(rewrite_by_service(options.config, options.output, options.server))
    return 0


def _compare(config: "RunConfig", options: argparse.Namespace) -> int:
    if options.methods:
        from rewriter_agent.experiments.study.methods import methods_study

        return _study(methods_study(config, options.methods), [])
    with collector_paused():
        from rewriter_agent.experiments.compare import compare_strategies, comparison

    console.say(comparison(compare_strategies(config, options.strategies)))
    return 0


def _study(config: "RunConfig", parts: Sequence[Path]) -> int:
    if parts:
        from rewriter_agent.experiments.study.join import join_studies

        console.say(join_studies(config, parts))
        return 0
    with collector_paused():
        from rewriter_agent.experiments.study.command import run_study

    console.say(run_study(config))
    return 0


def _dashboard(config: "RunConfig", dry_run: bool) -> int:
    from rewriter_agent.tracking.panels import outline

    if dry_run:
        console.say(outline())
        return 0
    from rewriter_agent.tracking.dashboard import dashboard

    console.say(dashboard(config))
    return 0
