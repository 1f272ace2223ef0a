"""Text embeddings compared with plain transformers."""

from collections.abc import Iterator

import psutil
import pytest
import ray
import torch
from transformers import AutoModel, AutoTokenizer

from cluster.engine.encoder import BATCH, Encoder
from cluster.planning.memory import NO_MEMORY, Footprint
from cluster.planning.roles import Role
from rewriter_agent.models.lab import LAB_FOLDER
from rewriter_agent.scoring.embedder import Embedder, start_embedder

TEXTS = ["Tom has 3 apples.", "So he has 8 coins now, and Ana has 2 more.", "5"]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(str(LAB_FOLDER), max_length=64, threads=1, device="cpu")


@pytest.fixture
def embedder() -> Iterator[Embedder]:
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    yield start_embedder(
        str(LAB_FOLDER), 64, Role("encoder", "rollout", 1, 1, 0, 0, Footprint(NO_MEMORY)), 120, restarts=1
    )
    ray.shutdown()


def test_vectors_are_the_mean_of_the_last_hidden_states(encoder: Encoder) -> None:
    tokenizer = AutoTokenizer.from_pretrained(LAB_FOLDER)
    model = AutoModel.from_pretrained(LAB_FOLDER, dtype=torch.float32).eval()
    for text, vector in zip(TEXTS, encoder.embed(TEXTS), strict=True):
        with torch.inference_mode():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state
        assert torch.tensor(vector) == pytest.approx(states.mean(1)[0], abs=1e-4)


def test_a_vector_does_not_depend_on_its_batch_and_order_is_kept(encoder: Encoder) -> None:
    many = [f"{i} plus {i} is {2 * i}" + " indeed" * (i % 5) for i in range(2 * BATCH + 3)]
    together = encoder.embed(many)
    for i in (0, 7, BATCH, len(many) - 1):
        assert encoder.embed([many[i]])[0] == pytest.approx(together[i], abs=1e-4)
    assert encoder.embed([]) == []


def test_a_long_text_is_truncated(encoder: Encoder) -> None:
    (vector,) = encoder.embed(["word " * 5000])
    assert len(vector) == 192


@pytest.mark.slow
@pytest.mark.long
def test_a_dead_encoder_is_restarted_up_to_its_limit(embedder: Embedder) -> None:
    def kill() -> None:
        # Only of this test's cluster.
        living = psutil.Process().children(recursive=True)
        (process,) = [p for p in living if "ray::Encoder" in " ".join(p.cmdline())]
        process.kill()
        process.wait(30)

    before = embedder(TEXTS)
    kill()
    assert embedder(TEXTS) == before
    kill()
    with pytest.raises(ray.exceptions.RayActorError):
        embedder(TEXTS)
