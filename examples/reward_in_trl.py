"""The group reward in TRL's own GRPOTrainer: a policy learns to rewrite expert solutions, without Ray and engines."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from reward import Anchors, Candidate, RewardConfig, TokenScores, Verifier, score_group

DATA = Path(__file__).parent / "own_data" / "train.jsonl"
ASK = "End with a last line of the form: #### answer"


@dataclass(frozen=True)
class Problem:
    """Fields of a problem that `score_group` reads."""

    question: str
    solution: str
    answer: str
    convention: str
    anchors: Anchors


class Backbone:
    """The frozen model: log-probs (nats) of texts given the question alone."""

    def __init__(self, name: str) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        self.model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, trust_remote_code=False)

    @torch.no_grad()
    def logprobs(self, question: str, text: str) -> list[float]:
        """Log-probs of the text's tokens, its end included."""
        messages = [{"role": "user", "content": f"{question}\n\n{ASK}"}]
        prompt = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        ids = self.tokenizer(text, add_special_tokens=False)["input_ids"] + [self.tokenizer.eos_token_id]
        logits = self.model(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1]
        return logits.log_softmax(-1).gather(-1, torch.tensor(ids)[:, None])[:, 0].tolist()

    def mean_logprob(self, question: str, text: str) -> float:
        """Mean over the text's tokens."""
        values = self.logprobs(question, text)
        return sum(values) / len(values)


def load_problems(backbone: Backbone, count: int) -> dict[str, Problem]:
    """Problems by question. Their anchors are the expert's log-prob, and a value for the model's own samples."""
    rows = [json.loads(line) for line in DATA.read_text(encoding="utf-8").splitlines()[:count]]
    problems = {}
    for row in rows:
        question, solution = row["prompt"], row["worked_solution"]
        # A real run samples the backbone for `own`, as `rewriter-agent prepare` does.
        anchors = Anchors(expert=backbone.mean_logprob(question, solution), own=-0.3)
        answer = solution.rsplit("####", 1)[1].strip()
        problems[question] = Problem(question, solution, answer, "####", anchors)
    return problems


class GroupReward:
    """A TRL reward function: TRL passes K consecutive rows of each prompt, and groups are scored whole."""

    __name__ = "group_reward"

    def __init__(
        self, backbone: Backbone, problems: dict[str, Problem], size: int, verifier: Verifier
    ) -> None:
        self.backbone, self.problems, self.size, self.verifier = backbone, problems, size, verifier

    def __call__(
        self, prompts: Sequence[Any], completions: Sequence[Any], question: list[str], **columns: Any
    ) -> list[float]:
        """Rewards in the order of the rows."""
        ends = self.backbone.tokenizer.eos_token_id
        rewards: list[float] = []
        for start in range(0, len(question), self.size):
            rows = range(start, start + self.size)
            candidates = [
                Candidate(completions[row][0]["content"], columns["completion_ids"][row][-1] == ends)
                for row in rows
            ]
            scores = score_group(
                self.problems[question[start]],
                candidates,
                config=RewardConfig(),
                verify=self.verifier.verify,
                check_steps=self.verifier.check_steps,
                backbone=self._score,
            )
            rewards += [score.total for score in scores]
        return rewards

    def _score(self, problem: Problem, passing: Sequence[Candidate]) -> list[TokenScores]:
        return [TokenScores(self.backbone.logprobs(problem.question, each.text)) for each in passing]


def main() -> None:
    """Train for some steps and print the reward of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="rewriter_agent/lab/backbone")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--output-dir", default="runs/reward-in-trl")
    options = parser.parse_args()
    backbone = Backbone(options.model)
    problems = load_problems(backbone, count=8)
    rows = [
        {
            "question": each.question,
            "prompt": [
                {
                    "role": "user",
                    "content": f"{each.question}\n\nNotes:\n{each.solution}\n\nAnswer the question in your own words. "
                    f"Use short steps. End with this last line: #### {each.answer}",
                }
            ],
        }
        for each in problems.values()
    ]
    config = GRPOConfig(
        output_dir=options.output_dir,
        max_steps=options.steps,
        num_generations=4,
        per_device_train_batch_size=16,
        max_completion_length=128,
        learning_rate=5e-4,
        scale_rewards="none",
        loss_type="dr_grpo",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        use_cpu=not torch.cuda.is_available(),
        bf16=False,
        disable_tqdm=True,
    )
    with Verifier(RewardConfig()) as verifier:
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(
                options.model, dtype=torch.float32, trust_remote_code=False
            ),
            processing_class=backbone.tokenizer,
            reward_funcs=[GroupReward(backbone, problems, config.num_generations, verifier)],
            args=config,
            train_dataset=Dataset.from_list(rows),
            peft_config=LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, target_modules="all-linear"),
        )
        trainer.train()
    for row in trainer.state.log_history:
        if "reward" in row:
            print(f"step {row['step']}: reward {row['reward']:.3f}")


if __name__ == "__main__":
    main()
