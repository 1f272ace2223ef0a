"""The chat template of the prompts: selection among several, its date, and the roles that it accepts."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from rewriter_agent.user_errors import quoted

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from .light_tokenizer import LightTokenizer

    AnyTokenizer = PreTrainedTokenizerBase | LightTokenizer

TEMPLATE_ERRORS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, RecursionError)
"""Errors of a template that refuses a conversation, on purpose or by a fault in one of its expressions."""
DEFAULT = "default"
QUESTION, SYSTEM = "question", "instruction"
"""Placeholders for texts of the two roles, which a template neither trims nor splits."""


def choose_template(tokenizer: "AnyTokenizer", name: str | None, path: str) -> None:
    """Select the template of that name for the tokenizer of the model in `path`; None for its only one.

    Raises:
        ValueError: there is no template, none of that name, or there are several and none is named.
    """
    template = tokenizer.chat_template
    if template is None:
        raise ValueError(
            f"the tokenizer of {path!r} has no chat template; use the model's instruction-tuned variant, or "
            "put a chat_template.jinja beside its tokenizer files"
        )
    named = template if template and isinstance(template, dict) else {DEFAULT: template}
    if (name or DEFAULT) not in named:
        given = (
            f"no chat template named {name!r}"
            if name
            else f"several chat templates and none named {DEFAULT!r}"
        )
        raise ValueError(
            f"the tokenizer of {path!r} has {given}; set model.chat_template to one of {', '.join(sorted(named))}"
        )
    chosen = named[name or DEFAULT]
    if not isinstance(chosen, str):
        raise ValueError(
            f"the chat template of {path!r} is {chosen!r}, not text; correct chat_template in its tokenizer_config.json"
        )
    tokenizer.chat_template = chosen


def tells_date(tokenizer: "AnyTokenizer") -> bool:
    """Tell whether the template reads the time."""
    return "strftime_now" in str(tokenizer.chat_template)


def fix_date(tokenizer: Any, moment: datetime) -> None:
    """Fix the template's current time to `moment`, for every caller that renders with this tokenizer."""
    # The function is a global of the template, which an argument of the same name hides.
    rendered = partial(tokenizer.apply_chat_template, strftime_now=moment.strftime)
    tokenizer.apply_chat_template = rendered


def set_variables(tokenizer: Any, variables: Mapping[str, Any]) -> None:
    """Set variables of the template, for every caller that renders with this tokenizer and sets none of its own."""
    tokenizer.apply_chat_template = partial(tokenizer.apply_chat_template, **variables)


def check_roles(tokenizer: "AnyTokenizer", system_prompt: str | None, path: str) -> None:
    """Check that the template takes a question, and a system message if there is one.

    Raises:
        ValueError: it refuses them or leaves them out.
    """
    question = {"role": "user", "content": QUESTION}
    if fault := _fault(tokenizer, [question], QUESTION):
        raise ValueError(
            f"the chat template of {path!r} {fault} a question; put the one that the model was trained with beside its "
            "tokenizer files (chat_template.jinja), or name another with model.chat_template"
        )
    if not system_prompt:
        return
    if fault := _fault(tokenizer, [{"role": "system", "content": SYSTEM}, question], SYSTEM):
        raise ValueError(
            f"model.system_prompt: the chat template of {path!r} {fault} a system message; leave model.system_prompt "
            "out, and put what it says into the questions"
        )


def _fault(tokenizer: "AnyTokenizer", messages: list[dict[str, str]], wanted: str) -> str | None:
    """Explain how the template fails on a conversation that should show the `wanted` text; None if it does not."""
    try:
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    except TEMPLATE_ERRORS as error:
        return f"refuses ({quoted(error) if not isinstance(error, TemplateError) else str(error).strip()})"
    return None if wanted in str(text) else "leaves out"
