"""Names of all files in a run's folder. No other module spells them."""

from dataclasses import dataclass
from pathlib import Path

from rewriter_agent.config.method import Method, trains_student


@dataclass(frozen=True)
class StageFolder:
    """The files of one stage, or of one fine-tuning of a sweep or a study; a stage writes only some of them."""

    path: Path

    @property
    def manifest(self) -> Path:
        """Counts, time, versions and hashes; written last: its presence means completion."""
        return self.path / "manifest.json"

    @property
    def inputs(self) -> Path:
        """Fingerprint of the inputs that the folder's contents were made from; written first."""
        return self.path / "inputs.json"

    @property
    def seconds(self) -> Path:
        """Time of earlier attempts."""
        return self.path / "seconds.json"

    @property
    def metrics(self) -> Path:
        """One line of JSON per logged step."""
        return self.path / "metrics.jsonl"

    @property
    def prepared(self) -> Path:
        """Training problems with the backbone's log-probs."""
        return self.path / "train.parquet"

    @property
    def test_problems(self) -> Path:
        """Held-out problems."""
        return self.path / "test.jsonl"

    @property
    def left_out(self) -> Path:
        """Training problems that no later stage has, with the reason."""
        return self.path / "left_out.jsonl"

    @property
    def false_steps(self) -> Path:
        """Training problems whose expert solution holds a false step; missing if none was looked for."""
        return self.path / "false_steps.jsonl"

    @property
    def reference_errors(self) -> Path:
        """Errors of the checks against a reference, by kind of change; missing under other conventions."""
        return self.path / "reference_errors.jsonl"

    @property
    def rewrites(self) -> Path:
        """Targets, at least one per problem."""
        return self.path / "rewrites.parquet"

    @property
    def candidates(self) -> Path:
        """All candidates with their scores."""
        return self.path / "candidates.parquet"

    @property
    def costs(self) -> Path:
        """Rollouts and tokens that each problem took."""
        return self.path / "costs.parquet"

    @property
    def rows(self) -> Path:
        """Rows to fine-tune on."""
        return self.path / "rows.parquet"

    @property
    def probe(self) -> Path:
        """The backbone's own answers, on which drift is measured during fine-tuning."""
        return self.path / "probe.parquet"

    @property
    def parts(self) -> Path:
        """Finished parts of a fine-tuning whose targets are refreshed."""
        return self.path / "parts.json"

    @property
    def curve(self) -> Path:
        """Task and forgetting during a fine-tuning, measured on a held-out sample."""
        return self.path / "curve.json"

    @property
    def evaluations(self) -> Path:
        """Folder of the evaluations during a fine-tuning, one folder a step."""
        return self.path / "evaluations"

    @property
    def model(self) -> Path:
        """A Hugging Face model folder."""
        return self.path / "model"

    @property
    def adapter(self) -> Path:
        """A PEFT adapter folder."""
        return self.path / "adapter"

    @property
    def result(self) -> Path:
        """Scores of an evaluated model."""
        return self.path / "result.json"

    @property
    def own_answers(self) -> Path:
        """The backbone's own answers to the test problems, in the folder of its evaluation."""
        return self.path / "own_answers.parquet"

    @property
    def general_answers(self) -> Path:
        """The backbone's own answers to general prompts, in the folder of its evaluation."""
        return self.path / "general_answers.parquet"

    @property
    def drift(self) -> Path:
        """Divergence of an evaluated model from the backbone."""
        return self.path / "drift.json"

    @property
    def general_drift(self) -> Path:
        """The same on general prompts."""
        return self.path / "general_drift.json"

    @property
    def sweep(self) -> Path:
        """Results of a sweep."""
        return self.path / "sweep.json"

    @property
    def sweep_table(self) -> Path:
        """Main results of a sweep, a row a fine-tuning."""
        return self.path / "sweep.csv"

    @property
    def sweep_page(self) -> Path:
        """Page of a sweep."""
        return self.path / "sweep.html"

    @property
    def gap(self) -> Path:
        """Results of `gap`."""
        return self.path / "gap.json"

    @property
    def gap_page(self) -> Path:
        """Page of `gap`."""
        return self.path / "gap.html"

    @property
    def page(self) -> Path:
        """The report."""
        return self.path / "report.html"

    @property
    def table(self) -> Path:
        """The report's results as a Markdown table."""
        return self.path / "report.md"

    @property
    def numbers(self) -> Path:
        """The report's numbers."""
        return self.path / "report.json"


@dataclass(frozen=True)
class RunFolder:
    """A run's folder: the resolved config, and a folder per stage."""

    path: Path

    @property
    def config(self) -> Path:
        """The resolved config."""
        return self.path / "config.yaml"

    @property
    def first_start(self) -> Path:
        """When the run was first started; of the runs of a study there is one, in the study's folder."""
        return self.path / "first-start.json"

    @property
    def log(self) -> Path:
        """What libraries and worker processes printed, and the lines of the console, over all attempts."""
        return self.path / "logs" / "driver.log"

    @property
    def strategies(self) -> Path:
        """Results of `compare`."""
        return self.path / "strategies.json"

    @property
    def study(self) -> Path:
        """Results of a study."""
        return self.path / "study.json"

    @property
    def study_table(self) -> Path:
        """Table of a study, in Markdown."""
        return self.path / "study.md"

    @property
    def study_page(self) -> Path:
        """Page of a study."""
        return self.path / "study.html"

    @property
    def study_picture(self) -> Path:
        """Gain against forgetting of a study's arms, for use in other pages."""
        return self.path / "frontiers.svg"

    @property
    def phase_seconds(self) -> Path:
        """Time of a study's phases, over all attempts."""
        return self.path / "seconds.json"

    @property
    def batches(self) -> Path:
        """Batches of the rewriting service on this run, a folder each."""
        return self.path / "serve" / "batches"

    def stage(self, name: str) -> StageFolder:
        """Folder of the stage with this name."""
        return StageFolder(self.path / name)

    @property
    def prepare(self) -> StageFolder:
        """Folder of the stage `prepare`."""
        return self.stage("prepare")

    @property
    def train(self) -> StageFolder:
        """Folder of the stage `train`."""
        return self.stage("train")

    @property
    def student(self) -> StageFolder:
        """Folder of the stage `student`."""
        return self.stage("student")

    @property
    def rewrite(self) -> StageFolder:
        """Folder of the stage `rewrite`."""
        return self.stage("rewrite")

    @property
    def report(self) -> StageFolder:
        """Folder of the stage `report`."""
        return self.stage("report")

    def fine_tuning(self, data: str) -> StageFolder:
        """Folder of the fine-tuning on `expert` or `rewritten` data."""
        return self.stage(f"sft-{data}")

    def training(self, arm: str, method: Method) -> StageFolder:
        """Folder of the training of an arm: a fine-tuning, or the stage `student` if the method has that instead."""
        return self.student if arm == "rewritten" and trains_student(method) else self.fine_tuning(arm)

    def evaluation(self, arm: str) -> StageFolder:
        """Folder of the evaluation of an arm: `base`, `expert` or `rewritten`."""
        return self.stage(f"evaluate-{arm}")
