"""The command line's parser. Only the options of the command that is used are declared: some need slow imports."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rewriter_agent.push.options import add_options as add_push_options

ARMS = ("base", "expert", "rewritten")
STAGE_TEXTS = {
    "prepare": "load the problems and score them under the backbone",
    "train": "learn the rewriting policy (GRPO), or train the model itself if the method says so",
    "rewrite": "rewrite and verify every training problem, after the stages that this needs",
    "sft": "fine-tune on expert solutions and on the rewritten ones",
    "sweep": "fine-tune with every weight, learning rate and seed of sft.sweep, after the stages that this needs",
    "evaluate": "evaluate base and both fine-tuned models, or some of them, on task, benchmarks and retention",
    "report": "write the HTML report",
    "run": "run all stages in order; complete ones are skipped",
}
TEXTS = {
    "plan": "print roles, threads and memory; refuse an impossible layout",
    "compare": "rewrite the training problems by several strategies at equal rollouts, or train by several methods",
    "study": "fine-tune every arm at every learning rate with every seed of the section study, one table",
    "gap": "measure how far a sample of the data is from the backbone, before anything is trained",
    **STAGE_TEXTS,
    "serve": "answer requests for rewrites over HTTP with the engines and the gate of a run's stage rewrite",
    "push": "upload model, adapter and data set of a finished run to the Hugging Face Hub; a dry run without --yes",
    "launch": "start a Ray head on this machine, submit `run` as a job, follow it, stop the head",
    "submit": "submit `run` as a job to the Ray cluster at RAY_API_SERVER_ADDRESS (default: this machine's)",
    "dashboard": "make the W&B workspace and report of the run's group",
    "grade": "grade a file of answers with the reward's verifier; needs no config",
    "check": "decide whether a finished run's model gains enough and forgets little enough: exit status 0 or 1",
}


def parse(description: str | None, arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments of the command line."""
    parser = argparse.ArgumentParser(prog="rewriter-agent", description=description)
    commands = parser.add_subparsers(dest="command", required=True)
    used = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, text in TEXTS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name == used:
            _add_all(command, name)
    return parser.parse_args(arguments)


def _add_all(command: argparse.ArgumentParser, name: str) -> None:
    match name:
        case "grade":
            # Imported here: its help names the defaults of the reward's config.
            from .grade_options import add_options

            add_options(command)
        case "check":
            _add_check_options(command)
        case "serve":
            _add_serve_options(command)
        case _:
            _add_config(command, name)
            _add_options(command, name)


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


def _add_serve_options(command: argparse.ArgumentParser) -> None:
    # Imported here: the config takes half a second.
    from rewriter_agent.config.strategies import STRATEGIES

    add = command.add_argument
    add("run", type=Path, metavar="RUN", help="folder of a run with a trained rewriter, or a config file")
    text = "strategy instead of the run's; best_of_n needs no trained rewriter"
    add("--strategy", choices=STRATEGIES, metavar="NAME", help=text)
    text = "address to listen at; another than this machine's own needs a token (default: %(default)s)"
    add("--host", default="127.0.0.1", help=text)
    add(
        "--port",
        type=_port,
        default=8000,
        help="port to listen at, 0 for any free one (default: %(default)s)",
    )
    text = "start nothing; write the Serve config that `serve deploy` takes"
    add("--write", type=Path, metavar="FILE", help=text)
    _add_set(command)


def _add_config(command: argparse.ArgumentParser, name: str) -> None:
    text = "YAML file, see configs/"
    if name == "gap":
        text += "; or with --model a data file or the name of a data set on the Hugging Face hub"
    if name == "rewrite":
        text += "; or with --server a .jsonl file with question and solution a row"
    command.add_argument("config", type=Path, help=text)
    _add_set(command)
    if name not in ("plan", "dashboard", "push"):
        text = "show every count, skipped stages and each progress line"
        command.add_argument("-v", "--verbose", action="store_true", help=text)


def _add_set(command: argparse.ArgumentParser) -> None:
    text = "override a config key, e.g. train.max_steps=5"
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help=text)


def _add_options(command: argparse.ArgumentParser, name: str) -> None:
    """Add the options of one command."""
    add = command.add_argument
    match name:
        case "compare":
            _add_compare_options(command)
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
        case "rewrite":
            text = "rewrite the rows of a JSON Lines file by the service at this address; needs --output"
            add("--server", metavar="URL", help=text)
            text = "JSON Lines file for the service's answers; rows that it has are not sent again"
            add("--output", type=Path, metavar="FILE", help=text)
        case "push":
            add_push_options(command)
        case "dashboard":
            text = "print sections, panels and metric names; no network"
            add("--dry-run", action="store_true", help=text)
        case "run" | "launch" | "submit":
            text = "run all stages once per seed, and report on all seeds together"
            add("--seeds", type=_seed, nargs="+", default=[], metavar="N", help=text)


def _add_compare_options(command: argparse.ArgumentParser) -> None:
    # Imported here: the config takes half a second.
    from rewriter_agent.config.strategies import STRATEGIES
    from rewriter_agent.experiments.study.methods import ARM_OF

    add = command.add_mutually_exclusive_group().add_argument
    text, names = "strategies of rewriting to compare (default: all)", [*STRATEGIES, "accepted_only"]
    add("--strategies", nargs="+", choices=names, default=names, metavar="NAME", help=text)
    text, methods = "whole methods to compare instead: train and measure a model by each", list(ARM_OF)
    add(
        "--methods",
        nargs="+",
        choices=methods,
        default=[],
        metavar="NAME",
        help=f"{text} ({', '.join(methods)})",
    )


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"{value} is not a port; ports are from 0 to 65535")
    return value


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
