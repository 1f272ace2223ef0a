"""A short GRPO run in this process, and the policy's candidates after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import cast

import torch
from peft import LoraConfig
from transformers import AutoModelForCausalLM
from trl import GRPOConfig

from cluster.fleet.fleet import Fleet
from cluster.types import GenerateRequest, ScoreRequest
from reward import Anchors, RewardConfig, Verifier
from rewriter_agent.config.model import ModelConfig
from rewriter_agent.data.problem import Problem
from rewriter_agent.data.prompt_encoder import Tokens, load_tokens
from rewriter_agent.scoring.group_scorer import AnchoredProblem, GroupScorer, Sample
from rewriter_agent.train.reward import GroupReward
from rewriter_agent.train.trainer import FleetGRPOTrainer
from rewriter_agent.train.worker import dataset
from tests.helpers.small_fleet import SmallFleet

GENERATIONS, RATE = 8, 2e-3


@dataclass(frozen=True)
class ShortRun:
    """A backbone and the size of a run on it."""

    backbone: Path
    problems: Sequence[AnchoredProblem]
    steps: int
    problems_a_step: int
    length: int
    temperature: float


@dataclass(frozen=True)
class Terms:
    """Means over the candidates of all problems; alignment and diversity over passing ones."""

    gate: float
    alignment: float
    diversity: float


def tokens_of(backbone: Path) -> Tokens:
    return load_tokens(str(backbone), ModelConfig())


def anchored(backbone: Path, problems: Sequence[Problem], length: int) -> list[AnchoredProblem]:
    """The problems with l(y*) and l_self, from four samples each."""
    tokens = tokens_of(backbone)
    fleet = SmallFleet(backbone, tokens.tokenizer.eos_token_id)
    found = []
    for i, problem in enumerate(problems):
        encoded = tokens.encode(problem)
        prompt = list(encoded.prompt_ids)
        (expert,) = fleet.score([ScoreRequest(prompt, tokens.expert(problem))])
        own = fleet.generate([GenerateRequest(prompt, length, 1.0, i)] * 4)
        anchors = Anchors(fmean(expert.logprobs), fmean(fmean(sample.logprobs) for sample in own))
        found.append(AnchoredProblem(**vars(encoded), anchors=anchors))
    return found


def learn(run: ShortRun, weights: dict[str, float] | None, seed: int, folder: Path) -> Terms:
    """Train with these weights of the terms (None: not at all), then score fresh candidates for every problem."""
    torch.set_num_threads(1)
    tokens = tokens_of(run.backbone)
    eos = tokens.tokenizer.eos_token_id
    # One term at a time: the gate's own rule on alignment would leave nothing to raise.
    nothing = {"alignment_weight": 0, "diversity_weight": 0, "min_alignment": 0}
    config = RewardConfig.model_validate(nothing | (weights or {}))
    policy, frozen = SmallFleet(run.backbone, eos), SmallFleet(run.backbone, eos)
    with Verifier(config) as verifier:
        scorer = GroupScorer(tokens, cast(Fleet, frozen), verifier, config)
        if weights is not None:
            trainer = trainer_of(run, (policy, frozen), scorer, seed, folder)
            trainer.train()
            trainer.vllm_generation.sync_weights()
        return _measure(run, policy, scorer, seed)


def trainer_of(
    run: ShortRun,
    fleets: tuple[SmallFleet, SmallFleet],
    scorer: GroupScorer,
    seed: int,
    folder: Path,
    batches: int = 1,
    share_prompts: bool = True,
) -> FleetGRPOTrainer:
    """Short GRPO of a policy with the frozen backbone; a step's candidates come in so many batches."""
    policy, frozen = (cast(Fleet, fleet) for fleet in fleets)
    problems, tokens = {p.id: p for p in run.problems}, scorer.tokens
    return FleetGRPOTrainer(
        fleet=policy,
        scorers=frozen,
        share_prompts=share_prompts,
        model=AutoModelForCausalLM.from_pretrained(run.backbone, dtype=torch.float32),
        processing_class=tokens.tokenizer,
        reward_funcs=[GroupReward(scorer, problems, GENERATIONS)],
        args=GRPOConfig(
            output_dir=str(folder),
            seed=seed,
            max_steps=run.steps,
            per_device_train_batch_size=GENERATIONS * run.problems_a_step // batches,
            gradient_accumulation_steps=batches,
            num_generations=GENERATIONS,
            max_completion_length=run.length,
            temperature=run.temperature,
            learning_rate=RATE,
            lr_scheduler_type="constant",
            scale_rewards="none",
            loss_type="dr_grpo",
            use_cpu=True,
            bf16=False,
            report_to="none",
            save_strategy="no",
            logging_steps=1,
            disable_tqdm=True,
            gradient_checkpointing=False,
        ),
        train_dataset=dataset(problems, tokens),
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
    )


def _measure(run: ShortRun, policy: SmallFleet, scorer: GroupScorer, seed: int) -> Terms:
    tokens = scorer.tokens
    requests = [
        GenerateRequest(list(problem.rewriting_prompt_ids), run.length, run.temperature, 1000 + seed)
        for problem in run.problems
        for _ in range(GENERATIONS)
    ]
    samples = [
        Sample(tokens.text(c.token_ids), c.finished, tuple(c.token_ids)) for c in policy.generate(requests)
    ]
    groups = [
        (problem, samples[i * GENERATIONS : (i + 1) * GENERATIONS]) for i, problem in enumerate(run.problems)
    ]
    scores = [score for group in scorer(groups) for score in group.scores]
    passed = [score for score in scores if score.gate]
    return Terms(
        len(passed) / len(scores),
        fmean(score.alignment for score in passed),
        fmean(score.diversity for score in passed),
    )
