"""Checks of a job before its workers start."""

import json
from importlib.util import find_spec

from sft.data.rows import check_rows, drop_long_rows, read_rows, read_vocabulary
from sft.data.tokenizer import vocabulary_hash

from .job import SFTJob
from .quantization import check_quantization


def check_machine(job: SFTJob) -> None:
    """Raise ValueError if the machine or the model does not support the options."""
    if job.sft.sp_size > 1:
        _check_heads(job)
    if job.sft.load_in_4bit:
        check_quantization("sft.load_in_4bit", job.use_gpu)
    if not job.sft.use_liger_kernel:
        return
    if not job.use_gpu:
        raise ValueError("sft.use_liger_kernel needs Triton kernels, which run on GPUs only; set it to false")
    if find_spec("liger_kernel") is None:
        raise ValueError(
            "sft.use_liger_kernel needs a package that is not installed: pip install liger-kernel"
        )


def check_data(job: SFTJob) -> tuple[int, int]:
    """Numbers of rows kept and dropped; raise ValueError if the rows do not suit the model or the options."""
    vocabulary = read_vocabulary(job.rows)
    if vocabulary and vocabulary != vocabulary_hash(job.model):
        raise ValueError(
            f"the token ids and log-probs of {job.rows} belong to another tokenizer than the one of {job.model}; "
            "create the rows with this model"
        )
    rows = read_rows(job.rows)
    if not rows:
        raise ValueError(f"{job.rows} has no rows; there is nothing to train on")
    kept = drop_long_rows(rows, job.sft.max_length)
    if not kept:
        raise ValueError(
            f"none of the {len(rows)} rows of {job.rows} has at most max_length={job.sft.max_length} tokens; "
            "raise max_length or use shorter rows"
        )
    check_rows(kept, job.sft, job.end_token_ids)
    return len(kept), len(rows) - len(kept)


def _check_heads(job: SFTJob) -> None:
    config = json.loads((job.model / "config.json").read_text())
    sp_size, heads = job.sft.sp_size, config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads", heads)
    if heads % sp_size or (kv_heads % sp_size and sp_size % kv_heads):
        raise ValueError(
            f"sft.sp_size={sp_size} workers cannot evenly share the {heads} attention heads ({kv_heads} of keys and "
            f"values) of {job.model}; use a divisor of both"
        )
