"""Prefetching: the next step's candidates are sampled and scored while the learner works on this one."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from cluster.fleet.fleet import Fleet
from cluster.types import Completion, GenerateRequest
from rewriter_agent.scoring.group_scorer import MOST_GROUPS, AnchoredProblem, GroupScorer, Sample, ScoredGroup

Group = tuple[AnchoredProblem, list[GenerateRequest]]


class Prefetch:
    """Groups in progress on the engines; each is scored as soon as it is complete."""

    def __init__(
        self,
        policy: Fleet,
        scorer: GroupScorer,
        problems: Mapping[str, AnchoredProblem],
        sample: Callable[[Sequence[int], Sequence[float]], Sample],
        shared: bool = False,
    ) -> None:
        """`problems` by id; `sample` takes a completion's token ids and log-probs; `shared`: the policy's
        engines score, too."""
        self.policy = policy
        self.scorer = scorer
        self.problems = problems
        self.sample = sample
        self.shared = shared
        self._pool = ThreadPoolExecutor(MOST_GROUPS, thread_name_prefix="prefetch")
        self._sampled: dict[int, list[Future[list[Completion]]]] = {}
        self._scored: dict[int, list[Future[ScoredGroup]]] = {}
        self._due: int | None = None

    def begun(self, step: int) -> bool:
        """Whether the step's candidates have been requested."""
        return step in self._sampled

    def begin(self, step: int, groups: Sequence[Group]) -> None:
        """Start sampling and scoring the step's candidates, under the weights that the policy serves now."""
        self._sampled[step] = self.policy.submit("generate", [requests for _, requests in groups])
        self._scored[step] = [
            self._pool.submit(self._score, problem, answer)
            for (problem, _), answer in zip(groups, self._sampled[step], strict=True)
        ]

    def wait_until_idle(self) -> None:
        """Wait until the policy's engines are idle, so that weights can be published between two batches."""
        for answers in self._sampled.values():
            for answer in answers:
                answer.result()
        if self.shared:
            for scores in self._scored.values():
                for score in scores:
                    score.result()

    def completions(self, step: int) -> list[Completion]:
        """Return the step's candidates, group after group; the next call of `scores` refers to them."""
        self._due = step
        return [completion for answer in self._sampled.pop(step) for completion in answer.result()]

    def scores(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        """Return the scores of the candidates that `completions` returned last, which `groups` holds."""
        assert self._due is not None
        scored = [answer.result() for answer in self._scored.pop(self._due)]
        assert len(scored) == len(groups)
        return scored

    def _score(self, problem: AnchoredProblem, answer: Future[list[Completion]]) -> ScoredGroup:
        samples = [self.sample(completion.token_ids, completion.logprobs) for completion in answer.result()]
        (scored,) = self.scorer([(problem, samples)])
        return scored
