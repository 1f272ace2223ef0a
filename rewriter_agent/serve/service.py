"""Rows to targets, as the stages `prepare` and `rewrite` make them; any thread may call."""

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ray.exceptions import RayTaskError

from cluster.fleet.supervisor import EnginesLostError
from cluster.types import ScoreRequest
from reward import Anchors
from reward.alignment import tail_fraction
from rewriter_agent.config.data import Columns, RowData
from rewriter_agent.config.outcomes import ENGINE_ERROR, FALSE_STEP, NO_REASONING, TOO_LONG
from rewriter_agent.config.strategies import uses_policy
from rewriter_agent.data.problem import EncodedProblem, Problem
from rewriter_agent.data.rows import BadRow, parse_row
from rewriter_agent.data.step_faults import step_faults
from rewriter_agent.io.progress import Progress
from rewriter_agent.io.value_cache import NoCache
from rewriter_agent.prepare.records import Prepared, prepared_row
from rewriter_agent.prepare.stage import anchors, fits, lacks_reasoning
from rewriter_agent.rewrite.record import (
    ExpertTokens,
    Provenance,
    add_false_steps,
    candidate_rows,
    cost_row,
    target_rows,
)
from rewriter_agent.rewrite.rounds import Attempt, Rewriter
from rewriter_agent.rewrite.stage import load_rewriter
from rewriter_agent.runtime.session import Session
from rewriter_agent.scoring.group_scorer import AnchoredProblem, mean
from rewriter_agent.train.rewriter import read_rewriter, rewriter_folder

from . import schema
from .errors import ServiceError
from .shared_lock import SharedLock

SOURCE = "service"
"""Source of every problem."""
UNKNOWN = Anchors(expert=0.0, own=0.0)
"""Anchors of a problem that no engine gets."""


class RewritingService:
    """A rewriter with its engines and its gate."""

    def __init__(self, session: Session, rewriter: Rewriter, origin: Provenance) -> None:
        """Serve `rewriter`, whose engines have started in the session."""
        self.session = session
        self.rewriter = rewriter
        self.origin = origin
        self.lost: str | None = None
        """Reason why no engine is left; None while there is one."""
        self._weights = SharedLock()

    @property
    def versions(self) -> schema.Versions:
        """Everything that decides a target, besides the row itself."""
        return schema.Versions(
            package=version("rewriter-agent"),
            run=self.session.config.name,
            strategy=self.origin.config.strategy,
            backbone=self.session.backbone_identity[0],
            rewriter_steps=self.origin.policy_version,
            seed=self.origin.seed,
        )

    def use_rewriter(self, folder: Path | None) -> None:
        """Serve the rewriter in `folder`, or the run's own; rows at work end with the old one, and new ones wait.

        Raises:
            ValueError: the folder holds no rewriter of this backbone, or the strategy uses none; the old one stays.
        """
        old = self.session.config
        if folder == old.rewrite.rewriter:
            return
        if not uses_policy(old.rewrite.strategy):
            raise ValueError(f"rewrite.strategy={old.rewrite.strategy} uses no rewriter; leave it out")
        new = old.model_copy(update={"rewrite": old.rewrite.model_copy(update={"rewriter": folder})})
        read_rewriter(rewriter_folder(new), self.session.backbone_identity[0], self.session.tokens.tokenizer)
        with self._weights.exclusive():
            self.session.use_config(new)
            steps = load_rewriter(self.session, Progress("serve"))
            self.origin = Provenance(new.rewrite, steps, self.origin.seed)

    def rewrite(self, row: schema.Row) -> schema.Rewrite:
        """Make the target that the batch job would choose for the row.

        Raises:
            BadRow: the row cannot be used.
            EnginesLostError: no engine is left.
            ServiceError: the engines fail.
        """
        problem = self._problem(row)
        start = time.monotonic()
        with self.watching_engines():
            attempt, expert = self._attempt(problem)
            [target] = target_rows(attempt, expert, self.origin)
            add_false_steps([target], self.session.verifier.check_steps)
            return self._answer(row, attempt, expert, target, time.monotonic() - start)

    def gap(self, given: schema.Problem) -> schema.Gap:
        """Score the solution under the backbone, given the question alone.

        Raises:
            BadRow: the row cannot be used, or does not fit the model.
            EnginesLostError: no engine is left.
            ServiceError: the engines fail.
        """
        encoded = self.session.tokens.encode(self._problem(given))
        ids = self.session.tokens.expert(encoded)
        longest = self.session.config.model.max_model_len - 1
        if len(encoded.prompt_ids) + len(ids) > longest:
            raise BadRow(
                f"question and solution take {len(encoded.prompt_ids) + len(ids)} tokens, and the model takes "
                f"{longest}; shorten them"
            )
        with self.watching_engines():
            [scored] = self.session.reference.score([ScoreRequest(list(encoded.prompt_ids), ids)])
        return schema.Gap(
            tokens=self._tokens(ids, scored.logprobs),
            mean_logprob=mean(scored.logprobs),
            tail_fraction=tail_fraction(scored.logprobs),
        )

    def _problem(self, given: schema.Problem) -> Problem:
        own = self.session.config.convention
        convention = given.convention or own
        if convention == "reference" != own:
            # Only `prepare` measures on the data itself how often those checks err.
            raise BadRow(
                f"convention 'reference' is for a run with data.convention=reference; this one has {own!r}"
            )
        columns = Columns(answer=None if given.answer is None else "answer")
        if convention == "python" and given.answer is None:
            raise BadRow("convention 'python' needs the field `answer`, the tests that a program must pass")
        reading = RowData.model_validate({"columns": columns, "convention": convention})
        row = {"question": given.asked, "solution": given.solution, "answer": given.answer}
        return parse_row(row, reading, SOURCE)

    def _attempt(self, problem: Problem) -> tuple[Attempt, ExpertTokens]:
        """Rewrite a problem, or tell why it is not rewritten."""
        encoded = self.session.tokens.encode(problem)
        ids = self.session.tokens.expert(problem)
        ready = self._prepare(encoded, ids)
        if isinstance(ready, str):
            unasked = AnchoredProblem(**vars(encoded), anchors=UNKNOWN)
            return Attempt(unasked, skipped=ready), ExpertTokens(ids, [])
        [attempt] = self.rewriter([ready.problem])
        return attempt, ExpertTokens(ready.expert_ids, ready.expert_logprobs)

    def _prepare(self, problem: EncodedProblem, expert_ids: Sequence[int]) -> Prepared | str:
        """Score a problem as `prepare` does; the reason if that stage would leave it out."""
        session = self.session
        if session.config.data.on_false_step == "drop" and step_faults(
            [problem], session.verifier.check_steps
        ):
            return FALSE_STEP
        if session.config.prompts.reasoning == "drop" and lacks_reasoning(problem, session.tokens):
            return NO_REASONING
        if not fits(problem.prompt_ids, expert_ids, session.config):
            return TOO_LONG
        rows = anchors([problem], session.tokens, session, NoCache(), session.backbone_identity)
        return prepared_row(rows[0]) if rows else ENGINE_ERROR

    def _answer(
        self,
        row: schema.Row,
        attempt: Attempt,
        expert: ExpertTokens,
        target: dict[str, Any],
        seconds: float,
    ) -> schema.Rewrite:
        tried = [_candidate(one, target["selected"]) for one in candidate_rows(attempt)]
        costs = cost_row(attempt)
        pair = schema.TokenPair(
            expert=self._tokens(expert.ids, expert.logprobs),
            target=self._tokens(target["target_ids"], target["prior_logprobs"]),
        )
        return schema.Rewrite(
            id=attempt.problem.id,
            target=target["target_text"],
            outcome=target["outcome"],
            reason=target["reason"],
            scores=next((one.scores for one in tried if one.selected), None),
            false_steps=_false_steps(target["false_steps"]),
            candidates=tried if row.candidates else None,
            tokens=pair if row.tokens else None,
            versions=self.versions,
            cost=schema.Cost.model_validate({"seconds": seconds, **_fields(schema.Cost, costs)}),
        )

    def _tokens(self, ids: Sequence[int], logprobs: Sequence[float]) -> list[schema.Token]:
        """Pair the pieces of a text with their log-probs; empty if it was not scored."""
        if not logprobs:
            return []
        pieces = self.session.tokens.pieces(ids)
        return [schema.Token(text=text, logprob=value) for text, value in zip(pieces, logprobs, strict=True)]

    @contextmanager
    def watching_engines(self) -> Generator[None]:
        """Keep the weights, remember if no engine is left, and tell a failure of the engines as a refusal."""
        try:
            with self._weights.shared():
                yield
        except EnginesLostError as error:
            self.lost = str(error)
            raise
        except RayTaskError as error:
            # Not the fault of a row: those are isolated.
            raise ServiceError(
                503, "engine_error", "the engines fail at every request; try again later"
            ) from error


def _candidate(row: dict[str, Any], selected: int | None) -> schema.Candidate:
    return schema.Candidate(
        text=row["text"],
        passed=row["gate"],
        reason=row["reason"],
        selected=row["number"] == selected,
        scores=schema.Scores.model_validate(_fields(schema.Scores, row)),
    )


def _false_steps(rows: list[dict[str, str]] | None) -> list[schema.FalseStep] | None:
    return None if rows is None else [schema.FalseStep(**row) for row in rows]


def _fields(model: type[schema.Scores] | type[schema.Cost], row: dict[str, Any]) -> dict[str, Any]:
    """Values of the columns that the model has."""
    return {name: row[name] for name in model.model_fields if name in row}
