"""Command line of rewriter-agent: every stage is a command, and a user's error is one message."""

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from cluster.credentials import load_credentials
from rewriter_agent.commands.grade_options import add_options, reward_config
from rewriter_agent.config.strategies import STRATEGIES
from rewriter_agent.push.options import add_options as add_push_options
from rewriter_agent.push.options import named_repos
from rewriter_agent.user_errors import user_message
from sft.runtime.collector import collector_paused

from .config import RunConfig, load_config
from .environment import prepare_environment, use_utf8

ARMS = ("base", "expert", "rewritten")
STAGE_TEXTS = {
    "prepare": "load the problems and score them under the backbone",
    "train": "learn the rewriting policy (GRPO)",
    "rewrite": "rewrite and verify every training problem, after the stages that this needs",
    "sft": "fine-tune on expert solutions and on the rewritten ones",
    "sweep": "fine-tune with every weight, learning rate and seed of sft.sweep, after the stages that this needs",
    "evaluate": "evaluate base and both fine-tuned models, or some of them, on task, benchmarks and retention",
    "report": "write the HTML report",
    "run": "run all stages in order; complete ones are skipped",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 2 for a user's error, 1 if a `check` fails."""
    if arguments is None:
        use_utf8()
    options = _parser().parse_args(arguments)
    # Ray's job server ends a job with SIGTERM; engines and files are then closed as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    credentials = None
    try:
        prepare_environment()
        credentials = load_credentials()
        return _do(options)
    except KeyboardInterrupt:
        starts_over = options.command in ("grade", "gap", "check")
        kept = "nothing was written" if starts_over else "re-run the same command to resume"
        print(f"interrupted; {kept}", file=sys.stderr)
        return 130
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        print(f"error: {message}", file=sys.stderr)
        return 2
    finally:
        # This job is the last one that needs the file.
        if credentials:
            credentials.unlink(missing_ok=True)


def _do(options: argparse.Namespace) -> int:
    if options.command == "grade":
        return _grade(options)
    if options.command == "check":
        return _check(options)
    if options.command == "launch":
        from rewriter_agent.commands.launch import launch

        return launch(options.config, options.set, options.seeds)
    if options.command == "submit":
        from rewriter_agent.commands.submit import submit

        return submit(options.config, options.set, options.seeds)
    if options.command == "gap":
        return _gap(options)
    if options.command == "push":
        return _push(options)
    config = load_config(options.config, options.set)
    if options.command == "sweep" and config.sft.sweep is None:
        raise ValueError(
            "sweep needs the values to try, for example "
            "--set 'sft.sweep={learning_rates: [1.0e-5, 2.0e-5], seeds: [0, 1]}'"
        )
    if options.command == "plan":
        return _plan(config, options.measure, options.machines)
    if options.command == "dashboard":
        return _dashboard(config, options.dry_run)
    if options.command == "run" and options.seeds:
        from rewriter_agent.experiments.seeds import run_seeds

        print(f"report over all seeds: {run_seeds(config, options.seeds).absolute()}")
        return 0
    if options.command == "study":
        return _study(config, options.join)
    if options.command == "compare":
        with collector_paused():
            from rewriter_agent.experiments.compare import compare_strategies, comparison

        print(comparison(compare_strategies(config, options.strategies)))
        return 0
    with collector_paused():
        from .pipeline import COMMANDS, evaluate_arms, print_summary, run_stages

    if options.command == "evaluate":
        print(evaluate_arms(config, options.arms, options.regrade))
        return 0

    run_stages(config, COMMANDS[options.command])
    if options.command == "run":
        print_summary(config)
    return 0


def _grade(options: argparse.Namespace) -> int:
    from rewriter_agent.scoring.grade_file import grade_file

    config = reward_config(options)
    print(
        grade_file(
            options.input, options.output, config, options.convention, options.mode, steps=options.steps
        )
    )
    return 0


def _check(options: argparse.Namespace) -> int:
    from rewriter_agent.report.check import Limits, check

    limits = Limits(options.min_gain, options.max_forgetting)
    decision = check(options.run, limits, options.arm, options.point_estimates)
    print(decision.line)
    return 0 if decision.passed else 1


def _gap(options: argparse.Namespace) -> int:
    from rewriter_agent.experiments.gap.command import gap, gap_table
    from rewriter_agent.experiments.gap.dataset import dataset_config

    is_config = options.config.suffix in (".yaml", ".yml")
    if is_config == bool(options.model):
        raise ValueError(
            f"gap takes a config file (.yaml), or a data set with --model; got {options.config} and --model "
            f"{options.model}"
        )
    if is_config:
        config = load_config(options.config, options.set)
    else:
        config = dataset_config(str(options.config), options.model, options.set)
    print(gap_table(gap(config, options.sample), config.folder))
    return 0


def _push(options: argparse.Namespace) -> int:
    config, repos = load_config(options.config, options.set), named_repos(options)
    from rewriter_agent.push.command import push

    push(config, repos, options.private, options.yes)
    return 0


def _plan(config: RunConfig, measure: bool, machines: Sequence[str]) -> int:
    from cluster.planning.machine import parse_machines
    from cluster.planning.plan import make_plan
    from cluster.session import local_machine
    from rewriter_agent.data.prompt_encoder import load_tokens
    from rewriter_agent.data.prompts import prompt_form
    from rewriter_agent.models.chat_template import tells_date
    from rewriter_agent.models.context_length import check_max_model_len
    from rewriter_agent.models.end_tokens import end_tokens_text
    from rewriter_agent.models.resolve import resolve_model
    from rewriter_agent.models.size import model_shape
    from rewriter_agent.runtime.workload import plan_table, workload

    given = [machine for text in machines for machine in parse_machines(text)]
    # For other machines a plan needs the model's config only.
    path = resolve_model(config.model.name_or_path, weights=not given)
    work = workload(config, model_shape(path))
    check_max_model_len(path, config.model.max_model_len)
    tokens = load_tokens(path, config.model)
    plan = make_plan(config.cluster, work, given or [local_machine()])
    print(plan_table(plan, config, work))
    print(_stages_line(config))
    print(f"rewriting prompt: {prompt_form(config.convention, show_answer=config.prompts.show_answer)}")
    print(end_tokens_text(tokens.ends, tokens.tokenizer))
    if tells_date(tokens.tokenizer):
        told = config.model.date or "that of the run's first start; model.date sets another"
        print(f"the chat template tells a date: {told}")
    if config.study is None:
        if measure:
            raise ValueError("--measure times the work of a study, and the config has no section `study`")
        return 0
    from rewriter_agent.experiments.study.forecast import counts_text, forecast_text
    from rewriter_agent.experiments.study.plan import StudyPlan

    study = StudyPlan.of(config)
    print(counts_text(study))
    if measure:
        from rewriter_agent.experiments.study.pilot import measure_speeds
        from rewriter_agent.experiments.study.stages import fine_tunings_at_a_time

        print(forecast_text(study, measure_speeds(study), fine_tunings_at_a_time(plan)[0]))
    return 0


def _stages_line(config: RunConfig) -> str:
    from rewriter_agent.pipeline import STAGES

    names = {
        wanted: [stage.name for stage in STAGES if stage.wanted(config) == wanted] for wanted in (True, False)
    }
    skipped = f" (without {', '.join(names[False])})" if names[False] else ""
    return f"method {config.method}, strategy {config.rewrite.strategy}: {', '.join(names[True])}{skipped}"


def _study(config: RunConfig, parts: Sequence[Path]) -> int:
    if parts:
        from rewriter_agent.experiments.study.join import join_studies

        print(join_studies(config, parts))
        return 0
    with collector_paused():
        from rewriter_agent.experiments.study.command import run_study

    print(run_study(config))
    return 0


def _dashboard(config: RunConfig, dry_run: bool) -> int:
    from rewriter_agent.tracking.panels import outline

    if dry_run:
        print(outline())
        return 0
    from rewriter_agent.tracking.dashboard import dashboard

    print(dashboard(config))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="rewriter-agent", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    names = {
        "plan": "print roles, threads and memory; refuse an impossible layout",
        "compare": "rewrite the training problems by several strategies at equal rollouts, and compare them",
        "study": "fine-tune every arm at every learning rate with every seed of the section study, one table",
        "gap": "measure how far a sample of the data is from the backbone, before anything is trained",
        **STAGE_TEXTS,
        "push": "upload model, adapter and data set of a finished run to the Hugging Face Hub; a dry run without --yes",
        "launch": "start a Ray head on this machine, submit `run` as a job, follow it, stop the head",
        "submit": "submit `run` as a job to the Ray cluster at RAY_API_SERVER_ADDRESS (default: this machine's)",
        "dashboard": "make the W&B workspace and report of the run's group",
    }
    for name, text in names.items():
        command = commands.add_parser(name, help=text, description=text)
        _add_config(command, name)
        _add_options(command, name)
    text = "grade a file of answers with the reward's verifier; needs no config"
    add_options(commands.add_parser("grade", help=text, description=text))
    text = "decide whether a finished run's model gains enough and forgets little enough: exit status 0 or 1"
    _add_check_options(commands.add_parser("check", help=text, description=text))
    return parser


def _add_check_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("run", type=Path, metavar="RUN", help="folder of a finished run, or its report.json")
    text = "the model's gain on the task over the backbone must be at least this"
    add("--min-gain", type=float, metavar="POINTS", help=text)
    text = "its forgetting on the retention tasks must be at most this"
    add("--max-forgetting", type=float, metavar="POINTS", help=text)
    add("--arm", default="rewritten", help="model to judge (default: %(default)s)")
    text = "compare the estimates with the limits, not the far ends of their 95 %% intervals"
    add("--point-estimates", action="store_true", help=text)


def _add_config(command: argparse.ArgumentParser, name: str) -> None:
    text = "YAML file, see configs/"
    if name == "gap":
        text += (
            "; or with --model a .jsonl or .parquet file or the name of a data set on the Hugging Face hub"
        )
    command.add_argument("config", type=Path, help=text)
    text = "override a config key, e.g. train.max_steps=5"
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=text)


def _add_options(command: argparse.ArgumentParser, name: str) -> None:
    """Add the options of one command."""
    add = command.add_argument
    match name:
        case "compare":
            text, names = "strategies to compare (default: all)", [*STRATEGIES, "accepted_only"]
            add("--strategies", nargs="+", choices=names, default=names, metavar="NAME", help=text)
        case "study":
            text = "run nothing; join the study.json files of parts with other seeds or arms"
            add("--join", type=Path, nargs="+", default=[], metavar="FILE", help=text)
        case "plan":
            text = "time a small pilot of the study and predict how long the study takes"
            add("--measure", action="store_true", help=text)
            text = (
                "plan for other machines than this one, e.g. '2 x cpus=64,memory=512,gpus=8,gpu_memory=80' (GiB); may "
                "be given several times"
            )
            add("--machines", action="append", default=[], metavar="TEXT", help=text)
        case "gap":
            add(
                "--model",
                metavar="NAME_OR_PATH",
                help="model to measure; required if a data set is given instead of a config",
            )
            text = "training problems to measure (default: %(default)s)"
            add("--sample", type=_positive, default=100, metavar="N", help=text)
        case "evaluate":
            text = "models to evaluate (default: all of them)"
            add("--arms", nargs="+", choices=ARMS, default=ARMS, metavar="ARM", help=text)
            text = "grade the stored answers again without asking any model"
            add("--regrade", action="store_true", help=text)
        case "push":
            add_push_options(command)
        case "dashboard":
            text = "print sections, panels and metric names; no network"
            add("--dry-run", action="store_true", help=text)
        case "run" | "launch" | "submit":
            text = "run all stages once per seed, and report on all seeds together"
            add("--seeds", type=_seed, nargs="+", default=[], metavar="N", help=text)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not positive")
    return value


def _seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{value} is not a seed; seeds are from 0 to {2**32 - 1}")
    return value
