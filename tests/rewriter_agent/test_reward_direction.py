"""GRPO learns what the reward pays for: each term rises against a run in which its weight is zero."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any, cast

import pytest
import tiny
import torch
from peft import LoraConfig
from small_fleet import SmallFleet
from transformers import AutoModelForCausalLM
from trl import GRPOConfig

from cluster.fleet import Fleet
from cluster.types import GenerateRequest, ScoreRequest
from reward import Anchors, RewardConfig, Verifier
from rewriter_agent.data.problem import Problem
from rewriter_agent.models.resolve import load_tokenizer
from rewriter_agent.scoring import AnchoredProblem, GroupScorer, Sample
from rewriter_agent.tokens import Tokens
from rewriter_agent.train.learner import dataset
from rewriter_agent.train.reward import GroupReward
from rewriter_agent.train.trainer import FleetGRPOTrainer

pytestmark = pytest.mark.slow

SEEDS = (0, 1, 2)
STEPS, GENERATIONS, PROBLEMS, LENGTH = 25, 8, 4, 40
RATE = 2e-3
# Colder than the backbone, whose phrasings are equally likely: diversity has room to rise, too.
TEMPERATURE = 0.5
# Phrasings of the backbone mixed up: close enough to its own words for alignment to have room both ways.
SOLUTION = "First there are {a} {t}, then {b} more. That makes {s} {t}.\n#### {s}"


@dataclass(frozen=True)
class Terms:
    """Means over the candidates of all problems; alignment and diversity over those that pass."""

    gate: float
    alignment: float
    diversity: float


@pytest.fixture(scope="module")
def tokens(tiny_backbone: Path) -> Tokens:
    return Tokens(load_tokenizer(str(tiny_backbone)), None)


@pytest.fixture(scope="module")
def problems(tiny_backbone: Path, tokens: Tokens) -> list[AnchoredProblem]:
    backbone = SmallFleet(tiny_backbone, tokens.tokenizer.eos_token_id)
    found = []
    for i, row in enumerate(islice(tiny.worlds(seed=5), 24)):
        problem = Problem(str(i), row["question"], SOLUTION.format(**row), row["answer"], "####", "test")
        prompt = tokens.question(problem)
        (expert,) = backbone.score([ScoreRequest(prompt, tokens.expert(problem))])
        own = backbone.generate([GenerateRequest(prompt, LENGTH, 1.0, i)] * 4)
        anchors = Anchors(fmean(expert.logprobs), fmean(fmean(sample.logprobs) for sample in own))
        found.append(AnchoredProblem(**vars(problem), anchors=anchors))
    return found


def learn(
    weights: dict[str, float], seed: int, folder: Path, backbone: Path, tokens: Tokens, problems: Any
) -> Terms:
    """Train with these weights of the terms, then score fresh candidates for every problem."""
    torch.set_num_threads(1)
    eos = tokens.tokenizer.eos_token_id
    config = RewardConfig(**{"alignment_weight": 0.0, "diversity_weight": 0.0, **weights})
    policy, frozen = SmallFleet(backbone, eos), SmallFleet(backbone, eos)
    with Verifier(config) as verifier:
        scorer = GroupScorer(tokens, cast(Fleet, frozen), verifier, config)
        trainer = FleetGRPOTrainer(
            fleet=cast(Fleet, policy),
            model=AutoModelForCausalLM.from_pretrained(backbone, dtype=torch.float32),
            processing_class=tokens.tokenizer,
            reward_funcs=[GroupReward(scorer, {p.id: p for p in problems}, GENERATIONS, eos)],
            args=GRPOConfig(
                output_dir=str(folder),
                seed=seed,
                max_steps=STEPS,
                per_device_train_batch_size=GENERATIONS * PROBLEMS,
                num_generations=GENERATIONS,
                max_completion_length=LENGTH,
                temperature=TEMPERATURE,
                learning_rate=RATE,
                lr_scheduler_type="constant",
                scale_rewards="none",
                loss_type="dr_grpo",
                use_cpu=True,
                bf16=False,
                report_to="none",
                save_strategy="no",
                disable_tqdm=True,
                gradient_checkpointing=False,
            ),
            train_dataset=dataset({p.id: p for p in problems}, tokens),
            peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
        trainer.train()
        trainer.vllm_generation.sync_weights()
        return measure(policy, scorer, tokens, problems, seed)


def measure(policy: SmallFleet, scorer: GroupScorer, tokens: Tokens, problems: Any, seed: int) -> Terms:
    eos = tokens.tokenizer.eos_token_id
    requests = [
        GenerateRequest(tokens.rewriting(problem), LENGTH, TEMPERATURE, 1000 + seed)
        for problem in problems
        for _ in range(GENERATIONS)
    ]
    written = [completion.token_ids for completion in policy.generate(requests)]
    samples = [Sample(tokens.text(ids), ids[-1] == eos, tuple(ids)) for ids in written]
    groups = [(p, samples[i * GENERATIONS : (i + 1) * GENERATIONS]) for i, p in enumerate(problems)]
    scores = [score for group in scorer(groups) for score in group.scores]
    passed = [score for score in scores if score.gate]
    return Terms(
        len(passed) / len(scores),
        fmean(score.alignment for score in passed),
        fmean(score.diversity for score in passed),
    )


def test_each_term_rises_against_a_run_without_it(
    tiny_backbone: Path, tokens: Tokens, problems: list[AnchoredProblem], tmp_path: Path
) -> None:
    settings = [{}, {"alignment_weight": 1.0}, {"diversity_weight": 3.0}]
    with ProcessPoolExecutor(2, get_context("spawn")) as processes:
        runs = [
            [
                processes.submit(learn, weights, seed, tmp_path, tiny_backbone, tokens, problems)
                for seed in SEEDS
            ]
            for weights in settings
        ]
        without, aligned, diverse = [[run.result() for run in seeds] for seeds in runs]
    for plain, paid in zip(without, aligned, strict=True):
        assert paid.alignment > plain.alignment
        assert paid.gate > plain.gate - 0.1
    for plain, paid in zip(without, diverse, strict=True):
        assert paid.diversity > plain.diversity
        assert paid.gate > plain.gate - 0.1
