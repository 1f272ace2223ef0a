"""Sends uploads to the Hugging Face Hub, each as one commit."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.metadata import version

import httpx2
from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import OfflineModeIsEnabled

from rewriter_agent.io.console import console

from .uploads import Upload


def send(uploads: Sequence[Upload], private: bool, message: str) -> None:
    """Create missing repos, fill one after the other, and print the address of each.

    Raises:
        ValueError: there is no token, the hub refuses or is not reached, or a repo that should be private is public.
    """
    if get_token() is None:
        raise ValueError(
            "you are not logged in to the Hugging Face Hub; run `hf auth login`, or set HF_TOKEN to a token that may "
            "write"
        )
    api = HfApi(library_name="rewriter-agent", library_version=version("rewriter-agent"))
    for upload in uploads:
        with _explained(upload):
            _open(api, upload, private)
    for upload in uploads:
        additions = [
            CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
            for name, content in upload.files.items()
        ]
        with _explained(upload):
            commit = api.create_commit(
                upload.repo, additions, commit_message=message, repo_type=upload.repo_type
            )
        console.say(f"{upload.kind}: {commit.repo_url}")


def _open(api: HfApi, upload: Upload, private: bool) -> None:
    api.create_repo(upload.repo, repo_type=upload.repo_type, private=private, exist_ok=True)
    # An existing repo keeps its visibility.
    if private and not api.repo_info(upload.repo, repo_type=upload.repo_type).private:
        raise ValueError(
            f"--private: {upload.repo} exists and is public, so nothing was sent; make it private in its settings, or "
            "name another repo"
        )


@contextmanager
def _explained(upload: Upload) -> Generator[None]:
    try:
        yield
    except (httpx2.HTTPError, OfflineModeIsEnabled) as error:
        raise ValueError(
            f"--{upload.kind} {upload.repo}: {error}\nIs the hub reached, and may your token write there (`hf auth "
            "whoami`)? The same command tries again."
        ) from error
