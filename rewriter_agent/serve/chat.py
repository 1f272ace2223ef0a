"""Chat completions in OpenAI's form, from the engines of rewriter, student and backbone."""

import secrets
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from fastapi import FastAPI
from jinja2.exceptions import TemplateError
from pydantic import BaseModel, ConfigDict, Field, model_validator

from cluster.fleet.fleet import Fleet
from cluster.types import Completion, GenerateRequest
from rewriter_agent.config.strategies import uses_policy

from .access import TokenName
from .errors import ServiceError
from .schema import Text
from .service import RewritingService

REWRITER, STUDENT, BACKBONE = "rewriter", "student", "backbone"
DEFAULT_LENGTH = 256
MOST_CHOICES = 64


class _Open(BaseModel):
    """A model that ignores unknown fields, of which every client of OpenAI's form has some."""

    model_config = ConfigDict(use_attribute_docstrings=True, allow_inf_nan=False)


class ChatMessage(_Open):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    """The speaker."""
    content: Text
    """Text of the message."""


class ChatRequest(_Open):
    """Request for the next message of a conversation."""

    model: str
    """Name of a model that `/v1/models` lists."""
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=256)]
    """The conversation so far."""
    max_tokens: int | None = Field(None, ge=1)
    """Maximum tokens of the message."""
    max_completion_tokens: int | None = Field(None, ge=1)
    """Newer name of `max_tokens`."""
    temperature: float = Field(1.0, ge=0, le=2)
    """Sampling temperature."""
    n: int = Field(1, ge=1, le=MOST_CHOICES)
    """Messages to sample."""
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    """Seed of the samples; random if it is not given."""
    stop: Annotated[list[str], Field(max_length=16)] | str | None = None
    """Texts before which a message ends."""
    top_p: float | None = Field(None, ge=1, le=1)
    """Only 1: log-probs of cut distributions would not be the model's."""
    stream: bool = False
    """Only false."""
    logprobs: bool = False
    """Only false; `/v1/gap` gives the log-probs of a text."""

    @model_validator(mode="after")
    def _can_be_done(self) -> Self:
        if self.stream:
            raise ValueError("stream: messages come whole; set stream=false")
        if self.logprobs:
            raise ValueError("logprobs: /v1/gap gives the log-probs of a text; set logprobs=false")
        return self

    @property
    def length(self) -> int:
        """Maximum tokens, whichever field gives them."""
        return self.max_completion_tokens or self.max_tokens or DEFAULT_LENGTH

    @property
    def stops(self) -> list[str]:
        """Texts before which a message ends."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return [text for text in given if text]


def add_chat(app: FastAPI) -> None:
    """Add the paths of OpenAI's form."""
    core = app.state.core

    @app.get("/v1/models", tags=["openai"])
    async def models() -> dict[str, Any]:
        """List the models."""
        common = {"object": "model", "created": 0, "owned_by": "rewriter-agent"}
        return {"object": "list", "data": [{"id": name, **common} for name in await core.models()]}

    @app.post("/v1/chat/completions", tags=["openai"])
    async def chat(body: ChatRequest, token: TokenName) -> dict[str, Any]:
        """Write the next message of a conversation; nothing verifies it."""
        return await core.chat(token, body)


def chat_models(service: RewritingService) -> dict[str, Callable[[], Fleet]]:
    """Models by name, and their engines."""
    session = service.session
    policy = {REWRITER: lambda: session.actor} if uses_policy(service.origin.config.strategy) else {}
    student = {STUDENT: lambda: session.student} if session.config.serve.student else {}
    return {**policy, **student, BACKBONE: lambda: session.reference}


def complete(service: RewritingService, request: ChatRequest) -> dict[str, Any]:
    """Sample the next message of a conversation.

    Raises:
        ServiceError: there is no such model, or the conversation does not fit it.
    """
    models = chat_models(service)
    if request.model not in models:
        raise ServiceError(404, "no_model", f"there is no such model; the models are {', '.join(models)}")
    tokens = service.session.tokens
    try:
        prompt = tokens.prompt([message.model_dump() for message in request.messages])
    except TemplateError:
        raise ServiceError(
            422, "bad_messages", "the model's chat template does not take these roles in this order"
        ) from None
    room = service.session.config.model.max_model_len - 1 - len(prompt)
    if room < request.length:
        raise ServiceError(
            422,
            "too_long",
            f"the conversation leaves room for {max(0, room)} tokens, and max_tokens is {request.length}; shorten it "
            "or lower max_tokens",
        )
    seed = secrets.randbits(31) if request.seed is None else request.seed
    asked = [
        GenerateRequest(prompt, request.length, request.temperature, (seed + number) % 2**31)
        for number in range(request.n)
    ]
    with service.watching_engines():
        completions = models[request.model]().generate(asked)
    return _response(service, request, len(prompt), completions)


def _response(
    service: RewritingService, request: ChatRequest, prompt_tokens: int, completions: list[Completion]
) -> dict[str, Any]:
    written = sum(len(one.token_ids) for one in completions)
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": request.model,
        "choices": [_choice(service, request, number, one) for number, one in enumerate(completions)],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": written,
            "total_tokens": prompt_tokens + written,
        },
    }


def _choice(
    service: RewritingService, request: ChatRequest, number: int, completion: Completion
) -> dict[str, Any]:
    text = service.session.tokens.text(completion.token_ids)
    ends = [place for stop in request.stops if (place := text.find(stop)) >= 0]
    return {
        "index": number,
        "message": {"role": "assistant", "content": text[: min(ends, default=None)]},
        "finish_reason": "stop" if ends or completion.finished else "length",
        "logprobs": None,
    }
