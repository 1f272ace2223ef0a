"""The workspace and the report of a run in W&B, made from the list of panels."""

import os
import re
from typing import TYPE_CHECKING, Any

from rewriter_agent.config import RunConfig

from .panels import SECTIONS, Panel, Section
from .wandb_runs import run_group

if TYPE_CHECKING:
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws


def dashboard(config: RunConfig) -> str:
    """Save both and return their addresses.

    Raises:
        ValueError: you are not logged in to W&B, or the project's owner is unknown.
    """
    import wandb

    if not wandb.login(prompt=False):
        raise ValueError(
            "the dashboard is made on the W&B server, and no API key is known here. Run `wandb login` or set "
            "WANDB_API_KEY (WANDB_BASE_URL for a server of your own), or see what it would show with --dry-run."
        )
    entity = os.environ.get("WANDB_ENTITY") or wandb.Api().default_entity
    if not entity:
        raise ValueError("this W&B account has no default entity; set WANDB_ENTITY to your user or team name")
    saved = workspace(config, entity).save()
    page = report(config, entity)
    page.save()
    return f"workspace: {saved.url}\nreport: {page.url}"


def workspace(config: RunConfig, entity: str) -> "ws.Workspace":
    """Build a saved view of the project: the runs of this group, one section per stage group."""
    import wandb_workspaces.workspaces as ws
    from wandb_workspaces import expr

    sections = [ws.Section(name=s.title, panels=_panels(s), is_open=True) for s in SECTIONS]
    runs = ws.RunsetSettings(filters=[expr.Metric("Group") == run_group(config)])
    return ws.Workspace(
        entity=entity,
        project=config.tracking.project,
        name=_title(config),
        sections=sections,
        runset_settings=runs,
    )


def report(config: RunConfig, entity: str) -> "wr.Report":
    """The same panels on one page, each section with the runs of its stages only."""
    import wandb_workspaces.reports.v2 as wr

    blocks: list[Any] = []
    for section in SECTIONS:
        blocks += [
            wr.H2(section.title),
            wr.PanelGrid(runsets=[_runset(config, entity, section)], panels=_panels(section)),
        ]
    return wr.Report(
        project=config.tracking.project, entity=entity, title=_title(config), blocks=blocks, width="fluid"
    )


def _title(config: RunConfig) -> str:
    return f"rewriter-agent {run_group(config)}"


def _runset(config: RunConfig, entity: str, section: Section) -> "wr.Runset":
    import wandb_workspaces.reports.v2 as wr
    from wandb_workspaces import expr

    filters = [expr.Metric("Group") == run_group(config), expr.Metric("JobType").isin(list(section.stages))]
    return wr.Runset(entity=entity, project=config.tracking.project, name=section.title, filters=filters)


def _panels(section: Section) -> list[Any]:
    return [_panel(panel, section.step) for panel in section.panels]


def _panel(panel: Panel, step: str) -> Any:
    import wandb_workspaces.reports.v2 as wr

    if panel.kind == "bar":
        return wr.BarPlot(title=panel.title, metrics=list(panel.metrics))
    (first, *_) = panel.metrics
    if first.endswith("*"):
        return wr.LinePlot(title=panel.title, x=step, metric_regex=f"^{re.escape(first[:-1])}")
    return wr.LinePlot(title=panel.title, x=step, y=list(panel.metrics))
