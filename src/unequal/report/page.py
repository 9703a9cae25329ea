"""Writes the page: OUTPUT/report.html, one file that needs no other and no network."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from unequal.report import number_text as text
from unequal.report.charts import WIDE, WIDTH
from unequal.report.final_charts import distance_chart, roc_chart
from unequal.report.identity_sizes import distribution_chart, read_set
from unequal.report.noise_section import read_noise
from unequal.report.recipe_facts import Facts, Row, read_facts
from unequal.report.stage_history import read_history
from unequal.report.stage_names import DENOISED, REPORT, SOFTMAX
from unequal.report.training_charts import overview, stage_charts
from unequal.report.verdict import judge
from unequal.support.files import replace_or_refuse

HERE = Path(__file__).parent
ENVIRONMENT = Environment(
    loader=FileSystemLoader(str(HERE)),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
for function in (text.percent, text.points, text.number, text.brief, text.duration, text.chance):
    ENVIRONMENT.filters[function.__name__] = function
ENVIRONMENT.filters.update(value=text.value, plural=text.plural, initial=text.initial)


def write_report(output: str | Path) -> Path:
    """Write OUTPUT/report.html from what the recipe has left there so far, and return its path.

    It may be called again after every stage. The page says in its place what is not there yet. It
    appears complete or not at all.

    Raises:
        InputError: OUTPUT has no recipe.json, or the page cannot be written.
    """
    path = Path(output) / REPORT
    # what is no text, such as bytes of a file's name, becomes '?'
    page = render(read_facts(output), datetime.now()).encode("utf-8", "replace")
    replace_or_refuse(
        path, lambda name: Path(name).write_bytes(page), "make room there, or the right to write"
    )
    return path


def render(facts: Facts, now: datetime) -> str:
    """Return the HTML of a recipe's page, written at the moment `now`."""
    histories = [read_history(facts.output / stage.name) for stage in facts.stages]
    targets: dict[str, list[Row]] = {}
    for row in facts.evaluation.rows:
        targets.setdefault(row.target, []).append(row)
    sets = [read_set(name, facts.flags.get(name)) for name in ("head", "tail")]
    if (facts.output / DENOISED / "train.rec").is_file():
        sets.insert(1, read_set("head, denoised", facts.output / DENOISED))
    style, script = ((HERE / f"report.{kind}").read_text("utf-8") for kind in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return ENVIRONMENT.get_template("report.html.j2").render(
        facts=facts,
        now=now.strftime("%Y-%m-%d %H:%M"),
        script_hash=f"sha256-{digest}",
        style=style,
        script=script,
        title=facts.output.resolve().name,
        state=_state(facts),
        states={"waiting": "not yet begun"},
        seconds=sum(stage.seconds or 0 for stage in facts.stages) or None,
        verdict=judge(facts),
        highest=max((stage.mean or 0 for stage in facts.stages), default=0),
        first_stage=SOFTMAX,
        targets=targets,
        overviews={
            "wide": overview(facts.stages, histories, WIDE),
            "narrow": overview(facts.stages, histories, WIDTH),
        },
        training=[stage_charts(*pair) for pair in zip(facts.stages, histories)],
        last=[
            (
                target,
                roc_chart(target, curves, facts.evaluation.first.get(target)),
                distance_chart(target, curves),
            )
            for target, curves in facts.evaluation.final.items()
        ],
        noise=read_noise(facts.output, facts.flags.get("head")),
        sets=sets,
        distribution=distribution_chart(sets),
    )


def _state(facts: Facts) -> str:
    """Say how far the run has come."""
    if facts.finished:
        return f"Finished {facts.finished}."
    names: dict[str, list[str]] = {}
    for stage in facts.stages:
        names.setdefault(stage.status, []).append(stage.name)
    if "failed" in names:
        return f"Not finished: {text.listed(names['failed'])} failed."
    done = len(names.get("done", [])) + len(names.get("skipped", []))
    begun = f", and {text.listed(names['running'])} has begun" if "running" in names else ""
    return f"Not finished: {done} of {text.plural(len(facts.stages), 'stage')} done{begun}."
