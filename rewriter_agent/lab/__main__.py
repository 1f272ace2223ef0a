"""`python -m rewriter_agent.lab`: pre-train the backbone, or resume, and write its model card."""

import argparse
from pathlib import Path

from rewriter_agent.io.progress import Progress
from rewriter_agent.models.lab import LAB_FOLDER

from .card import write_card
from .install import install
from .pretrain import pretrain
from .settings import Settings


def main() -> None:
    """Parse the command line and run; wrong settings end with a message."""
    parser = argparse.ArgumentParser(prog="python -m rewriter_agent.lab", description=__doc__)
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=Path("runs/lab-backbone"),
        help="checkpoint, model and card are written here (default: %(default)s)",
    )
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--chats", type=int, default=Settings.chats, help="chats in a step")
    parser.add_argument("--warmup", type=int, default=Settings.warmup)
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--threads", type=int, default=Settings.threads)
    parser.add_argument("--stop-after", type=int, help="stop at this step with a checkpoint")
    parser.add_argument("--items", type=int, default=200, help="items per measure of the card")
    parser.add_argument(
        "--install", action="store_true", help="when finished, make it the model `lab` of this package"
    )
    options = parser.parse_args()
    try:
        settings = Settings(
            options.steps, options.seed, options.chats, warmup=options.warmup, threads=options.threads
        )
        if pretrain(settings, options.folder, Progress("backbone"), options.stop_after):
            write_card(options.folder, settings, options.items, Progress("card"))
            if options.install:
                install(options.folder, LAB_FOLDER)
                print(f"installed in {LAB_FOLDER}")
    except ValueError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
