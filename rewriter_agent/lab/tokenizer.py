"""The backbone's tokenizer: byte-level BPE with one token a digit and the ChatML template."""

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from .mixture import Chat, chat_at
from .settings import Shape

SPECIAL = ("<|pad|>", "<|im_start|>", "<|im_end|>")
TEXTS = 4000
"""Number of chats from which the merges are learned."""
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_tokenizer(seed: int, vocabulary: int = Shape.vocabulary) -> PreTrainedTokenizerFast:
    """Train the tokenizer on the first chats of the stream of `seed`; any text can be encoded, as bytes if need be."""
    bpe = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=True)
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([digits, byte_level])
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    chats = (chat_at(seed, index) for index in range(TEXTS))
    bpe.train_from_iterator((text for chat in chats for text in _texts(chat)), trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, pad_token="<|pad|>", eos_token="<|im_end|>")
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _texts(chat: Chat) -> tuple[str, ...]:
    return (*(f"{m['role']}\n{m['content']}" for m in chat.prompt), f"assistant\n{chat.reply}")
