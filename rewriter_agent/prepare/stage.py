"""Stage `prepare`: problems, with the backbone's log-probs of the expert's solution and of its own samples."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from cluster.types import GenerateRequest, ScoreRequest
from reward import extract_answer
from reward.reasoning import split_reasoning
from rewriter_agent.config import RunConfig
from rewriter_agent.config.outcomes import ENGINE_ERROR, FALSE_STEP, NO_REASONING, TOO_LONG
from rewriter_agent.config.train import PrepareConfig
from rewriter_agent.data.gold import contradicted
from rewriter_agent.data.load import load_problems
from rewriter_agent.data.mix import source_counts
from rewriter_agent.data.problem import EncodedProblem, Problem, ProblemSet
from rewriter_agent.data.prompt_encoder import Tokens
from rewriter_agent.data.reference_errors import limit_fault, reference_errors
from rewriter_agent.data.step_faults import StepFault, describe, step_faults
from rewriter_agent.io.disk_list import DiskList
from rewriter_agent.io.files import Shard, batches, join_shards, read_table, run_shards, write_jsonl
from rewriter_agent.io.progress import Progress
from rewriter_agent.io.seeds import request_seed
from rewriter_agent.io.value_cache import Cache, ValueCache, cache_key
from rewriter_agent.runtime.run_folder import StageFolder
from rewriter_agent.runtime.session import Session
from rewriter_agent.scoring.group_scorer import mean
from rewriter_agent.scoring.retry import map_isolating_failures

from .records import prepared_file, prepared_schema

CACHE_FILE = "cache/anchors.sqlite"
"""Path below output_dir; runs with the same backbone and prompts share the cache."""


def prepare(session: Session, folder: Path, progress: Progress) -> dict[str, Any]:
    """Load the data; compute l(y*) and l_self of every training problem under the backbone."""
    config = session.config
    problems = load_problems(config.data)
    for line in (*problems.formats, *problems.skipped):
        progress(line)
    tokens = session.tokens
    problems, test_calls = with_calls(problems, tokens)
    faults = read_experts(problems.train, session, progress)
    if config.data.on_false_step != "keep":
        write_jsonl(StageFolder(folder).false_steps, [fault.row() for fault in faults])
    check_references(problems.train, session, folder)
    unreasoned = without_reasoning(problems.train, session, progress)
    dropped = to_drop(faults, config) | unreasoned
    encoded = (tokens.encode(problem) for problem in problems.train if problem.id not in dropped)
    lengths: dict[str, dict[str, int]] = {}
    train = DiskList(_fitting(encoded, lengths, tokens, config))
    require_some(train, config)
    if lengths:
        progress(_too_long(lengths, len(problems.train), config))
    contradictions = contradicted(problems.train, config.reward)
    if contradictions:
        progress(_contradictions(contradictions, len(problems.train)))
    write_jsonl(folder / "contradictions.jsonl", [problem.row() for problem in contradictions])
    progress(f"{len(train)} training and {len(problems.test)} test problems; starting the backbone's engines")

    score(train, session, folder, progress)
    why = dict.fromkeys(dropped, FALSE_STEP) | dict.fromkeys(unreasoned, NO_REASONING)
    done = (row["id"] for row in read_table(prepared_file(config), ("id",)))
    left_out = _left_out(problems.train, why, lengths, done)
    reasons = Counter[str]()
    write_jsonl(StageFolder(folder).left_out, _counted(left_out, reasons))
    write_jsonl(StageFolder(folder).test_problems, (problem.row() for problem in problems.test))
    means = pq.read_table(prepared_file(config), columns=["expert", "own"])
    sources = (row["source"] for row in read_table(prepared_file(config), ("source",)))
    return {
        **problems.counts,
        **({"test_tool_calls": test_calls} if test_calls else {}),
        "train": means.num_rows,
        "test": len(problems.test),
        **source_counts(config.data, sources, (problem.source for problem in problems.test)),
        "contradictions": len(contradictions),
        **({} if config.data.on_false_step == "keep" else {"experts_with_false_step": len(faults)}),
        **{reason: reasons[reason] for reason in (FALSE_STEP, TOO_LONG, ENGINE_ERROR)},
        **({NO_REASONING: len(unreasoned)} if config.prompts.reasoning == "drop" else {}),
        "expert_logprob": round(float(means["expert"].to_numpy().mean()), 3),
        "own_logprob": round(float(means["own"].to_numpy().mean()), 3),
    }


def score(train: Sequence[EncodedProblem], session: Session, folder: Path, progress: Progress) -> None:
    """Score the training problems under the backbone, and write them a shard at a time."""
    config = session.config

    def work(shard: Sequence[EncodedProblem]) -> list[dict[str, Any]]:
        with ValueCache(config.output_dir / CACHE_FILE) as cache:
            return anchors(shard, session.tokens, session, cache, session.backbone_identity)

    def after(shard: Shard) -> None:
        if shard.new:
            progress.share(shard.done, len(train), "problems scored under the backbone")

    schema = prepared_schema(train)
    parts = run_shards(batches(train, config.prepare.shard_size), folder / "shards", schema, work, after)
    join_shards(parts, prepared_file(config), schema)


def with_calls(problems: ProblemSet, tokens: Tokens) -> tuple[ProblemSet, int]:
    """Problems with tool calls as the model writes them, and the number of test problems left out.

    Those are replies whose calls are not read again, so that nothing compares a model's calls with them.

    Raises:
        ValueError: no test problem is left.
    """
    train = DiskList(map(tokens.with_calls, problems.train))
    test = DiskList(map(tokens.with_calls, problems.test))
    kept = [problem for problem in test if not problem.is_kept]
    if test and not kept:
        raise ValueError(
            f"data: all {len(test)} test problems call tools, and the calls that the model's chat template writes are "
            "not read; name other test problems, or take a model whose template writes <tool_call>"
        )
    return replace(problems, train=train, test=kept), len(test) - len(kept)


def check_references(problems: Sequence[Problem], session: Session, folder: Path) -> None:
    """Write how often the checks against a reference err on these problems; without such checks there is nothing.

    Raises:
        ValueError: they err more often than the config allows.
    """
    errors = reference_errors(problems, session.verifier.verify, session.config.seed)
    if errors:
        write_jsonl(StageFolder(folder).reference_errors, [error.record() for error in errors])
    if fault := limit_fault(errors, session.config.reward.reference):
        raise ValueError(fault)


def _fitting(
    problems: Iterable[EncodedProblem],
    lengths: dict[str, dict[str, int]],
    tokens: Tokens,
    config: RunConfig,
) -> Iterator[EncodedProblem]:
    """Problems that fit the model's context; adds the lengths in tokens of the others, by id."""
    for problem in problems:
        expert = tokens.expert(problem)
        if fits(problem.prompt_ids, expert, config):
            yield problem
        else:
            lengths[problem.id] = {"question": len(problem.prompt_ids), "solution": len(expert)}


def _too_long(lengths: Mapping[str, Mapping[str, int]], of: int, config: RunConfig) -> str:
    question, solution = (max(one[part] for one in lengths.values()) for part in ("question", "solution"))
    return (
        f"{len(lengths)} of {of} training problems do not fit model.max_model_len={config.model.max_model_len} with "
        f"their solution, or with prepare.max_completion_length={config.prepare.max_completion_length}: the longest of "
        f"their questions has {question} tokens, the longest solution {solution}; left_out.jsonl names them"
    )


def _contradictions(problems: Sequence[Problem], of: int) -> str:
    first = problems[0]
    # The gold answer of a program is its tests.
    stated = (
        "" if first.convention == "python" else f" ({extract_answer(first.solution, first.convention)!r:.60})"
    )
    return (
        f"{len(problems)} of {of} expert solutions contradict their gold answer, see contradictions.jsonl; the first: "
        f"{first.question!r:.60}, gold {first.answer!r:.60}, but the solution says otherwise{stated}"
    )


def _left_out(
    given: Iterable[Problem],
    dropped: Mapping[str, str],
    lengths: Mapping[str, Mapping[str, int]],
    done: Iterator[str],
) -> Iterator[dict[str, Any]]:
    """Training problems that no later stage has, with the reason, and with their lengths if they are too long.

    `done` are the ids of the others, in the order of the given problems.
    """
    reasons = {**dict.fromkeys(lengths, TOO_LONG), **dropped}
    following = next(done, None)
    for problem in given:
        if problem.id == following:
            following = next(done, None)
            continue
        yield {
            "reason": reasons.get(problem.id, ENGINE_ERROR),
            **({"tokens": lengths[problem.id]} if problem.id in lengths else {}),
            **problem.row(),
        }


def _counted(rows: Iterable[dict[str, Any]], reasons: Counter[str]) -> Iterator[dict[str, Any]]:
    for row in rows:
        reasons[row["reason"]] += 1
        yield row


def read_experts(problems: Sequence[Problem], session: Session, progress: Progress) -> list[StepFault]:
    """Find the problems whose expert solution holds a false step, unless the config keeps them unread."""
    if session.config.data.on_false_step == "keep":
        return []
    faults = step_faults(problems, session.verifier.check_steps)
    if faults:
        progress(describe(faults, len(problems)))
    return faults


def without_reasoning(problems: Sequence[Problem], session: Session, progress: Progress) -> frozenset[str]:
    """Ids of the problems to leave out, as the model thinks and their experts do not."""
    if not session.tokens.thinks:
        return frozenset()
    found = frozenset(one.id for one in problems if not one.is_kept and lacks_reasoning(one, session.tokens))
    policy = session.config.prompts.reasoning
    if found and policy == "keep":
        progress(
            f"{len(found)} of {len(problems)} expert solutions have no reasoning in <think>, and the model thinks: "
            "learning from them can teach it to stop. prompts.reasoning=drop leaves them out, write asks for rewrites "
            "that reason, and model.chat_template_kwargs turns thinking off if the template can"
        )
    return found if policy == "drop" else frozenset()


def lacks_reasoning(problem: Problem, tokens: Tokens) -> bool:
    """Whether the model thinks, and the problem's expert does not."""
    return tokens.thinks and not split_reasoning(problem.solution)[0]


def to_drop(faults: Sequence[StepFault], config: RunConfig) -> frozenset[str]:
    """Ids of the problems to leave out."""
    return frozenset(fault.problem.id for fault in faults if config.data.on_false_step == "drop")


def anchors(
    problems: Sequence[EncodedProblem],
    tokens: Tokens,
    session: Session,
    cache: Cache,
    identity: tuple[str, str],
) -> list[dict[str, Any]]:
    """Rows of PREPARED under the model that the backbone's engines serve, which `identity` names in the cache.

    A problem at which they fail is left out.
    """
    rows = map_isolating_failures(
        partial(_anchors, tokens, session, cache, identity), problems, lambda: [session.reference]
    )
    return [row for row in rows if row is not None]


def _anchors(
    tokens: Tokens,
    session: Session,
    cache: Cache,
    identity: tuple[str, str],
    shard: Sequence[EncodedProblem],
) -> list[dict[str, Any]]:
    prompts = [list(problem.prompt_ids) for problem in shard]
    experts = [tokens.expert(problem) for problem in shard]
    expert_logprobs = _expert_logprobs(prompts, experts, session, cache, identity)
    own = _own_samples(shard, prompts, session, cache, identity)
    return [
        {
            **asdict(problem),
            "expert_ids": ids,
            "expert_logprobs": logprobs,
            "expert": mean(logprobs),
            "own": samples["mean"],
            "own_ids": samples["ids"],
            "own_logprobs": samples["logprobs"],
        }
        for problem, ids, logprobs, samples in zip(shard, experts, expert_logprobs, own, strict=True)
    ]


def _expert_logprobs(
    prompts: list[list[int]],
    experts: list[list[int]],
    session: Session,
    cache: Cache,
    identity: tuple[str, str],
) -> list[list[float]]:
    """Score each expert solution, in nats per token."""

    def compute(missing: list[int]) -> list[list[float]]:
        scored = session.reference.score([ScoreRequest(prompts[i], experts[i]) for i in missing])
        return [tokens.logprobs for tokens in scored]

    pairs = zip(prompts, experts, strict=True)
    return cache.fill([cache_key("expert", *identity, *pair) for pair in pairs], compute)


def _own_samples(
    shard: Sequence[Problem],
    prompts: list[list[int]],
    session: Session,
    cache: Cache,
    identity: tuple[str, str],
) -> list[dict[str, Any]]:
    """Sample and score each problem's unaided solutions.

    Returns `mean`, in nats per token over all of them, and `ids` and `logprobs` of the first.
    """
    settings, count = session.config.prepare, session.config.prepare.num_own_samples

    def requests(i: int) -> list[GenerateRequest]:
        return own_requests(prompts[i], shard[i].id, settings, session.config.seed)

    def compute(missing: list[int]) -> list[dict[str, Any]]:
        asked = [request for i in missing for request in requests(i)]
        written = [completion.token_ids for completion in session.reference.generate(asked)]
        # Scored like every other text: the engine's own log-probs are those at the sampling temperature.
        scored = session.reference.score(
            [ScoreRequest(request.prompt_ids, ids) for request, ids in zip(asked, written, strict=True)]
        )
        means = [mean(sample.logprobs) for sample in scored]
        return [
            {
                "mean": mean(means[start : start + count]),
                "ids": written[start],
                "logprobs": scored[start].logprobs,
            }
            for start in range(0, len(means), count)
        ]

    keys = [cache_key("own, first", *identity, *map(asdict, requests(i))) for i in range(len(shard))]
    return cache.fill(keys, compute)


def own_requests(
    prompt: list[int], problem_id: str, settings: PrepareConfig, seed: int
) -> list[GenerateRequest]:
    """Requests for the backbone's unaided solutions of a problem."""
    return [
        GenerateRequest(
            prompt,
            settings.max_completion_length,
            settings.temperature,
            request_seed(seed, "own", problem_id, k),
        )
        for k in range(settings.num_own_samples)
    ]


def require_some(problems: Sequence[Problem], config: RunConfig) -> None:
    """Raise ValueError if no training problem is left."""
    if not problems:
        dropped = ", and set data.on_false_step=report" if config.data.on_false_step == "drop" else ""
        raise ValueError(
            f"no training problem fits model.max_model_len={config.model.max_model_len} with its solution; raise it, "
            f"or lower prepare.max_completion_length={config.prepare.max_completion_length}{dropped}"
        )


def fits(prompt: Sequence[int], expert: Sequence[int], config: RunConfig) -> bool:
    """Whether a question fits the model's context, both with the expert's solution and with the model's own."""
    longest = max(len(expert), config.prepare.max_completion_length)
    return len(prompt) + longest <= config.model.max_model_len - 1
