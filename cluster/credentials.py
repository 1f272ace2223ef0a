"""Transfer of the user's keys and tokens to a cluster, by a file that only its owner can read.

Ray writes a job's `runtime_env` to logs that all users of the machine can read, and `ray job list` prints it.
Therefore it contains only the path of the file.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

VARIABLE = "REWRITER_AGENT_CREDENTIALS"
"""Environment variable that names the file."""
SECRETS = ("WANDB_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set by Ray in a submitted job."""
NAMES = (*SECRETS, "WANDB_ENTITY", "WANDB_BASE_URL", "WANDB_MODE", "HF_HOME", "HF_ENDPOINT")
"""Variables of the user's environment that the file contains."""


def write_credentials(folder: Path) -> Path | None:
    """Write the variables that are set to a new file in `folder`; None if none is set."""
    variables = {name: os.environ[name] for name in NAMES if os.environ.get(name)}
    if not variables:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    # mkstemp creates the file with mode 0600.
    number, path = tempfile.mkstemp(prefix=".credentials-", suffix=".json", dir=folder)
    with open(number, "w", encoding="utf-8") as file:
        json.dump(variables, file)
    return Path(path)


def hand_over(path: Path) -> dict[str, Any]:
    """`runtime_env` of a job whose worker processes load the file when they start."""
    return {
        "env_vars": {VARIABLE: str(path)},
        "worker_process_setup_hook": f"{__name__}.{load_in_worker.__name__}",
    }


def load_credentials() -> Path | None:
    """Set the variables from the file that the environment names, and return its path; None if it names none.

    Raises:
        ValueError: the file is not on this machine, or cannot be read.
    """
    if not os.environ.get(VARIABLE):
        return None
    path = Path(os.environ[VARIABLE])
    try:
        os.environ.update(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{VARIABLE} names the file {path}, which cannot be read on this machine ({error}). `submit` leaves it in "
            "output_dir: let output_dir be on a filesystem that the cluster shares, or copy the file there. Or set "
            f"{', '.join(SECRETS[:2])} on the cluster's machines, and unset them where you submit."
        ) from None
    return path


def load_in_worker() -> None:
    """Set the variables in a worker process of Ray, with a warning on errors: an exception would prevent its start."""
    try:
        load_credentials()
    except ValueError as error:
        print(f"warning: {error}", file=sys.stderr, flush=True)
