"""Upload of parcels to the Hugging Face Hub, each as one commit."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.metadata import version

import httpx2
from huggingface_hub import CommitOperationAdd, HfApi, get_token
from huggingface_hub.errors import OfflineModeIsEnabled

from .parcel import Parcel


def send(parcels: Sequence[Parcel], private: bool, message: str) -> None:
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
    for parcel in parcels:
        with _explained(parcel):
            _open(api, parcel, private)
    for parcel in parcels:
        additions = [
            CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
            for name, content in parcel.files.items()
        ]
        with _explained(parcel):
            commit = api.create_commit(
                parcel.repo, additions, commit_message=message, repo_type=parcel.repo_type
            )
        print(f"{parcel.kind}: {commit.repo_url}", flush=True)


def _open(api: HfApi, parcel: Parcel, private: bool) -> None:
    api.create_repo(parcel.repo, repo_type=parcel.repo_type, private=private, exist_ok=True)
    # An existing repo keeps its visibility.
    if private and not api.repo_info(parcel.repo, repo_type=parcel.repo_type).private:
        raise ValueError(
            f"--private: {parcel.repo} exists and is public, so nothing was sent; make it private in its settings, or "
            "name another repo"
        )


@contextmanager
def _explained(parcel: Parcel) -> Generator[None]:
    try:
        yield
    except (httpx2.HTTPError, OfflineModeIsEnabled) as error:
        raise ValueError(
            f"--{parcel.kind} {parcel.repo}: {error}\nIs the hub reached, and may your token write there (`hf auth "
            "whoami`)? The same command tries again."
        ) from error
