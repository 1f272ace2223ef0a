"""The service on Ray Serve with engines that answer from the requests' seeds."""

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from ray import serve

from rewriter_agent.commands.serve import free_port
from rewriter_agent.config import RunConfig
from rewriter_agent.serve import deployment
from rewriter_agent.serve.serve_config import APPLICATION, http_options
from rewriter_agent.serve.service import RewritingService
from tests.helpers.fake_service import FailingFleet, fake_service


class FakeReplica(deployment.RewriterReplica):
    """The deployment `rewriter` with fake engines, which take `seconds` for a call."""

    seconds = 0.0

    def started(self, config: RunConfig) -> AbstractContextManager[RewritingService]:
        return nullcontext(fake_service(FailingFleet(self.seconds), config))


@contextmanager
def fake_deployment(config: RunConfig, seconds: float = 0.0) -> Generator[str]:
    """Deploy on the Ray cluster that this process has joined; the address."""
    port = free_port("127.0.0.1", 0)
    serve.start(http_options=http_options(config.serve, "127.0.0.1", port))
    replica: Any = type("FakeReplica", (FakeReplica,), {"seconds": seconds})
    serve.run(deployment.application(config, "127.0.0.1", replica), name=APPLICATION)
    yield f"http://127.0.0.1:{port}"
    serve.delete(APPLICATION)
    serve.shutdown()
