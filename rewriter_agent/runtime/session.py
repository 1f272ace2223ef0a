"""A run in progress: its config, backbone and tokenizer, and the engines that its stages share."""

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Literal

import ray

from cluster.engine.lora import supported_rank
from cluster.fleet.base_model_view import BaseModelView
from cluster.fleet.fleet import Fleet
from cluster.fleet.settings import FleetSettings
from cluster.planning.capacity import wait_for_capacity, wait_for_plan
from cluster.planning.machine import GB, Machine
from cluster.planning.plan import Plan, engine_spec, make_plan
from cluster.session import cluster_address
from reward import Verifier
from rewriter_agent.config import RunConfig, dump_config
from rewriter_agent.data.problem import Problem
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.data.prompts import read_prompts
from rewriter_agent.io.console import console
from rewriter_agent.io.files import atomic, read_jsonl
from rewriter_agent.models.chat_template import fix_date
from rewriter_agent.models.context_length import check_max_model_len
from rewriter_agent.models.resolve import resolve_model
from rewriter_agent.models.size import model_shape
from rewriter_agent.scoring.embedder import Embedder, start_embedder
from rewriter_agent.scoring.verifier import judge_cost, make_verifier

from .fingerprints import model_identity
from .first_start import first_start
from .run_folder import RunFolder
from .workload import cluster_layout, workload

EngineName = Literal["policy", "backbone", "student"]


class Session:
    """A run in progress, passed to every stage. Engines start when a stage first asks for them."""

    def __init__(
        self,
        config: RunConfig,
        machines: Sequence[Machine],
        roles: Collection[str] | None = None,
        calls: int | None = None,
    ) -> None:
        """Plan the run for the processes in `roles`; None plans for all of a whole run.

        An engine has at most `calls` calls at once; None lets the config decide.
        """
        self._calls = calls
        self.config = config
        self.cluster = cluster_layout(config, machines)
        """The section `cluster` as the run uses it."""
        self._roles = roles if roles is None else {self.engine_role(name) for name in roles}
        self.model_path = resolve_model(config.model.name_or_path)
        self._shape = model_shape(self.model_path)
        check_max_model_len(self.model_path, config.model.max_model_len)
        prompts = read_prompts(config.prompts, config.convention)
        self.tokens = load_tokens(self.model_path, config.model, prompts=prompts)
        self.weights_gb = 2 * self._shape.parameters / GB
        # A cluster of its own has no other machines and no other users.
        self._patience = config.cluster.wait_timeout if cluster_address(config.cluster) else 0.0
        self.plan: Plan = wait_for_plan(
            self.cluster, workload(config, self._shape), machines, self._roles, self._patience, console.say
        )
        # Only now: a run that does not fit leaves nothing behind.
        self.prompt_date = config.model.date or first_start(config.folder)
        fix_date(self.tokens.tokenizer, self.prompt_date)
        self._fleets: dict[str, Fleet] = {}
        self._closed = False

    def use_config(self, config: RunConfig) -> None:
        """Switch to another config of the same backbone, prompts and cluster; engines that have started stay up."""
        kept = [(one.model, one.prompts, one.cluster) for one in (config, self.config)]
        assert kept[0] == kept[1]
        if config.reward != self.config.reward:
            self._end_reward_services()
        self.config = config
        self.plan = make_plan(self.cluster, workload(config, self._shape), self.plan.machines, self._roles)

    def write_config(self) -> None:
        """Write the resolved config to the run folder."""
        with atomic(self.folder.config) as temporary:
            temporary.write_text(dump_config(self.config))

    def start_engines(self, *names: EngineName) -> None:
        """Start engines in the background, in parallel, while the stage does something else."""
        # A shard's thread may still be at work when the run has ended; Ray would start a cluster of its own for it.
        assert not self._closed, "the run is closed"
        model, cluster = self.config.model, self.cluster
        counts = {"policy": cluster.engines, "backbone": cluster.scorers, "student": 1}
        if not self._fleets:
            self.wait_for_capacity(*(role.name for role in self.plan.roles_in("rollout")))
        for name in dict.fromkeys(self.engine_role(name) for name in names):
            if name not in self._fleets:
                rank = (
                    supported_rank(self.config.train.lora.r)
                    if cluster.enable_lora and name == "policy"
                    else 0
                )
                spec = engine_spec(
                    cluster,
                    self.plan.role(name),
                    self._model_of(name),
                    model.dtype,
                    model.max_model_len,
                    self.tokens.ends.ids,
                    rank,
                )
                fleet = Fleet.start(name, spec, counts[name], FleetSettings.of(cluster, self._window))
                fleet.log = _say
                self._fleets[name] = fleet

    def _model_of(self, name: str) -> str:
        student = self.config.serve.student
        return str(student) if name == "student" and student else self.model_path

    def engine_role(self, name: str) -> str:
        """The role whose processes do this one's work: the policy's engines may serve the backbone."""
        return "policy" if name == "backbone" and not self.cluster.scorers else name

    def wait_for_capacity(self, *roles: str) -> None:
        """Return when the cluster has capacity for all processes of the roles, whoever else uses it.

        Raises:
            ValueError: it has had none for `cluster.wait_timeout` seconds.
        """
        if self._patience:
            wait_for_capacity([self.plan.role(name) for name in roles], self._patience, console.say)

    @property
    def _window(self) -> int:
        """Calls that an engine has at once.

        One call at a time keeps batches, and with them the last bits of the results, independent of timing. With
        prefetch groups come one by one anyway: enough calls to fill the engine, and as many waiting.
        """
        train, cluster = self.config.train, self.config.cluster
        if self._calls is not None:
            return self._calls
        return max(2, 2 * cluster.max_num_seqs // train.num_generations) if train.max_staleness else 1

    def wait_engines(self, *names: EngineName) -> None:
        """Start these engines if they are not running, and return when they are ready."""
        self.start_engines(*names)
        for name in names:
            self._fleets[self.engine_role(name)].wait()

    @property
    def actor(self) -> Fleet:
        """Engines whose weights change: they serve the rewriting policy, and models under evaluation."""
        self.wait_engines("policy")
        return self._fleets["policy"]

    @property
    def reference(self) -> Fleet:
        """Engines that log-probs are computed with: they serve the frozen backbone, and the student in a refresh."""
        self.wait_engines("backbone")
        if self.engine_role("backbone") == "policy":
            return BaseModelView("backbone", self._fleets["policy"]).wait()
        return self._fleets["backbone"]

    @property
    def student(self) -> Fleet:
        """Engine of the fine-tuned model that a service runs next to the others."""
        self.wait_engines("student")
        return self._fleets["student"]

    @cached_property
    def backbone_identity(self) -> tuple[str, str]:
        """Names the frozen model's log-probs: its weights and the precision that engines compute in."""
        return model_identity(self.model_path), self.config.model.dtype

    @cached_property
    def embedder(self) -> Embedder | None:
        """Text embeddings for the diversity term; None if its kind does not compare them."""
        reward, model = self.config.reward, self.config.model
        if not reward.needs_embeddings:
            return None
        return start_embedder(
            resolve_model(reward.embedding_model, "reward.embedding_model")
            if reward.embedding_model
            else self.model_path,
            model.max_model_len,
            self.plan.role("encoder"),
            self.config.cluster.timeout,
            self.config.cluster.max_restarts,
        )

    @cached_property
    def verifier(self) -> Verifier:
        """Answer checks in child processes."""
        return make_verifier(self.config.reward)

    def take_judge_cost(self) -> dict[str, int]:
        """Requests and tokens of the judge behind an endpoint since the last call; empty if there is none."""
        return judge_cost(self.__dict__.get("verifier"))

    def test_problems(self) -> list[Problem]:
        """Held-out problems."""
        return [Problem(**row) for row in read_jsonl(self.folder.prepare.test_problems)]

    @property
    def folder(self) -> RunFolder:
        """The files of the run."""
        return RunFolder(self.config.folder)

    def release_engines(self) -> None:
        """Stop the engines, which frees their memory and cores."""
        for fleet in self._fleets.values():
            fleet.shutdown()
        self._fleets = {}
        self._end_embedder()

    def close(self) -> None:
        """Stop everything that this session has started; no engine starts afterwards."""
        self._closed = True
        self.release_engines()
        self._end_reward_services()

    def _end_reward_services(self) -> None:
        self._end_embedder()
        if verifier := self.__dict__.pop("verifier", None):
            verifier.close()

    def _end_embedder(self) -> None:
        if embedder := self.__dict__.pop("embedder", None):
            ray.kill(embedder.actor)


def _say(message: str) -> None:
    """Show a line; a function of a module, since fleets are pickled with it."""
    console.say(message)
