"""The service over HTTP, with fake engines: the batch job's targets, many rows, limits and errors."""

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from cluster.fleet.supervisor import EnginesLostError
from rewriter_agent.config.serve import ServeConfig
from rewriter_agent.data.problem import problem_id
from rewriter_agent.serve.access import AccessTokens
from tests.helpers.fake_service import (
    ROW,
    TOKEN,
    FailingFleet,
    client_of,
    fake_app,
    fake_service,
    service_config,
)

BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def client() -> TestClient:
    return client_of(fake_app())


def questions(count: int) -> list[dict[str, Any]]:
    return [{**ROW, "question": f"Question {number}?"} for number in range(count)]


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def error_of(response: Any) -> dict[str, str]:
    error = response.json()["error"]
    assert error.keys() == {"code", "message"}
    return error


def test_a_row_gets_a_target_with_scores_versions_and_cost(client: TestClient) -> None:
    answer = client.post("/v1/rewrites", json={**ROW, "candidates": True, "tokens": True}).json()
    assert answer["outcome"] == "rewritten"
    assert answer["target"].endswith("#### 5")
    assert answer["target"] != ROW["solution"]
    assert answer["id"] == problem_id(ROW["question"])
    selected = [one for one in answer["candidates"] if one["selected"]]
    assert [one["text"] for one in selected] == [answer["target"]]
    assert selected[0]["scores"] == answer["scores"]
    assert selected[0]["passed"]
    assert answer["cost"]["rollouts"] == len(answer["candidates"]) == 8
    assert {one["reason"] for one in answer["candidates"] if not one["passed"]} == {"wrong_answer"}
    assert "".join(token["text"] for token in answer["tokens"]["target"]) == answer["target"]
    assert "".join(token["text"] for token in answer["tokens"]["expert"]) == ROW["solution"]
    assert answer["versions"]["strategy"] == "best_of_n"


def test_candidates_and_tokens_come_on_request_only(client: TestClient) -> None:
    answer = client.post("/v1/rewrites", json=ROW).json()
    assert answer["candidates"] is None
    assert answer["tokens"] is None


def test_a_conversation_of_one_message_is_a_question(client: TestClient) -> None:
    messages = [{"role": "user", "content": ROW["question"]}]
    asked = client.post("/v1/rewrites", json={"messages": messages, "solution": ROW["solution"]}).json()
    assert asked["target"] == client.post("/v1/rewrites", json=ROW).json()["target"]


def test_without_a_passing_candidate_the_expert_stays_with_the_reason(client: TestClient) -> None:
    row = {"question": "How many are 3 and 4?", "solution": "Counting gives it.\n#### 7", "tokens": True}
    answer = client.post("/v1/rewrites", json=row).json()
    assert (answer["outcome"], answer["reason"]) == ("expert_fallback", "wrong_answer")
    assert answer["target"] == row["solution"]
    assert answer["scores"] is None
    assert answer["tokens"]["target"] == answer["tokens"]["expert"]


def test_a_row_that_does_not_fit_the_model_keeps_the_expert(client: TestClient) -> None:
    answer = client.post("/v1/rewrites", json={**ROW, "question": "Long? " * 200}).json()
    assert (answer["outcome"], answer["reason"]) == ("expert_fallback", "prompt_too_long")
    assert answer["cost"]["rollouts"] == 0


def test_a_run_that_drops_false_steps_does_not_rewrite_them() -> None:
    config = service_config(data={"source": "gsm_symbolic", "on_false_step": "drop"})
    row = {"question": "How many?", "solution": "5 - 4 = 2\n#### 5"}
    answer = client_of(fake_app(fake_service(config=config))).post("/v1/rewrites", json=row).json()
    assert (answer["outcome"], answer["reason"]) == ("expert_fallback", "false_step")
    assert answer["false_steps"] == [{"text": "5 - 4 = 2", "claimed": "2", "value": "1"}]


@pytest.mark.parametrize(("thinks", "reason"), [(True, "expert_without_reasoning"), (False, None)])
def test_a_run_that_drops_experts_without_reasoning_does_not_rewrite_them(
    thinks: bool, reason: str | None
) -> None:
    service = fake_service(config=service_config(prompts={"reasoning": "drop"}))
    vars(service.session.tokens)["thinks"] = thinks
    answer = client_of(fake_app(service)).post("/v1/rewrites", json=ROW).json()
    assert answer["reason"] == reason


def test_many_rows_come_as_lines_each_once(client: TestClient) -> None:
    rows = [*questions(20), {"question": "No answer?", "solution": "None."}]
    response = client.post("/v1/rewrites", json={"rows": rows})
    assert response.headers["content-type"].startswith("application/x-ndjson")
    lines = {line["index"]: line for line in lines_of(response.text)}
    assert sorted(lines) == list(range(21))
    assert lines[20]["error"]["code"] == "bad_row"
    assert "states no answer" in lines[20]["error"]["message"]
    alone = client.post("/v1/rewrites", json=rows[3]).json()
    assert lines[3]["rewrite"]["target"] == alone["target"]


def test_the_gap_is_told_by_token(client: TestClient) -> None:
    answer = client.post("/v1/gap", json=ROW).json()
    assert "".join(token["text"] for token in answer["tokens"]) == ROW["solution"]
    logprobs = [token["logprob"] for token in answer["tokens"]]
    assert answer["mean_logprob"] == pytest.approx(sum(logprobs) / len(logprobs))


def test_a_gap_that_does_not_fit_the_model_is_refused(client: TestClient) -> None:
    response = client.post("/v1/gap", json={**ROW, "question": "Long? " * 200})
    assert response.status_code == 422
    assert "the model takes 399" in error_of(response)["message"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"solution": "#### 5"}, "give either question or messages"),
        ({**ROW, "convention": "roman"}, "convention: Input should be"),
        ({**ROW, "convention": "python"}, "needs the field `answer`"),
        ({**ROW, "convention": "reference"}, "this one has '####'"),
        ({**ROW, "extra": 1}, "extra: Extra inputs"),
        ({**ROW, "question": 5}, "question: Input should be a valid string"),
        ({**ROW, "question": "x" * 100_001}, "at most 100000 characters"),
        ({"rows": []}, "at least 1 item"),
        ({**ROW, "solution": "No number."}, "states no answer"),
    ],
)
def test_a_wrong_row_is_refused_with_the_field(client: TestClient, row: dict[str, Any], told: str) -> None:
    response = client.post("/v1/rewrites", json=row)
    assert response.status_code == 422
    assert told in error_of(response)["message"]


def test_a_refusal_does_not_repeat_the_text(client: TestClient) -> None:
    secret = "my secret question"
    response = client.post("/v1/rewrites", json={"question": [secret], "solution": "#### 5"})
    assert response.status_code == 422
    assert secret not in response.text


def test_limits_are_told_by_their_keys() -> None:
    small = client_of(fake_app(limits=ServeConfig(max_rows=2, max_body_mb=0.001)))
    too_many = small.post("/v1/rewrites", json={"rows": questions(3)})
    assert (too_many.status_code, error_of(too_many)["code"]) == (422, "too_many_rows")
    too_large = small.post("/v1/rewrites", json={**ROW, "solution": "x" * 2000})
    assert (too_large.status_code, error_of(too_large)["code"]) == (413, "body_too_large")
    chunked = small.post("/v1/rewrites", content=iter([b"x" * 900] * 3))
    assert chunked.status_code == 413


def test_a_full_service_and_a_greedy_token_are_told_to_wait() -> None:
    app = fake_app(
        limits=ServeConfig(max_rows_per_token=2, max_rows_in_progress=3), tokens=[TOKEN, TOKEN + "2"]
    )
    client, load = client_of(app), app.state.core.load
    name = AccessTokens([TOKEN]).find(BEARER["Authorization"])
    with load.admitted(name, 2):
        greedy = client.post("/v1/rewrites", json=ROW, headers=BEARER)
        with load.admitted("another", 1):
            full = client.post("/v1/rewrites", json=ROW, headers={"Authorization": f"Bearer {TOKEN}2"})
    assert [greedy.status_code, full.status_code] == [429, 503]
    assert greedy.headers["retry-after"]
    assert "serve.max_rows_in_progress" in error_of(full)["message"]
    assert client.post("/v1/rewrites", json=ROW, headers=BEARER).status_code == 200
    assert load.rows == 0


def test_a_row_that_takes_too_long_is_given_up() -> None:
    client = client_of(fake_app(fake_service(FailingFleet(0.2)), ServeConfig(max_seconds=0.1)))
    response = client.post("/v1/rewrites", json=ROW)
    assert (response.status_code, error_of(response)["code"]) == (503, "timeout")
    [line] = lines_of(client.post("/v1/rewrites", json={"rows": [ROW]}).text)
    assert line["error"]["code"] == "timeout"


def test_a_service_that_stops_takes_nothing_new() -> None:
    app = fake_app()
    app.state.core.load.is_draining = True
    client = client_of(app)
    assert client.get("/ready").status_code == client.post("/v1/rewrites", json=ROW).status_code == 503
    assert client.get("/health").status_code == 200


def test_a_service_without_engines_asks_to_be_restarted() -> None:
    fleet = FailingFleet(0)
    client = client_of(fake_app(fake_service(fleet)))
    assert client.get("/ready").json() == {"status": "ok"}
    fleet.error = EnginesLostError("fleet 'backbone' has 0 of 1 engines left")
    assert error_of(client.post("/v1/rewrites", json=ROW))["code"] == "engines_lost"
    assert client.get("/health").status_code == client.get("/ready").status_code == 503


def test_metrics_count_requests_rows_and_tokens() -> None:
    client = client_of(fake_app())
    client.post("/v1/rewrites", json=ROW)
    client.post("/v1/rewrites", json={"rows": questions(3)})
    client.get("/no/such/path")
    text = client.get("/metrics").text
    assert 'service_requests_total{path="/v1/rewrites",status="200"} 2.0' in text
    assert 'service_requests_total{path="other",status="404"} 1.0' in text
    assert "service_row_seconds_count 4.0" in text
    assert "service_rows_in_progress 0.0" in text


def test_the_schema_describes_every_field(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert {"/v1/rewrites", "/v1/gap", "/health", "/ready", "/metrics"} <= schema["paths"].keys()
    described = schema["components"]["schemas"]
    for name in ("Row", "Rows", "Rewrite", "Scores", "Candidate", "Cost", "Versions", "Gap", "ErrorBody"):
        fields = described[name]["properties"].values()
        assert all("description" in field for field in fields), name
