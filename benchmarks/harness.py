"""Retention on the fleet against lm-evaluation-harness's own run of the same items: `make bench-evaluation`.

The same task definitions, items and chat template; once through this package's engines, once through the harness's
`simple_evaluate` with its `hf` model. Scores should be the same in float32; in bfloat16 a choice between two
continuations that are about as likely may fall the other way.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from cluster.session import connect
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.evaluate.fleet_lm import FleetLM
from rewriter_agent.evaluate.harness import quiet
from rewriter_agent.evaluate.result import STRICT, PartResult
from rewriter_agent.evaluate.retention import choose, evaluate_retention
from rewriter_agent.evaluate.retention_tasks import load_task
from rewriter_agent.evaluate.statistics import change, estimate
from rewriter_agent.runtime.session import Session

BATCH_SIZE = 8
HEADER = (
    f"{'task':<12}{'template':<10}{'items':>6}{'fleet':>16}{'lm-eval':>16}{'difference':>16}{'items that differ':>19}"
    f"{'seconds':>14}"
)


def main() -> None:
    """Print a row for each task, with the chat template and without."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("configs/gsm-symbolic.yaml"))
    parser.add_argument("--tasks", nargs="+", default=["arc_easy", "piqa"])
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    config = load_config(options.config, ["tracking.report_to=none", *options.set])
    print(HEADER, flush=True)
    with connect(config.cluster) as machines:
        session = Session(config, machines, ("backbone",))
        try:
            for name in options.tasks:
                for template in (True, False):
                    compare(session, name, template, options.items)
        finally:
            session.close()


def compare(session: Session, name: str, template: bool, items: int) -> None:
    """One row: both scores with 95 % intervals, and how many items have another outcome."""
    config = session.config.evaluate.model_copy(
        update={"retention_limit": items, "apply_chat_template": template}
    )
    lm = FleetLM(session.reference, session.tokens.tokenizer, config.seed)
    start = time.perf_counter()
    ours = evaluate_retention(lm, name, config)
    between = time.perf_counter()
    theirs = harness(session.config, session.model_path, name, ours, template)
    seconds = between - start, time.perf_counter() - between
    mine, other = estimate(list(ours.scores[STRICT].values())), estimate(list(theirs.values()))
    difference = change(ours.scores[STRICT], theirs)
    shown = [
        f"{100 * value.value:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"
        for value in (mine, other, difference)
    ]
    differing = f"{difference.lost + difference.gained}"
    print(
        f"{name:<12}{'chat' if template else 'none':<10}{mine.n:>6}"
        + "".join(f"{text:>{18}}" for text in shown)
        + f"{differing:>8}{seconds[0]:>8.0f} / {seconds[1]:.0f}",
        flush=True,
    )


def harness(config: RunConfig, model: str, name: str, ours: PartResult, template: bool) -> dict[str, float]:
    """Each item's score by the harness's own model and loop."""
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks import TaskManager

    task = load_task(name, config.evaluate)
    chosen = choose(task, config.evaluate.model_copy(update={"retention_limit": len(ours.scores[STRICT])}))
    with quiet():
        results: Any = simple_evaluate(
            model="hf",
            model_args={"pretrained": model, "dtype": config.model.dtype, "device": "cpu"},
            tasks=list(task.tasks.values()),
            task_manager=TaskManager(include_defaults=False),
            samples=chosen,
            batch_size=BATCH_SIZE,
            apply_chat_template=template,
            bootstrap_iters=0,
        )
    metric = ours.metric.partition(",")[0]
    return {str(row["doc_id"]): float(row[metric]) for row in results["samples"][name]}


if __name__ == "__main__":
    main()
