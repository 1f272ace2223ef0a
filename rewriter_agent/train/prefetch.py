"""Candidates of the next step, sampled and scored while the learner works on this one."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from cluster.fleet.fleet import Fleet
from cluster.types import Completion, GenerateRequest
from rewriter_agent.scoring.group_scorer import MOST_GROUPS, AnchoredProblem, GroupScorer, Sample, ScoredGroup

Group = tuple[AnchoredProblem, list[GenerateRequest]]


class Prefetch:
    """Groups on their way through the engines; each is scored as soon as it is complete."""

    def __init__(
        self,
        policy: Fleet,
        scorer: GroupScorer,
        problems: Mapping[str, AnchoredProblem],
        sample: Callable[[Sequence[int]], Sample],
        shared: bool = False,
    ) -> None:
        """`problems` by id; `sample` takes a completion's token ids; `shared`: the policy's engines score, too."""
        self.policy = policy
        self.scorer = scorer
        self.problems = problems
        self.sample = sample
        self.shared = shared
        self._pool = ThreadPoolExecutor(MOST_GROUPS, thread_name_prefix="ahead")
        self._sampled: dict[int, list[Future[list[Completion]]]] = {}
        self._scored: dict[int, list[Future[ScoredGroup]]] = {}
        self._due: int | None = None

    def begun(self, step: int) -> bool:
        """Whether the step's candidates are on their way, or there."""
        return step in self._sampled

    def begin(self, step: int, groups: Sequence[Group]) -> None:
        """Have the step's candidates sampled under the weights that the policy serves now, and scored."""
        self._sampled[step] = self.policy.submit("generate", [requests for _, requests in groups])
        self._scored[step] = [
            self._pool.submit(self._score, problem, answer)
            for (problem, _), answer in zip(groups, self._sampled[step], strict=True)
        ]

    def settle(self) -> None:
        """Wait until the policy's engines have nothing to do: weights change between two batches."""
        for answers in self._sampled.values():
            for answer in answers:
                answer.result()
        if self.shared:
            for scores in self._scored.values():
                for score in scores:
                    score.result()

    def completions(self, step: int) -> list[Completion]:
        """The step's candidates, group after group; the next call for scores is about them."""
        self._due = step
        return [completion for answer in self._sampled.pop(step) for completion in answer.result()]

    def scores(self, groups: Sequence[tuple[AnchoredProblem, list[Sample]]]) -> list[ScoredGroup]:
        """Of the candidates that were taken last, which these are."""
        assert self._due is not None
        scored = [answer.result() for answer in self._scored.pop(self._due)]
        assert len(scored) == len(groups)
        return scored

    def _score(self, problem: AnchoredProblem, answer: Future[list[Completion]]) -> ScoredGroup:
        samples = [self.sample(completion.token_ids) for completion in answer.result()]
        (scored,) = self.scorer([(problem, samples)])
        return scored
