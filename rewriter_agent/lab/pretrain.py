"""Pre-training of a backbone, deterministic on the same kind of processor."""

import time
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rewriter_agent.io.files import atomic, exclusive
from rewriter_agent.io.progress import Progress

from .batches import IGNORED, MicroBatch, micro_batches, step_chats
from .checkpoint import load_checkpoint, save_checkpoint
from .recipes import Recipe
from .settings import Settings, Shape
from .tokenizer import make_tokenizer

Losses = dict[str, tuple[float, int]]
"""Summed loss (nats) and number of reply tokens, by kind of chat."""


def pretrain(recipe: Recipe, folder: Path, progress: Progress, stop_after: int | None = None) -> bool:
    """Train in `folder` from its checkpoint, if any; at the end write `folder/model`. Returns whether it is finished.

    `stop_after` ends the call after that many steps of the whole run, with a checkpoint.
    Raises ValueError when another process works there or the checkpoint was made with other settings.
    """
    settings = recipe.settings
    torch.set_num_threads(settings.threads)
    with exclusive(folder):
        tokenizer, model = _begin(recipe)
        optimizer = new_optimizer(model, settings)
        checkpoint = folder / "checkpoint.pt"
        done = load_checkpoint(checkpoint, model, optimizer, recipe)
        if (folder / "model").exists():
            if done == settings.steps:
                return True
            raise ValueError(
                f"{folder} holds a finished model of another run; choose another folder or remove it"
            )
        last = settings.steps if stop_after is None else min(stop_after, settings.steps)
        report = _Reporter(settings, progress)
        for step in range(done, last):
            chats = step_chats(tokenizer, recipe.stream, settings.seed, step, settings.chats)
            pieces = micro_batches(chats, settings.micro_tokens, int(tokenizer.pad_token_id))
            report.add(step, pieces, train_step(model, optimizer, pieces, settings, step))
            if (step + 1) % settings.save_steps == 0 or step + 1 == last:
                save_checkpoint(checkpoint, model, optimizer, step + 1, recipe)
        if last < settings.steps:
            return False
        with atomic(folder / "model") as temporary:
            save_model(model, tokenizer, temporary)
        return True


def _begin(recipe: Recipe) -> tuple[PreTrainedTokenizerFast, LlamaForCausalLM]:
    """Load the model that training continues, or make one with random weights."""
    if recipe.start:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(recipe.start)
        return tokenizer, LlamaForCausalLM.from_pretrained(recipe.start, dtype=torch.float32)
    settings = recipe.settings
    tokenizer = make_tokenizer(settings.seed, settings.shape.vocabulary)
    return tokenizer, new_model(settings.shape, tokenizer, settings.seed)


def new_model(shape: Shape, tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """A Llama with random weights that follow from the seed."""
    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.positions,
        initializer_range=shape.spread,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def new_optimizer(model: torch.nn.Module, settings: Settings) -> torch.optim.AdamW:
    """AdamW that decays matrices only."""
    decayed, free = [], []
    for name, parameter in model.named_parameters():
        (free if parameter.ndim < 2 or "embed" in name else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": settings.weight_decay},
        {"params": free, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True)


def train_step(
    model: LlamaForCausalLM,
    optimizer: torch.optim.Optimizer,
    pieces: list[MicroBatch],
    settings: Settings,
    step: int,
) -> Losses:
    """One optimiser step on the mean loss per reply token over all pieces."""
    total = sum(int((piece.labels != IGNORED).sum()) for piece in pieces)
    losses: Losses = {}
    for piece in pieces:
        per_token = _losses(model, piece)
        (per_token.sum() / total).backward()
        # The kind of each loss: a piece's labels are read row by row.
        counts = (piece.labels != IGNORED).sum(1).tolist()
        for kind, part in zip(piece.kinds, per_token.detach().split(counts), strict=True):
            _add(losses, kind, float(part.sum()), len(part))
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.max_norm)
    for group in optimizer.param_groups:
        group["lr"] = settings.rate(step)
    optimizer.step()
    optimizer.zero_grad()
    return losses


def save_model(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Weights, tokenizer and chat template, as `from_pretrained` loads them; the model becomes bfloat16."""
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _losses(model: LlamaForCausalLM, piece: MicroBatch) -> torch.Tensor:
    """Loss of every reply token, [reply tokens], in row order."""
    hidden = model.model(input_ids=piece.input_ids, use_cache=False).last_hidden_state
    wanted = piece.labels != IGNORED
    # Most tokens belong to prompts: only the others need the product with the vocabulary.
    logits = model.lm_head(hidden[wanted])
    return cross_entropy(logits, piece.labels[wanted], reduction="none")


def _add(losses: Losses, kind: str, loss: float, tokens: int) -> None:
    before, counted = losses.get(kind, (0.0, 0))
    losses[kind] = (before + loss, counted + tokens)


class _Reporter:
    """Printer of a status line every few steps."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self.settings = settings
        self.progress = progress
        self._restart()

    def _restart(self) -> None:
        self.losses: Losses = {}
        self.tokens = 0
        self.since = time.monotonic()

    def add(self, step: int, pieces: list[MicroBatch], losses: Losses) -> None:
        for kind, (loss, tokens) in losses.items():
            _add(self.losses, kind, loss, tokens)
        self.tokens += sum(piece.real for piece in pieces)
        done, settings = step + 1, self.settings
        if done % settings.log_steps and done != settings.steps:
            return
        pace = self.tokens / (time.monotonic() - self.since)
        sums, counts = zip(*self.losses.values(), strict=True)
        each = " ".join(f"{kind} {loss / n:.2f}" for kind, (loss, n) in sorted(self.losses.items()))
        mean = sum(sums) / sum(counts)
        rate = settings.rate(step)
        message = f"loss {mean:.3f} ({each})  {pace:.0f} tokens/s  lr {rate:.1e}"
        self.progress.share(done, settings.steps, message)
        self._restart()
