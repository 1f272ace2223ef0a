"""The learner: one process that trains the adapter and publishes it to the engines after each step."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig, PeftConfig, PeftModel, load_peft_weights, set_peft_model_state_dict
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.integrations import get_reporting_integration_callbacks

from cluster.fleet.base_model_view import BaseModelView
from reward import Verifier
from rewriter_agent.config import RunConfig
from rewriter_agent.data.conversation import plain
from rewriter_agent.data.prompt_encoder import Tokens, load_tokens
from rewriter_agent.io.files import atomic
from rewriter_agent.prepare.records import anchored_problems
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.scoring.embedder import diversity_embed
from rewriter_agent.scoring.group_scorer import AnchoredProblem, GroupScorer
from rewriter_agent.scoring.verifier import make_verifier
from sft.quantization import quantization_config
from sft.runtime.checkpoints import MarkComplete, is_final, newest_complete, read_state, remove_incomplete
from sft.runtime.metrics import MetricsWriter, finish_reporting
from sft.runtime.stop import StopAt

from .arguments import grpo_config, sdft_config
from .fleet_trainer import FleetTrainer
from .policy import REWRITER, Policy, policy_of
from .prefetch import Prefetch
from .problems import training_problems
from .replay_log import ReplayCompletions
from .reward import GroupReward
from .rewriter import ADAPTER, MODEL
from .sdft_trainer import QUESTION_IDS, REWRITING_IDS, FleetSDFTTrainer
from .signal_files import EVENTS
from .trainer import PROMPT_IDS, FleetGRPOTrainer
from .weight_sync import merged_weights


def learn(job: dict[str, Any]) -> None:
    """Train to the end, from the newest checkpoint if there is one; leave `adapter/` and `model/` in `output`.

    Runs in a Ray Train worker. `job`: config, model (path), prompt_date, prompts, folder, output, until (a step to stop
    after, or None), threads, policy and backbone (fleets; the second is None if nothing asks it), embedder.
    """
    torch.set_num_threads(job["threads"])
    config = RunConfig.model_validate(job["config"])
    output = Path(job["output"])
    if (output / MODEL).exists():
        # The attempt before was killed after its last step.
        return
    tokens = load_tokens(job["model"], config.model, job["prompt_date"], job["prompts"])
    trainer = distil(job, config, tokens) if config.method == "sdft" else reinforce(job, config, tokens)
    finish_reporting(config.tracking.report_to)
    save(trainer.accelerator.unwrap_model(trainer.model), tokens, output, config.model.dtype)


def reinforce(job: dict[str, Any], config: RunConfig, tokens: Tokens) -> FleetGRPOTrainer:
    """Train by GRPO to the end; return the trainer."""
    with make_verifier(config.reward) as verifier:
        reward = group_reward(job, config, tokens, verifier)
        trainer = make_trainer(job, config, tokens, reward)
        train_to_the_end(trainer, job)
    return trainer


def distil(job: dict[str, Any], config: RunConfig, tokens: Tokens) -> FleetSDFTTrainer:
    """Train by SDFT to the end; return the trainer."""
    folder = Path(job["folder"])
    job["policy"].log = partial(_note, folder / EVENTS)
    problems = training_problems(anchored_problems(config), config, tokens)
    trainer = FleetSDFTTrainer(
        fleet=job["policy"],
        args=sdft_config(config, folder),
        train_dataset=sdft_dataset(problems),
        # There are no tables of completions without a reward.
        **_parts(job, config, tokens, table_rows=0),
    )
    train_to_the_end(trainer, job)
    return trainer


def group_reward(job: dict[str, Any], config: RunConfig, tokens: Tokens, verifier: Verifier) -> GroupReward:
    """The reward function of the run's training problems, with a prefetch if engines may work ahead."""
    say = partial(_note, Path(job["folder"]) / EVENTS)
    policy, backbone = policy_of(config), job["backbone"]
    for fleet in (job["policy"], backbone):
        if fleet:
            fleet.log = say
    prepared = anchored_problems(config)
    problems = training_problems(prepared, config, tokens)
    # All problems, as when rewriting: they are the reference of the whitened embeddings.
    solutions = [problem.solution for problem in prepared.values()]
    settings = policy.reward(config.reward)
    assert settings is not None, "this policy has a reward"
    embed = diversity_embed(job["embedder"], solutions, settings)
    scorer = GroupScorer(tokens, backbone, verifier, settings, embed)
    reward = GroupReward(scorer, problems, config.train.num_generations, say)
    if config.train.max_staleness:
        shared = isinstance(backbone, BaseModelView)
        reward.prefetch = Prefetch(job["policy"], scorer, problems, reward.sample, shared)
    return reward


def make_trainer(
    job: dict[str, Any], config: RunConfig, tokens: Tokens, reward: GroupReward
) -> FleetGRPOTrainer:
    """TRL's trainer of a LoRA on the backbone, sampling from the job's engines."""
    table_rows = config.tracking.table_rows if config.tracking.report_to == "wandb" else 0
    trainer = FleetGRPOTrainer(
        fleet=job["policy"],
        scorers=job["backbone"],
        prefetch=reward.prefetch,
        table_rows=table_rows,
        share_prompts=config.train.share_prompts,
        reward_funcs=[reward],
        args=grpo_config(config, Path(job["folder"])),
        train_dataset=dataset(reward.problems, tokens, policy_of(config)),
        **_parts(job, config, tokens, table_rows),
    )
    reward.sampled = lambda: trainer.generation.logprobs
    return trainer


def _parts(job: dict[str, Any], config: RunConfig, tokens: Tokens, table_rows: int) -> dict[str, Any]:
    """Model, tokenizer, adapter and callbacks of a trainer."""
    folder, report_to = Path(job["folder"]), config.tracking.report_to
    return {
        "model": load_model(job["model"], config, tokens),
        "processing_class": tokens.tokenizer,
        "peft_config": LoraConfig(task_type="CAUSAL_LM", **config.train.lora.model_dump()),
        "callbacks": [
            MarkComplete(),
            MetricsWriter(StageFolder(folder).metrics),
            *get_reporting_integration_callbacks(report_to),
            *([ReplayCompletions(folder, table_rows)] if report_to == "wandb" else []),
        ],
    }


def train_to_the_end(trainer: FleetTrainer, job: dict[str, Any]) -> None:
    """Train from the newest complete checkpoint, if there is one, to the last step of the training or of the part."""
    folder, until = Path(job["folder"]), job["until"]
    remove_incomplete(folder)
    checkpoint = newest_complete(folder)
    if checkpoint and (is_final(checkpoint) or (until and read_state(checkpoint)["global_step"] >= until)):
        # transformers would train one step more from here.
        set_peft_model_state_dict(trainer.model, load_peft_weights(str(checkpoint)))
        return
    if until:
        trainer.add_callback(StopAt(until, None))
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)


def load_model(path: str, config: RunConfig, tokens: Tokens) -> PreTrainedModel:
    """The backbone; TRL, and whoever loads the rewriter, reads from it what ends a text."""
    dtype = config.model.dtype
    model = AutoModelForCausalLM.from_pretrained(
        path,
        dtype=dtype,
        quantization_config=quantization_config(dtype) if config.train.load_in_4bit else None,
        trust_remote_code=False,
    )
    model.generation_config.eos_token_id = list(tokens.ends.ids)
    return model


def _note(path: Path, line: str) -> None:
    """Append a line to the file that the driver prints."""
    with path.open("a") as events:
        events.write(line + "\n")


def dataset(problems: dict[str, AnchoredProblem], tokens: Tokens, policy: Policy = REWRITER) -> Dataset:
    """Make one row per problem: the policy's prompt as ids, as messages for TRL's tables, and the problem's id."""
    return Dataset.from_list(
        [
            {
                "prompt": plain(policy.messages(tokens, problem)),
                PROMPT_IDS: list(policy.prompt_ids(problem)),
                "problem_id": problem.id,
            }
            for problem in problems.values()
        ]
    )


def sdft_dataset(problems: dict[str, AnchoredProblem]) -> Dataset:
    """Make one row per problem: the prompts of the student and of the teacher as ids, and the problem's id."""
    return Dataset.from_list(
        [
            {
                QUESTION_IDS: list(problem.prompt_ids),
                REWRITING_IDS: list(problem.rewriting_prompt_ids),
                "problem_id": problem.id,
            }
            for problem in problems.values()
        ]
    )


def save(model: PeftModel, tokens: Tokens, folder: Path, dtype: str) -> None:
    """The adapter as PEFT saves it, and the merged model as a Hugging Face folder for the engines."""
    with atomic(folder / ADAPTER) as temporary:
        model.save_pretrained(str(temporary))
    if is_quantized(model):
        model = on_own_weights(folder / ADAPTER, dtype)
    base: Any = model.get_base_model()
    with atomic(folder / MODEL) as temporary:
        base.config.save_pretrained(temporary)
        base.generation_config.save_pretrained(temporary)
        tokens.tokenizer.save_pretrained(temporary)
        save_safetensors(dict(merged_weights(model)), temporary / "model.safetensors")


def is_quantized(model: PeftModel) -> bool:
    """Whether the weights under the adapter are in 4 bits."""
    base: Any = model.get_base_model()
    return getattr(base.config, "quantization_config", None) is not None


def on_own_weights(adapter: Path, dtype: str) -> PeftModel:
    """The adapter on the backbone's own weights, on the host: merged into 4-bit ones it would be rounded."""
    name = PeftConfig.from_pretrained(str(adapter)).base_model_name_or_path
    base = AutoModelForCausalLM.from_pretrained(name, dtype=dtype, trust_remote_code=False)
    return PeftModel.from_pretrained(base, str(adapter))


def save_safetensors(weights: dict[str, torch.Tensor], path: Path) -> None:
    """One file in the layout that transformers and vLLM read."""
    from safetensors.torch import save_file

    save_file(
        {name: weight.contiguous() for name, weight in weights.items()}, path, metadata={"format": "pt"}
    )
