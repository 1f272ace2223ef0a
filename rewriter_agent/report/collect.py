"""Reads a finished run folder into `ReportData`."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from rewriter_agent.config.method import Method, trains_on, trains_student
from rewriter_agent.evaluate.curve import read_curve
from rewriter_agent.evaluate.result import read_result
from rewriter_agent.evaluate.summary import ModelSummary, compare, summarise
from rewriter_agent.experiments.results import read_measurements
from rewriter_agent.io.files import read_jsonl, read_table
from rewriter_agent.rewrite.record import COSTS
from rewriter_agent.runtime.fingerprints import WORLD
from rewriter_agent.runtime.next_commands import next_commands
from rewriter_agent.runtime.run_folder import RunFolder

from .curves import STUDENT_TERMS, sft_curve, training_curves
from .data import Cost, EvaluationCurve, LabWorld, Replay, ReportData, StageRecord, Training
from .manifests import ARMS, manifests, method_of
from .replies import replies
from .rewriting import Pieces, rewriting, samples
from .taught import taught
from .ways import ways


def collect(run_dir: Path, pieces: Pieces | None = None, swept: bool = False) -> ReportData:
    """Collect everything that the report of the run in `run_dir` shows.

    `pieces` turns token ids into each token's text; without it samples are not coloured. `swept` says that the run
    has a sweep: one in the folder may be an earlier config's.

    Raises:
        ValueError: a stage is not complete, naming it.
    """
    folder, found = RunFolder(run_dir), manifests(run_dir, swept)
    results = {arm: read_result(folder.evaluation(arm).result) for arm in ARMS}
    arms = summarise(results)
    config = folder.config.read_text(encoding="utf-8")
    tree, method = yaml.safe_load(config), method_of(run_dir)
    rewrote = not trains_student(method)
    rows = _rows(folder, method) if rewrote else []
    return ReportData(
        name=run_dir.resolve().name,
        method=method,
        finished_at=max(manifest["finished_at"] for manifest in found.values()),
        taught=taught(tree.get("data", {})),
        problems=sum(1 for _ in read_table(folder.prepare.prepared, ["id"])),
        next_commands=next_commands(run_dir, method, tree["model"]["name_or_path"]),
        lab_world=_lab_world(found["prepare"]),
        arms=arms,
        rewritten_against_expert=compare(results["rewritten"], results["expert"]),
        lost_form={arm.arm: _lost_form(arm) for arm in arms if arm.arm != "base"},
        sweep=read_measurements(folder.stage("sweep").sweep) if swept else [],
        training=_training(folder, found, method),
        rewriting=rewriting(folder, rows, method, _is_mix(tree)) if rewrote else None,
        sft={arm: sft_curve(read_jsonl(folder.fine_tuning(arm).metrics)) for arm in _tuned(found)},
        evaluation_curves=_evaluation_curves(folder, found, method),
        replay=_replay(found["sft-rewritten"]["counts"]) if rewrote else None,
        samples=samples(folder, rows, pieces) if rewrote else [],
        replies=[] if rewrote else replies(folder, results),
        stages=_stages(found),
        cost=_cost(folder, found),
        model=tree["model"]["name_or_path"],
        seeds=_seeds(tree),
        config=config,
        versions=_versions(found.values()),
    )


def _rows(folder: RunFolder, method: Method) -> list[dict[str, Any]]:
    """Read the targets that the method trains on."""
    return [row for row in read_table(folder.rewrite.rewrites) if trains_on(method, row["outcome"])]


def _is_mix(tree: Mapping[str, Any]) -> bool:
    return tree.get("data", {}).get("source") == "mix"


def _training(folder: RunFolder, found: Mapping[str, dict[str, Any]], method: Method) -> Training | None:
    """Read the training of the rewriter or of the student, if the run has one."""
    if "student" in found:
        return training_curves(read_jsonl(folder.student.metrics), STUDENT_TERMS if method == "grpo" else ())
    return training_curves(read_jsonl(folder.train.metrics)) if "train" in found else None


def _tuned(found: Mapping[str, dict[str, Any]]) -> list[str]:
    """List the arms that were fine-tuned."""
    return [arm for arm in ARMS[1:] if f"sft-{arm}" in found]


def _evaluation_curves(
    folder: RunFolder, found: Mapping[str, dict[str, Any]], method: Method
) -> dict[str, EvaluationCurve]:
    """Read the evaluations on the way; a training without any counts no kept step."""
    trainings = {arm: folder.training(arm, method).path for arm in ARMS[1:]}
    kept = {arm: found[path.name]["counts"].get("kept_step") for arm, path in trainings.items()}
    return {
        arm: EvaluationCurve(read_curve(trainings[arm]), step)
        for arm, step in kept.items()
        if step is not None
    }


def _lab_world(prepare: dict[str, Any]) -> LabWorld | None:
    """Read the world that the run began with; the installed one may be newer."""
    world = prepare["inputs"].get(WORLD)
    return LabWorld(*world.split()) if world else None


def _replay(counts: Mapping[str, Any]) -> Replay | None:
    if "replay_rows" not in counts:
        return None
    return Replay(counts["replay_rows"], counts["replay_share"], counts["replay_token_share"])


def _lost_form(arm: ModelSummary) -> float:
    return arm.against_base.forgetting_strict.value - arm.against_base.forgetting.value


def _stages(manifests: Mapping[str, dict[str, Any]]) -> list[StageRecord]:
    total = sum(manifest["wall_seconds"] for manifest in manifests.values())
    return [
        StageRecord(
            stage=stage,
            wall_seconds=manifest["wall_seconds"],
            share=manifest["wall_seconds"] / total,
            spent=_spent(manifest),
            counts=manifest["counts"],
            finished_at=manifest["finished_at"],
            fingerprint=manifest["fingerprint"],
            inputs=manifest["inputs"],
        )
        for stage, manifest in manifests.items()
    ]


def _spent(manifest: dict[str, Any]) -> dict[str, int]:
    return {cost: manifest["counts"][cost] for cost in COSTS if cost in manifest["counts"]}


def _cost(folder: RunFolder, found: Mapping[str, dict[str, Any]]) -> Cost:
    seconds, spent = 0.0, Counter[str]()
    for manifest in found.values():
        seconds += manifest["wall_seconds"]
        spent.update(_spent(manifest))
    return Cost(seconds, {cost: spent[cost] for cost in COSTS if spent[cost]}, ways(folder, found))


def _seeds(tree: Mapping[str, Any], prefix: str = "") -> dict[str, int]:
    """Find every key `seed` of the config, at any depth."""
    found: dict[str, int] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found |= _seeds(value, f"{prefix}{key}.")
        elif key == "seed":
            found[f"{prefix}{key}"] = value
    return found


def _versions(manifests: Iterable[dict[str, Any]]) -> dict[str, str]:
    """A package that changed on the way has every version it was used in."""
    found: dict[str, list[str]] = {}
    for manifest in manifests:
        for package, version in manifest["versions"].items():
            if version not in found.setdefault(package, []):
                found[package].append(version)
    return {package: " and ".join(versions) for package, versions in found.items()}
