"""The paths in OpenAI's form, with OpenAI's own client."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from rewriter_agent.config.serve import ServeConfig
from tests.helpers.fake_service import TOKEN, fake_app, fake_service, service_config
from tests.helpers.served_app import served

MESSAGES: Any = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "How many are 2 and 3?"},
]


@pytest.fixture(scope="module")
def client() -> Iterator[openai.OpenAI]:
    config = service_config(rewrite={"num_generations": 4, "max_completion_length": 64})
    with served(fake_app(fake_service(config=config), tokens=[TOKEN])) as address:
        yield openai.OpenAI(base_url=f"{address}/v1", api_key=TOKEN, max_retries=0)


def test_the_models_are_rewriter_and_backbone(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["rewriter", "backbone"]


@pytest.mark.parametrize("model", ["rewriter", "backbone"])
def test_a_conversation_is_continued(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=MESSAGES, n=2, seed=3, max_tokens=64)
    texts = [choice.message.content or "" for choice in answer.choices]
    assert len(set(texts)) == 2
    assert all(text.startswith("Some words") for text in texts)
    assert [choice.finish_reason for choice in answer.choices] == ["stop", "stop"]
    assert answer.usage
    assert answer.usage.prompt_tokens == sum(len(message["content"]) for message in MESSAGES)
    again = client.chat.completions.create(model=model, messages=MESSAGES, n=2, seed=3, max_tokens=64)
    assert [choice.message.content for choice in again.choices] == texts


def test_a_message_ends_before_a_stop(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="backbone", messages=MESSAGES, stop=["words", "\n"])
    assert answer.choices[0].message.content == "Some "


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"stream": True}, 422, "set stream=false"),
        ({"logprobs": True}, 422, "/v1/gap"),
        ({"top_p": 0.5}, 422, "top_p"),
        ({"model": "gpt"}, 404, "the models are rewriter, backbone"),
        ({"max_tokens": 390}, 422, "leaves room for 3"),
        ({"messages": [{"role": "assistant", "content": "5"}]}, 422, "chat template"),
        ({"messages": [{"role": "tool", "content": "5"}]}, 422, "messages.0.role"),
    ],
)
def test_a_request_that_cannot_be_done_is_refused(
    client: openai.OpenAI, changes: dict[str, Any], status: int, told: str
) -> None:
    with pytest.raises(openai.APIStatusError, match=told) as refused:
        client.chat.completions.create(**{"model": "backbone", "messages": MESSAGES, **changes})
    assert refused.value.status_code == status


def test_a_wrong_token_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()


def test_a_strategy_by_prompt_has_no_rewriter() -> None:
    with served(fake_app()) as address:
        found = openai.OpenAI(base_url=f"{address}/v1", api_key="none").models.list()
    assert [model.id for model in found] == ["backbone"]


def test_a_fine_tuned_model_is_named_student() -> None:
    config = service_config(serve={"student": "sft-rewritten/model"})
    with served(
        fake_app(fake_service(config=config), ServeConfig(student=Path("sft-rewritten/model")))
    ) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none")
        assert [model.id for model in client.models.list()] == ["student", "backbone"]
        answer = client.chat.completions.create(model="student", messages=MESSAGES, max_tokens=64)
    assert (answer.choices[0].message.content or "").startswith("Some words")
