"""The engines of a service: those of the stage `rewrite`, started from a run's folder or a config file."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cluster.planning.machine import Machine
from rewriter_agent.config import RunConfig, load_config
from rewriter_agent.config.method import trains_student
from rewriter_agent.config.strategies import STRATEGIES, uses_policy
from rewriter_agent.io.files import exclusive
from rewriter_agent.io.progress import Progress
from rewriter_agent.pipeline import rewriting_roles
from rewriter_agent.rewrite.record import Provenance
from rewriter_agent.rewrite.stage import load_rewriter, make_rewriter
from rewriter_agent.runtime.run_folder import RunFolder
from rewriter_agent.runtime.session import EngineName, Session
from rewriter_agent.train.rewriter import check_rewriter, check_tokenizer, read_rewriter, rewriter_folder

from .service import RewritingService

SERVED = tuple(
    name for name, strategy in STRATEGIES.items() if strategy.rounds and strategy.accepts != "finished"
)
"""Strategies of which every text has passed the gate."""


def service_config(run: Path, strategy: str | None = None, overrides: Sequence[str] = ()) -> RunConfig:
    """Config of the service on a run's folder, or on the run of a config file.

    Raises:
        ValueError: there is no such run, or its strategy cannot be served.
    """
    chosen = [f"rewrite.strategy={strategy}"] if strategy else []
    # The row's first target is the same for every number of targets.
    settings = ["rewrite.num_targets=1", *chosen, *overrides]
    if run.is_dir():
        path = RunFolder(run).config
        if not path.is_file():
            raise ValueError(
                f"{run} is no run's folder: it has no {path.name}; give a run's folder or a config file"
            )
        folder = run.absolute()
        settings += [f"output_dir={folder.parent}", f"name={folder.name}"]
    else:
        path = run
    config = load_config(path, settings)
    if trains_student(config.method):
        raise ValueError(
            f"method={config.method} trains the model itself and no rewriter; serve that model with `vllm serve`, or "
            "set method=rewrite"
        )
    if config.rewrite.strategy not in SERVED:
        raise ValueError(
            f"rewrite.strategy={config.rewrite.strategy} writes nothing, or nothing that passes the gate; choose "
            f"--strategy {', '.join(SERVED)}"
        )
    # Other processes have other working folders.
    student = config.serve.student and config.serve.student.absolute()
    served = config.serve.model_copy(update={"student": student})
    return config.model_copy(update={"output_dir": config.output_dir.absolute(), "serve": served})


@contextmanager
def started_service(config: RunConfig, machines: Sequence[Machine]) -> Generator[RewritingService]:
    """Start the engines of a config on the cluster that this process has joined, and stop them at the end.

    Raises:
        ValueError: the run has no rewriter that the strategy needs, or the machines are too small.
    """
    progress = Progress("serve")
    session = _session(config, machines)
    with exclusive(config.folder):
        try:
            _check(session)
            yield _service(session, progress)
        finally:
            session.close()


def check_service(config: RunConfig, machines: Sequence[Machine]) -> None:
    """Refuse a config that `started_service` would refuse, before any process starts."""
    _check(_session(config, machines))


def _session(config: RunConfig, machines: Sequence[Machine]) -> Session:
    roles = {*rewriting_roles(config), "backbone", *_students(config)}
    return Session(config, machines, roles, calls=config.serve.concurrency)


def _check(session: Session) -> None:
    """Refuse a run without a rewriter before anything slow."""
    config = session.config
    check_rewriter(session)
    if student := config.serve.student:
        check_tokenizer(student, session.tokens.tokenizer, "serve.student")
    if uses_policy(config.rewrite.strategy):
        others = ", ".join(name for name in SERVED if not uses_policy(name))
        folder = rewriter_folder(config)
        if not folder.is_dir():
            raise ValueError(
                f"{config.folder} has no trained rewriter ({folder}): run `rewriter-agent rewrite`, or serve the "
                f"backbone by prompt, with --strategy {others}"
            )
        read_rewriter(folder, session.backbone_identity[0], session.tokens.tokenizer)


def _students(config: RunConfig) -> tuple[EngineName, ...]:
    return ("student",) if config.serve.student else ()


def _service(session: Session, progress: Progress) -> RewritingService:
    config = session.config
    progress(f"starting the engines of strategy '{config.rewrite.strategy}'")
    session.start_engines("backbone", *_students(config))
    steps = load_rewriter(session, progress) if uses_policy(config.rewrite.strategy) else None
    rewriter = make_rewriter(session, config.seed)
    session.wait_engines("backbone", *_students(config))
    return RewritingService(session, rewriter, Provenance(config.rewrite, steps, config.seed))
