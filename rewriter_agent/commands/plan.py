"""`rewriter-agent plan`: what a run would start on these machines, within seconds and without starting anything."""

from collections.abc import Sequence

from cluster.local_machine import local_machine
from cluster.planning.machine import parse_machines
from cluster.planning.plan import Plan, make_plan
from rewriter_agent.config import RunConfig
from rewriter_agent.config.data import MixData
from rewriter_agent.config.stages import rewrites, stages_line
from rewriter_agent.data.load import check_first_rows
from rewriter_agent.data.prompt_encoder import load_tokens
from rewriter_agent.data.prompts import format_hint, question_line, read_prompts, rewriting_line
from rewriter_agent.io.console import console
from rewriter_agent.models.chat_template import tells_date
from rewriter_agent.models.context_length import check_max_model_len
from rewriter_agent.models.end_tokens import end_tokens_text
from rewriter_agent.models.resolve import resolve_model
from rewriter_agent.models.size import model_shape
from rewriter_agent.replay.texts import read_texts
from rewriter_agent.runtime.workload import cluster_layout, plan_table, workload


def plan(config: RunConfig, measure: bool, machines: Sequence[str]) -> None:
    """Print roles, stages, prompts and end tokens; with `measure`, the time that the config's study would take.

    Raises:
        ValueError: the layout is impossible, or the model, the prompts or the first rows of the data cannot be used.
    """
    formats: list[str] = []
    given = [machine for text in machines for machine in parse_machines(text)]
    # For other machines a plan needs the model's config only: data and weights may be there.
    if not given:
        formats = check_first_rows(config.data)
        if config.sft.replay:
            read_texts(config)
    prompts = read_prompts(config.prompts, config.convention)
    path = resolve_model(config.model.name_or_path, weights=not given)
    work = workload(config, model_shape(path))
    check_max_model_len(path, config.model.max_model_len)
    tokens = load_tokens(path, config.model, prompts=prompts, light=True)
    on = given or [local_machine()]
    layout = make_plan(cluster_layout(config, on), work, on)
    console.say(plan_table(layout, config, work))
    console.say(stages_line(config))
    for line in formats:
        console.say(line)
    if isinstance(config.data, MixData):
        shares = ", ".join(f"{name} {share:.1%}" for name, share in config.data.shares.items())
        console.say(f"training problems: {shares}")
    console.say(question_line(prompts, config.convention))
    if rewrites(config):
        console.say(rewriting_line(prompts, config.convention))
    if hint := format_hint(config.prompts, config.convention):
        console.say(f"hint: {hint}")
    console.say(end_tokens_text(tokens.ends, tokens.tokenizer))
    if tells_date(tokens.tokenizer):
        told = config.model.date or "that of the run's first start; model.date sets another"
        console.say(f"the chat template tells a date: {told}")
    if config.study is not None:
        _plan_study(config, layout, measure)
    elif measure:
        raise ValueError("--measure times the work of a study, and the config has no section `study`")


def _plan_study(config: RunConfig, layout: Plan, measure: bool) -> None:
    from rewriter_agent.experiments.study.forecast import counts_text, forecast_text
    from rewriter_agent.experiments.study.plan import StudyPlan

    study = StudyPlan.of(config)
    console.say(counts_text(study))
    if measure:
        # Imported here: only the pilot starts anything.
        from rewriter_agent.experiments.study.pilot import measure_speeds
        from rewriter_agent.experiments.study.stages import fine_tunings_at_a_time

        console.say(forecast_text(study, measure_speeds(study), fine_tunings_at_a_time(layout)[0]))
