"""The command `push`: show the files for the Hugging Face Hub, and upload them with `--yes`."""

from collections.abc import Mapping

from rewriter_agent.config import RunConfig
from rewriter_agent.config.dataset import DatasetConfig
from rewriter_agent.io.console import console

from .hub import send
from .options import Kind
from .uploads import Upload, pack


def push(config: RunConfig, repos: Mapping[Kind, str], private: bool, yes: bool) -> None:
    """Upload to the named `repos`; without `yes` only print the files, without network.

    Raises:
        ValueError: a stage is not complete, or the hub does not take it (see `send`).
    """
    uploads = pack(config, repos)
    if "dataset" in repos and not private and config.dataset.license == DatasetConfig().license:
        console.warn(
            f"warning: {repos['dataset']} is to be public, and its card names no licence (dataset.license="
            f"{config.dataset.license}); set the one that the source data allows and run `rewriter-agent rewrite` "
            "again, or push with --private"
        )
    if yes:
        send(uploads, private, f"{', '.join(repos)} of run {config.name}")
        return
    for upload in uploads:
        console.say(listing(upload, private))
    console.say("nothing was sent; the same command with --yes sends it")


def listing(upload: Upload, private: bool) -> str:
    """List every file with its size, and the card in full."""
    sizes = upload.sizes()
    width = max(map(len, sizes))
    return "\n".join(
        [
            f"{upload.kind} -> {upload.repo} ({upload.repo_type} repo, {'private' if private else 'public'})",
            *(f"  {name:<{width}}  {_size(size):>9}" for name, size in sizes.items()),
            f"  {'in all':<{width}}  {_size(sum(sizes.values())):>9}",
            "",
            upload.card,
        ]
    )


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
