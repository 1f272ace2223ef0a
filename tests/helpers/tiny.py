"""A toy world of sums and a very small Llama trained on it in seconds: a real backbone for tests.

Asked a question alone the model adds up, in one of several phrasings; given an expert's terse solution as
well it copies the result. It is right often but not always, which makes the rewards of a group differ.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from rewriter_agent.data.prompts import qa_messages, rewrite_messages

NAMES = ("Tom", "Ana", "Ben", "Eva", "Sam", "Mia")
THINGS = ("apples", "coins", "books", "stamps")
PHRASINGS = (
    "{n} starts with {a} {t}. Adding {b} more gives {s}.\n#### {s}",
    "We add {b} to {a}. That makes {s} {t}.\n#### {s}",
    "First there are {a} {t}, then {b} more. So {n} has {s}.\n#### {s}",
    "{a} plus {b} is {s}, so {n} has {s} {t} now.\n#### {s}",
)
EXPERT = "[{a}] (+) [{b}] => [{s}] ;; qed\n#### {s}"
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKING = CHAT_TEMPLATE.replace(
    "assistant\n{% endif %}",
    "assistant\n<think>\n"
    "{% if enable_thinking is defined and not enable_thinking %}\n</think>\n\n{% endif %}{% endif %}",
)
"""Template that opens the reasoning at the end of each prompt, and closes it on request."""
THOUGHT = "{a} and {b} make {s}.\n</think>\n\n"
SPECIAL = ("<|pad|>", "<|im_start|>", "<|im_end|>")
STEPS, BATCH, LEARNING_RATE, WRONG, TOP = 460, 8, 4e-3, 0.08, 5

Row = dict[str, str]


def worlds(seed: int) -> Iterator[Row]:
    """Endless (question, solution, answer) rows with the values behind them."""
    draw = random.Random(seed)
    while True:
        a, b = draw.randint(1, TOP), draw.randint(1, TOP)
        v = {"n": draw.choice(NAMES), "t": draw.choice(THINGS), "a": str(a), "b": str(b), "s": str(a + b)}
        question = "{n} has {a} {t} and gets {b} more. How many {t} does {n} have now?".format(**v)
        yield v | {"question": question, "solution": EXPERT.format(**v), "answer": v["s"]}


def distinct_rows(count: int, seed: int) -> list[Row]:
    """`count` rows with different questions, holding the three data columns only."""
    found: dict[str, Row] = {}
    for row in worlds(seed):
        found[row["question"]] = {key: row[key] for key in ("question", "solution", "answer")}
        if len(found) == count:
            return list(found.values())
    raise AssertionError("worlds() is endless")


def write_jsonl(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def conversations(seed: int, thinks: bool = False) -> Iterator[list[dict[str, str]]]:
    """Endless training chats: both prompt kinds in turn, with a wrong result now and then."""
    draw = random.Random(seed)
    for index, row in enumerate(worlds(seed)):
        shown = row if draw.random() > WRONG else row | {"s": str(draw.randint(2, 2 * TOP))}
        reply = draw.choice(PHRASINGS).format(**shown)
        if thinks:
            reply = THOUGHT.format(**shown) + reply
        if index % 2:
            prompt = qa_messages(row["question"], "####")
        else:
            prompt = rewrite_messages(row["question"], row["solution"], row["answer"], "####")
        yield [*prompt, {"role": "assistant", "content": reply}]


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with single digits, trained on the toy world."""
    bpe = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([digits, byte_level])
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=512,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    chats = conversations(seed=1)
    bpe.train_from_iterator((m["content"] for _ in range(500) for m in next(chats)), trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, pad_token="<|pad|>", eos_token="<|im_end|>")
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def batch(
    tokenizer: PreTrainedTokenizerFast, chats: Iterator[list[dict[str, str]]]
) -> dict[str, torch.Tensor]:
    """`BATCH` padded chats; the loss is on the reply and its end mark."""
    pairs = []
    for _ in range(BATCH):
        chat = next(chats)
        prompt = tokenizer.apply_chat_template(chat[:-1], tokenize=False, add_generation_prompt=True)
        pairs.append((tokenizer.encode(prompt), tokenizer.encode(chat[-1]["content"] + "<|im_end|>")))
    width = max(len(prompt) + len(reply) for prompt, reply in pairs)
    ids = torch.full((BATCH, width), tokenizer.pad_token_id)
    labels = torch.full((BATCH, width), -100)
    for i, (prompt, reply) in enumerate(pairs):
        end = len(prompt) + len(reply)
        ids[i, :end] = torch.tensor(prompt + reply)
        labels[i, len(prompt) : end] = torch.tensor(reply)
    return {"input_ids": ids, "attention_mask": (ids != tokenizer.pad_token_id).long(), "labels": labels}


def build_backbone(folder: Path, thinks: bool = False) -> None:
    """Train the model reproducibly on one thread, and save it with its tokenizer in bfloat16."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    tokenizer = make_tokenizer()
    if thinks:
        tokenizer.chat_template = THINKING
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=512,
                hidden_size=128,
                intermediate_size=256,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=4,
                max_position_embeddings=1024,
                pad_token_id=tokenizer.pad_token_id,
                bos_token_id=None,
                eos_token_id=tokenizer.eos_token_id,
                tie_word_embeddings=True,
            )
        )
        optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.0)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=STEPS)
        chats = conversations(seed=2, thinks=thinks)
        for _ in range(STEPS):
            loss = model(**batch(tokenizer, chats)).loss
            loss.backward()
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
    torch.set_num_threads(threads)
    model.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
