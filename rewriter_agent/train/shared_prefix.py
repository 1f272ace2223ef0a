"""A prompt computed once for all its candidates in a batch (Prefix Grouper, arXiv:2506.05433).

A rewriting prompt holds the problem and the expert's solution: it is often longer than the candidates that follow it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding
from transformers import PretrainedConfig


@dataclass(frozen=True)
class Packed:
    """A batch with one row per prompt: the prompt, followed by all its candidates, which do not see one another.

    The prompt's last token predicts a candidate's first one. A candidate's last token predicts nothing and is left out.
    """

    input_ids: Tensor
    """(prompts, length)."""
    position_ids: Tensor
    """(prompts, length): every candidate's positions continue those of the prompt."""
    attention_mask: Tensor
    """(prompts, 1, length, length), True if the token of the third axis sees that of the fourth."""
    sources: tuple[Tensor, Tensor]
    """Row and column of the token that predicts each target, (tokens,)."""
    targets: Tensor
    """Tokens of all candidates, (tokens,)."""
    places: tuple[Tensor, Tensor]
    """Candidate and position of each target in the original batch, (tokens,)."""
    shape: tuple[int, int]
    """(candidates, completion length) of the original batch."""


def pack(input_ids: Tensor, attention_mask: Tensor, completion_length: int) -> Packed:
    """Pack a batch (candidates, prompt + `completion_length`), prompts padded left and candidates right.

    Every candidate has at least one token. A prompt is computed once if its candidates are neighbours.
    """
    split = input_ids.shape[1] - completion_length
    # A completion's last token is predicted, and predicts nothing.
    rows = [
        (
            [t for t, m in zip(ids[:split], mask[:split], strict=True) if m],
            ids[split : split + sum(mask[split:]) - 1],
        )
        for ids, mask in zip(input_ids.tolist(), attention_mask.tolist(), strict=True)
    ]
    ids: list[list[int]] = []
    positions: list[list[int]] = []
    segments: list[list[int]] = []
    sources: list[tuple[int, int]] = []
    for prompt, group in groupby(rows, key=lambda row: row[0]):
        line, at, segment = list(prompt), list(range(len(prompt))), [0] * len(prompt)
        for number, (_, shown) in enumerate(group, start=1):
            predicting = [len(prompt) - 1, *range(len(line), len(line) + len(shown))]
            sources += [(len(ids), column) for column in predicting]
            line += shown
            at += range(len(prompt), len(prompt) + len(shown))
            segment += [number] * len(shown)
        ids.append(line)
        positions.append(at)
        segments.append(segment)
    device = input_ids.device
    row, column = torch.tensor(sources, device=device).T
    candidate, place = attention_mask[:, split:].nonzero(as_tuple=True)
    return Packed(
        _padded(ids, 0, device),
        _padded(positions, 0, device),
        _attention_mask(_padded(segments, -1, device)),
        (row, column),
        input_ids[:, split:][candidate, place],
        (candidate, place),
        (len(input_ids), completion_length),
    )


def _padded(rows: list[list[int]], value: int, device: torch.device) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows], device=device)


def _attention_mask(segments: Tensor) -> Tensor:
    """Let each token see the prompt (segment 0) and its own candidate, up to itself."""
    of_prompt, same = segments[:, None, :] == 0, segments[:, None, :] == segments[:, :, None]
    return ((of_prompt | same).tril())[:, None]


def shared_logps(model: nn.Module, backbone: nn.Module, packed: Packed) -> tuple[Tensor, Tensor]:
    """Log-prob and entropy of each token, (candidates, completion length) each, 0 at padding.

    `model` has TRL's fused head (`add_fused_lm_head`), and `backbone` inside it leaves the hidden states for that.
    """
    with _select_positions(backbone, packed.sources):
        outputs = model(
            input_ids=packed.input_ids,
            attention_mask=_additive(packed.attention_mask, backbone),
            position_ids=packed.position_ids,
            shift_labels=packed.targets[None],
            fused_lm_head=True,
        )

    def unpacked(values: Tensor) -> Tensor:
        return values.new_zeros(packed.shape).index_put(packed.places, values[0])

    return unpacked(outputs.log_probs), unpacked(outputs.entropy)


def _additive(mask: Tensor, backbone: nn.Module) -> Tensor:
    """The mask as the summand of attention scores, in the precision of the attention.

    PyTorch makes it from a mask of truth values in each layer, and each layer keeps its own for the backward pass.
    """
    kind = mask.device.type
    autocast = torch.is_autocast_enabled(kind)
    dtype = torch.get_autocast_dtype(kind) if autocast else next(backbone.parameters()).dtype
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, -torch.inf)


@contextmanager
def _select_positions(backbone: nn.Module, sources: tuple[Tensor, Tensor]) -> Generator[None]:
    """Pass only the hidden states of `sources` on to the head, as one row."""

    def select(_module: nn.Module, _args: object, output: dict[str, Tensor]) -> dict[str, Tensor]:
        states = output["last_hidden_state"]
        row, column = sources
        # The candidates of a prompt share its last state. `states[sources]` would add up their gradients in an order
        # that depends on the timing of the CPU's threads; `embedding` adds them up in a fixed order.
        places = row * states.shape[1] + column
        output["last_hidden_state"] = embedding(places, states.flatten(0, 1))[None]
        return output

    handle = backbone.register_forward_hook(select)
    try:
        yield
    finally:
        handle.remove()


def is_cheaper(config: PretrainedConfig, input_ids: Tensor, packed: Packed) -> bool:
    """Whether packed rows are less work: a longer row makes the attention of every token longer."""
    hidden, inner = config.hidden_size, config.intermediate_size

    def work(rows: Tensor) -> float:
        tokens, length = rows.numel(), rows.shape[1]
        # Multiplications a token and layer, of its projections and of its attention.
        return tokens * (4 * hidden**2 + 3 * hidden * inner + 2 * hidden * length)

    return work(packed.input_ids) < work(input_ids)
