"""The options of `push`."""

import argparse
from typing import Literal, get_args

Kind = Literal["model", "adapter", "dataset"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TEXTS: dict[Kind, str] = {
    "model": "repo for the model that was fine-tuned on rewritten data",
    "adapter": "repo for the rewriting policy's adapter",
    "dataset": "repo for the rewritten data set",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    for kind, text in TEXTS.items():
        parser.add_argument(f"--{kind}", metavar="OWNER/NAME", help=text)
    parser.add_argument(
        "--private", action="store_true", help="create new repos as private, and refuse public ones"
    )
    parser.add_argument(
        "--yes", action="store_true", help="really push; without it nothing leaves the machine"
    )


def named_repos(options: argparse.Namespace) -> dict[Kind, str]:
    """Collect the named repos by kind of content.

    Raises:
        ValueError: none is named, one is not a repo's name, or model and adapter have the same.
    """
    # Imported here: the other commands do without it.
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    repos: dict[Kind, str] = {kind: getattr(options, kind) for kind in KINDS if getattr(options, kind)}
    if not repos:
        raise ValueError(
            "push needs to know what goes where: name one or more of --model, --adapter and --dataset, each with a "
            "repo (owner/name)"
        )
    for kind, repo in repos.items():
        try:
            validate_repo_id(repo)
        except HFValidationError as error:
            raise ValueError(f"--{kind} {repo}: {error}") from None
        if "/" not in repo:
            raise ValueError(f"--{kind} {repo}: name the owner too, you or an organisation (owner/{repo})")
    if "model" in repos and repos["model"] == repos.get("adapter"):
        raise ValueError(f"--model and --adapter both name {repos['model']}; give each a repo of its own")
    return repos
