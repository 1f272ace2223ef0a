"""`python -m rewriter_agent.lab`: pre-train a backbone, or resume, and write its model card."""

import argparse
from pathlib import Path

from rewriter_agent.io.console import console
from rewriter_agent.io.progress import Progress
from rewriter_agent.models.lab import LAB, LAB_FOLDERS

from .card import write_card
from .install import install
from .pretrain import pretrain
from .recipes import RECIPES


def main() -> None:
    """Parse the command line and run; wrong settings end with a message."""
    parser = argparse.ArgumentParser(prog="python -m rewriter_agent.lab", description=__doc__)
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="checkpoint, model and card are written here (default: runs/MODEL-backbone)",
    )
    parser.add_argument(
        "--model",
        choices=RECIPES,
        default=LAB,
        help="backbone to make: `lab` from random weights, `lab-lessons` from `lab` (default: %(default)s)",
    )
    for name, what in (
        ("steps", "optimiser steps"),
        ("chats", "chats in a step"),
        ("warmup", "warm-up steps of the learning rate"),
        ("seed", "seed of the chats and of random weights"),
        ("threads", "threads of the processor"),
    ):
        parser.add_argument(f"--{name}", type=int, help=f"{what} (default: those of the model)")
    parser.add_argument("--stop-after", type=int, help="stop at this step with a checkpoint")
    parser.add_argument("--items", type=int, default=200, help="items per measure of the card")
    parser.add_argument(
        "--install", action="store_true", help="when finished, make it the model of that name in this package"
    )
    options = parser.parse_args()
    folder = options.folder or Path(f"runs/{options.model}-backbone")
    try:
        recipe = RECIPES[options.model].with_settings(
            steps=options.steps,
            chats=options.chats,
            warmup=options.warmup,
            seed=options.seed,
            threads=options.threads,
        )
        if pretrain(recipe, folder, Progress("backbone"), options.stop_after):
            write_card(folder, recipe, options.items, Progress("card"))
            if options.install:
                target = LAB_FOLDERS[options.model]
                install(folder, target)
                console.say(f"installed in {target}")
    except ValueError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
