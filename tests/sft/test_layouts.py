"""Every token has the same influence, on any rank and in any accumulation step."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

import tests.helpers.one_step
from sft.data.rows import SFTRow, write_rows
from tests.helpers.one_step import RULES, gradients


@pytest.mark.slow
@pytest.mark.long
def test_ranks_and_accumulation_give_the_gradients_of_one_batch(
    sft_model: LlamaForCausalLM,
    sft_tokenizer: PreTrainedTokenizerFast,
    sft_rows: list[SFTRow],
    tmp_path: Path,
) -> None:
    sft_model.save_pretrained(tmp_path / "base")
    sft_tokenizer.save_pretrained(tmp_path / "base")
    write_rows(sft_rows, tmp_path / "rows.parquet")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node=2",
            tests.helpers.one_step.__file__,
            tmp_path,
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "CUDA_VISIBLE_DEVICES": ""},
        check=True,
        timeout=900,
    )
    whole = gradients(tmp_path, batch_size=8, accumulation=1)
    assert all(gradient.abs().max() > 1e-3 for rule in whole for gradient in rule.values())
    others = [
        gradients(tmp_path, batch_size=4, accumulation=2),
        torch.load(tmp_path / "gradients-0.pt"),
        torch.load(tmp_path / "gradients-1.pt"),
    ]
    for other in others:
        for rule, ours, expected in zip(RULES, other, whole, strict=True):
            for name, gradient in expected.items():
                torch.testing.assert_close(
                    ours[name],
                    gradient,
                    rtol=1e-4,
                    atol=1e-6,
                    msg=lambda text, rule=rule: f"{rule.kind}: {text}",
                )
