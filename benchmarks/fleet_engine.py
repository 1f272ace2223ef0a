"""A fleet of one engine against bare `LLM.generate`, and two engines of one thread against one of two: tokens sampled
per second for the same requests, in turns.
"""

import time
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import ray

from cluster.engine.vllm_engine import VLLMEngine
from cluster.fleet.fleet import Fleet
from cluster.fleet.settings import FleetSettings
from cluster.planning.plan import engine_spec
from cluster.planning.roles import Role
from cluster.session import connect
from cluster.types import EngineSpec, GenerateRequest
from rewriter_agent.config import load_config
from rewriter_agent.data.load import load_problems
from rewriter_agent.io.seeds import request_seed
from rewriter_agent.runtime.session import Session

from .options import config_options

ROUNDS = 3
PROBLEMS = 32
"""Number of the config's problems used, which keeps the four rounds to minutes."""
CANDIDATES = 4
BARE, FLEET = "LLM.generate, one thread", "fleet of one, one thread"
WIDE, TWO = "fleet of one, two threads", "fleet of two, one thread each"


class BareEngine(VLLMEngine):
    """Engine that exposes bare vLLM."""

    def bare(self, requests: Sequence[GenerateRequest]) -> int:
        """Tokens that one `LLM.generate` has sampled."""
        from vllm import SamplingParams, TokensPrompt

        prompts = [TokensPrompt(prompt_token_ids=r.prompt_ids) for r in requests]
        params = [
            SamplingParams(
                max_tokens=r.max_tokens, temperature=r.temperature, seed=r.seed, logprobs=0, detokenize=False
            )
            for r in requests
        ]
        outputs = self.loop.exclusive(lambda: self.llm.generate(prompts, params, use_tqdm=False))
        return sum(len(output.outputs[0].token_ids) for output in outputs)


def main() -> None:
    """Print the rates and their ratios."""
    options = config_options(__doc__, "configs/lab.yaml")
    config = load_config(options.config, [f"data.num_train={PROBLEMS}", *options.set])
    with connect(config.cluster) as machines:
        session = Session(config, machines, {"policy"})
        measure(session)


def measure(session: Session) -> None:
    """Time the four in turns, after a round that fills the prefix caches."""
    requests = make_requests(session)
    one, two = spec(session, 1), spec(session, 2)
    bare: Any = ray.remote(BareEngine).options(num_cpus=0, runtime_env={"env_vars": one.env}).remote(one)
    fleets = {FLEET: start(session, one, 1), TWO: start(session, one, 2), WIDE: start(session, two, 1)}
    ways: dict[str, Callable[[], int]] = {BARE: lambda: ray.get(bare.bare.remote(requests))}
    ways |= {name: lambda fleet=fleet: sampled(fleet, requests) for name, fleet in fleets.items()}
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS + 1):
        for name, way in ways.items():
            begin = time.perf_counter()
            rate = way() / (time.perf_counter() - begin)
            rates[name] += [rate] if number else []
            print(f"round {number} of {ROUNDS}: {name:<31}{rate:>8,.0f} tokens/s", flush=True)
    print(f"{len(requests)} requests, {ROUNDS} rounds")
    means = {name: fmean(found) for name, found in rates.items()}
    for name, against in ((BARE, BARE), (FLEET, BARE), (WIDE, WIDE), (TWO, WIDE)):
        spread = f"{min(rates[name]):,.0f} to {max(rates[name]):,.0f}"
        print(f"{name:<31}{means[name]:>8,.0f} tokens/s ({spread}){means[name] / means[against]:>7.2f} x")
    for fleet in fleets.values():
        fleet.shutdown()


def make_requests(session: Session) -> list[GenerateRequest]:
    """Build requests for each training problem, with the rewriting policy's prompt."""
    config = session.config
    tokens = session.tokens
    length, temperature = config.rewrite.max_completion_length, config.rewrite.temperature
    return [
        GenerateRequest(
            tokens.rewriting(problem), length, temperature, request_seed(config.seed, problem.id, i)
        )
        for problem in load_problems(config.data).train
        for i in range(CANDIDATES)
    ]


def spec(session: Session, threads: int) -> EngineSpec:
    """Resources of an engine that reserves nothing, since only one works at a time."""
    config, role = session.config, session.plan.role("policy")
    role = Role(role.name, role.phase, 1, threads, 0, role.num_gpus, role.footprint)
    model, ends = config.model, session.tokens.ends.ids
    return engine_spec(config.cluster, role, session.model_path, model.dtype, model.max_model_len, ends)


def start(session: Session, of: EngineSpec, count: int) -> Fleet:
    """A fleet that is ready."""
    return Fleet.start("policy", of, count, FleetSettings.of(session.config.cluster)).wait()


def sampled(fleet: Fleet, requests: Sequence[GenerateRequest]) -> int:
    """Tokens of all completions."""
    return sum(len(completion.token_ids) for completion in fleet.generate(requests))


if __name__ == "__main__":
    main()
