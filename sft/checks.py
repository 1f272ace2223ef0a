"""What can be known to be wrong with a job before its workers start."""

import json
from importlib.util import find_spec

from sft.data.rows import check_rows, drop_long_rows, read_rows, read_vocabulary
from sft.data.tokenizer import vocabulary_hash

from .job import SFTJob


def check_machine(job: SFTJob) -> None:
    """Raise ValueError where the machine or the model cannot do what the options ask."""
    if job.sft.sp_size > 1:
        _check_heads(job)
    if not job.sft.use_liger_kernel:
        return
    if not job.use_gpu:
        raise ValueError(
            "sft.use_liger_kernel asks for Triton kernels, which run on GPUs only; set it to false"
        )
    if find_spec("liger_kernel") is None:
        raise ValueError("sft.use_liger_kernel needs a package that is missing: pip install liger-kernel")


def check_data(job: SFTJob) -> tuple[int, int]:
    """Numbers of rows kept and dropped; raise ValueError where the rows do not suit the model or the options."""
    written_for = read_vocabulary(job.rows)
    if written_for and written_for != vocabulary_hash(job.model):
        raise ValueError(
            f"the token ids and log-probs of {job.rows} are those of another tokenizer than that of {job.model}; "
            "make the rows with this model"
        )
    rows = read_rows(job.rows)
    if not rows:
        raise ValueError(f"{job.rows} holds no rows; there is nothing to train on")
    kept = drop_long_rows(rows, job.sft.max_length)
    if not kept:
        raise ValueError(
            f"none of the {len(rows)} rows of {job.rows} has at most max_length={job.sft.max_length} tokens; "
            "raise max_length or give shorter rows"
        )
    check_rows(kept, job.sft, job.end_token_ids)
    return len(kept), len(rows) - len(kept)


def _check_heads(job: SFTJob) -> None:
    config = json.loads((job.model / "config.json").read_text())
    share, heads = job.sft.sp_size, config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads", heads)
    if heads % share or (kv_heads % share and share % kv_heads):
        raise ValueError(
            f"sft.sp_size={share} workers cannot share the {heads} attention heads ({kv_heads} of keys and values) of "
            f"{job.model} evenly; take a divisor of both"
        )
