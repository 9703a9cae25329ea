"""Writes the page: OUTPUT/report.html, one file that needs no other and no network."""

from __future__ import annotations

import base64
import hashlib
import shlex
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from unequal.report import number_text as text
from unequal.report.final_charts import distance_chart, roc_chart
from unequal.report.flagged_images import Card, flagged_cards
from unequal.report.identity_sizes import FaceSet, distribution_chart, read_set
from unequal.report.noise_section import STAGE, Noise, list_in, read_noise
from unequal.report.recipe_facts import FIRST_STAGE, Facts, Identification, Row, read_facts
from unequal.report.stage_history import read_history
from unequal.report.training_charts import overview, stage_charts
from unequal.report.verdict import SEARCHES, judge
from unequal.support.errors import InputError
from unequal.support.files import replace_file

NAME = "report.html"
DENOISED = "head_denoised"
HERE = Path(__file__).parent
STATES = {
    "done": "done",
    "running": "running",
    "waiting": "not yet begun",
    "skipped": "skipped",
    "failed": "failed",
}


class TargetTable(NamedTuple):
    """The rows of one verification set, and the highest accuracy among them."""

    target: str
    rows: list[Row]
    best: float | None


class FlaggedImages(NamedTuple):
    """Stage 2b's noise, cards of some of it, why there are none; a command that shows all."""

    noise: Noise
    cards: list[Card]
    problem: str
    command: str = ""


def write_report(output: str | Path) -> Path:
    """Write OUTPUT/report.html from what the recipe has left there so far; its path.

    May be called again after every stage. What is not there yet is told in its place on the page,
    which appears whole or not at all.

    Raises InputError where OUTPUT has no recipe.json, and where the page cannot be written.
    """
    path = Path(output) / NAME
    page = render(read_facts(output), datetime.now())

    def write(name: str) -> None:
        # what is no text, such as bytes of a file's name, becomes '?'
        Path(name).write_bytes(page.encode("utf-8", "replace"))

    try:
        replace_file(path, write)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror}); make room there, or the right to write"
        ) from error
    return path


def render(facts: Facts, now: datetime) -> str:
    """The HTML of a recipe's page, written at the moment `now`."""
    histories = [read_history(stage.folder) for stage in facts.stages]
    sets = _sets(facts)
    style, script = _shipped("report.css"), _shipped("report.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}"
    )
    return (
        _environment(facts)
        .get_template("report.html.j2")
        .render(
            facts=facts,
            now=now,
            policy=policy,
            style=Markup(style),
            script=Markup(script),
            title=facts.output.resolve().name,
            state=_state(facts),
            states=STATES,
            seconds=_sum(stage.seconds for stage in facts.stages),
            verdict=judge(facts),
            highest=_highest(facts),
            first_stage=FIRST_STAGE,
            tables=_tables(facts.rows),
            fars=list(dict.fromkeys(far for row in facts.rows for far in row.tar)),
            ranks=_ranks(facts.identification),
            overview=overview(facts.stages, histories),
            training=[stage_charts(*pair) for pair in zip(facts.stages, histories)],
            last=[
                (
                    target,
                    roc_chart(target, curves, facts.first.get(target)),
                    distance_chart(target, curves),
                )
                for target, curves in facts.final.items()
            ],
            flagged=_flagged(facts),
            sets=sets,
            distribution=distribution_chart(sets),
        )
    )


def _environment(facts: Facts) -> Environment:
    """Templates, and the filters that they know."""
    environment = Environment(
        loader=FileSystemLoader(str(HERE)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = str(facts.flag("output") or facts.output).rstrip("/") + "/"
    environment.filters["inside"] = lambda name: name[name.startswith(folder) and len(folder) :]
    environment.filters.update(
        percent=text.percent,
        points=text.points,
        number=text.count,
        brief=text.short,
        duration=text.duration,
        chance=text.chance,
        value=text.value,
        moment=text.moment,
        plural=text.plural,
        initial=text.initial,
    )
    return environment


def _state(facts: Facts) -> str:
    """Where the run stands, in a sentence."""
    if facts.finished is not None:
        return f"Finished {text.moment(facts.finished)}."
    failed = [stage.name for stage in facts.stages if stage.status == "failed"]
    if failed:
        return f"Not finished: {text.listed(failed)} failed."
    running = [stage.name for stage in facts.stages if stage.status == "running"]
    done = sum(stage.status in ("done", "skipped") for stage in facts.stages)
    begun = f", and {text.listed(running)} has begun" if running else ""
    return f"Not finished: {done} of {text.plural(len(facts.stages), 'stage')} done{begun}."


def _highest(facts: Facts) -> float | None:
    """The final stage's mean in training, None unless it is the highest of all stages."""
    final = facts.stage(facts.final_stage)
    means = [stage.mean for stage in facts.stages if stage.mean is not None]
    return final.mean if final is not None and means and final.mean == max(means) else None


def _tables(rows: Sequence[Row]) -> list[TargetTable]:
    targets: dict[str, list[Row]] = {}
    for row in rows:
        targets.setdefault(row.target, []).append(row)
    return [
        TargetTable(
            target,
            found,
            max((row.accuracy for row in found if row.accuracy is not None), default=None),
        )
        for target, found in targets.items()
    ]


def _ranks(found: Sequence[Identification]) -> list[str]:
    """The figures of identification that any model has: the columns of the table."""
    names = dict.fromkeys(name for part in found for name in part.rates)
    return [name for name in names if name.startswith("rank") or name in SEARCHES]


def _sets(facts: Facts) -> list[FaceSet]:
    sets = [read_set("head", facts.flag("head")), read_set("tail", facts.flag("tail"))]
    if (facts.output / DENOISED / "train.rec").is_file():
        sets.insert(1, read_set("head, denoised", facts.output / DENOISED))
    return sets


def _flagged(facts: Facts) -> FlaggedImages | None:
    stage = facts.stage(STAGE)
    folder = facts.output / STAGE if stage is None else stage.folder
    noise = read_noise(folder)
    if noise is None:
        return None
    head = facts.flag("head")
    if not head:
        return FlaggedImages(noise, [], "the recipe names no head set")
    try:
        cards = flagged_cards(head, noise.rows, noise.predicted)
    except (ValueError, OSError) as error:  # InputError, or a name that no file can have
        return FlaggedImages(noise, [], str(error))
    parts = ["--data-dir", head, "--noise-list", list_in(folder), "--output", "noise.html"]
    quoted = " ".join(shlex.quote(str(part)) for part in parts)
    command = f"python -m recordio_tools.contact_sheet {quoted}"
    return FlaggedImages(noise, cards, noise.problem, command)


def _sum(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _shipped(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    """What a content security policy calls the one script or style that it allows."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
