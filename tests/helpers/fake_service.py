"""A rewriting service on engines that answer from the requests' seeds, with one token a character."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fastapi import FastAPI
from fastapi.testclient import TestClient
from jinja2.exceptions import TemplateError

from cluster.types import Completion, GenerateRequest, Scored, ScoreRequest
from reward import RewardConfig
from rewriter_agent.config import RunConfig, make_config
from rewriter_agent.config.serve import ServeConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.rewrite.record import Provenance
from rewriter_agent.rewrite.rounds import Rewriter
from rewriter_agent.scoring.group_scorer import GroupScorer
from rewriter_agent.serve.access import AccessTokens
from rewriter_agent.serve.app import create_app
from rewriter_agent.serve.core import Core
from rewriter_agent.serve.service import RewritingService
from tests.helpers.groups import ExactVerifier, LetterTokens
from tests.helpers.rewriting_job import SeededFleet

TOKEN = "a-token-of-twenty-characters"
ROW = {"question": "How many are 2 and 3?", "solution": "Counting gives it.\n#### 5"}


class ServedTokens(LetterTokens):
    """Letters as tokens, with the expert's solution as a completion."""

    def expert(self, problem: Problem) -> list[int]:
        return self.completion(problem.solution)

    def prompt(self, messages: Sequence[dict[str, str]]) -> list[int]:
        if messages[0]["role"] == "assistant":
            raise TemplateError("the user speaks first")
        return [ord(letter) for message in messages for letter in message["content"]]


class FailingFleet(SeededFleet):
    """Fake engines that raise `error`, if there is one, at every request."""

    error: Exception | None = None

    def generate(self, requests: Sequence[GenerateRequest]) -> list[Completion]:
        if self.error is not None:
            raise self.error
        return super().generate(requests)

    def score(self, requests: Sequence[ScoreRequest]) -> list[Scored]:
        # A service may have any number of rows: their requests are not kept.
        self.asked.clear()
        return super().score(requests)


def service_config(**sections: Any) -> RunConfig:
    """Config of a run whose texts are short."""
    tree: dict[str, Any] = {
        "name": "served",
        "model": {"name_or_path": "lab", "max_model_len": 400},
        "data": {"source": "gsm_symbolic"},
        "prepare": {"max_completion_length": 64, "num_own_samples": 2},
        "rewrite": {"strategy": "best_of_n", "num_generations": 8, "max_completion_length": 64},
        **{name: {"max_completion_length": 64} for name in ("train", "evaluate")},
    }
    return make_config(tree | sections)


def fake_service(fleet: SeededFleet | None = None, config: RunConfig | None = None) -> RewritingService:
    """Service on fake engines; about half of its candidates are right."""
    config, engines = config or service_config(), cast(Any, fleet or FailingFleet(0))
    tokens, verifier = cast(Any, ServedTokens()), cast(Any, ExactVerifier())
    scorer = GroupScorer(tokens, engines, verifier, RewardConfig())
    writers = {"backbone": engines, "policy": engines}
    rewriter = Rewriter(config.rewrite, config.seed, tokens, cast(Any, writers), scorer)
    session = SimpleNamespace(
        config=config,
        tokens=tokens,
        reference=engines,
        actor=engines,
        student=engines,
        verifier=verifier,
        backbone_identity=("0123456789abcdef", "float32"),
    )
    return RewritingService(cast(Any, session), rewriter, Provenance(config.rewrite, None, config.seed))


def fake_app(
    service: RewritingService | None = None,
    limits: ServeConfig | None = None,
    tokens: Sequence[str] = (),
    folder: Path = Path("/nonexistent"),
) -> FastAPI:
    """Application of a fake service; batches need a folder."""
    service = service or fake_service()
    config = service.session.config.model_copy(update={"serve": limits or ServeConfig()})
    return create_app(Core(service, config.serve, folder), config, AccessTokens(tokens), folder)


def client_of(app: FastAPI) -> TestClient:
    """Client that addresses the application as on this machine, and raises no error of the server."""
    return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
