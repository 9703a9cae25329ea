"""Writes the page: OUTPUT/report.html, one file that needs no other and no network."""

from __future__ import annotations

import base64
import hashlib
import shlex
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Sequence

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from unequal.report import number_text as text
from unequal.report.final_charts import distance_chart, roc_chart
from unequal.report.flagged_images import Card, flagged_cards
from unequal.report.identity_sizes import FaceSet, distribution_chart, read_set
from unequal.report.noise_section import Noise, list_in, read_noise
from unequal.report.recipe_facts import (
    DENOISED,
    FIRST_STAGE,
    NOISE_STAGE,
    Facts,
    Row,
    read_facts,
)
from unequal.report.stage_history import read_history
from unequal.report.training_charts import overview, stage_charts
from unequal.report.verdict import SEARCHES, judge
from unequal.support.errors import InputError
from unequal.support.files import replace_file

NAME = "report.html"
HERE = Path(__file__).parent


class FlaggedImages(NamedTuple):
    """The noise of step 2.2, cards of some images or why there are none, and a command for all."""

    noise: Noise
    cards: Sequence[Card] = ()
    problem: str = ""
    command: str = ""


def write_report(output: str | Path) -> Path:
    """Write OUTPUT/report.html from what the recipe has left there so far, and return its path.

    It may be called again after every stage. The page says in its place what is not there yet. It
    appears complete or not at all.

    Raises:
        InputError: OUTPUT has no recipe.json, or the page cannot be written.
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
    """Return the HTML of a recipe's page, written at the moment `now`."""
    histories = [read_history(stage.folder) for stage in facts.stages]
    means = [stage.mean for stage in facts.stages if stage.mean is not None]
    seconds = [stage.seconds for stage in facts.stages if stage.seconds is not None]
    rows = facts.evaluation.rows
    ranks = dict.fromkeys(name for part in facts.evaluation.identification for name in part.rates)
    sets = _sets(facts)
    style, script = ((HERE / f"report.{kind}").read_text("utf-8") for kind in ("css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    template = _environment(facts).get_template("report.html.j2")
    return template.render(
        facts=facts,
        now=now,
        script_hash=f"sha256-{digest}",
        style=style,
        script=script,
        title=facts.output.resolve().name,
        state=_state(facts),
        states={"waiting": "not yet begun"},
        seconds=sum(seconds) if seconds else None,
        verdict=judge(facts),
        highest=max(means, default=None),
        first_stage=FIRST_STAGE,
        tables=_tables(rows),
        fars=list(dict.fromkeys(far for row in rows for far in row.tar)),
        ranks=[name for name in ranks if name.startswith("rank") or name in SEARCHES],
        overviews={
            kind: overview(facts.stages, histories, kind == "wide") for kind in ("wide", "narrow")
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
        flagged=_flagged(facts),
        sets=sets,
        distribution=distribution_chart(sets),
    )


def _environment(facts: Facts) -> Environment:
    """Make the templates' environment with its filters."""
    environment = Environment(
        loader=FileSystemLoader(str(HERE)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    folder = str(facts.flags.get("output") or facts.output).rstrip("/") + "/"
    environment.filters.update(
        inside=lambda name: name[name.startswith(folder) and len(folder) :],
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
    """Say how far the run has come."""
    if facts.finished is not None:
        return f"Finished {text.moment(facts.finished)}."
    names: dict[str, list[str]] = {}
    for stage in facts.stages:
        names.setdefault(stage.status, []).append(stage.name)
    if "failed" in names:
        return f"Not finished: {text.listed(names['failed'])} failed."
    done = len(names.get("done", [])) + len(names.get("skipped", []))
    begun = f", and {text.listed(names['running'])} has begun" if "running" in names else ""
    return f"Not finished: {done} of {text.plural(len(facts.stages), 'stage')} done{begun}."


def _tables(rows: Sequence[Row]) -> list[tuple[str, list[Row], float | None]]:
    """Return each target with its rows and the highest accuracy among them."""
    targets: dict[str, list[Row]] = {}
    for row in rows:
        targets.setdefault(row.target, []).append(row)
    return [
        (
            target,
            found,
            max((row.accuracy for row in found if row.accuracy is not None), default=None),
        )
        for target, found in targets.items()
    ]


def _sets(facts: Facts) -> list[FaceSet]:
    sets = [read_set(name, facts.flags.get(name)) for name in ("head", "tail")]
    if (facts.output / DENOISED / "train.rec").is_file():
        sets.insert(1, read_set("head, denoised", facts.output / DENOISED))
    return sets


def _flagged(facts: Facts) -> FlaggedImages | None:
    folder = facts.output / NOISE_STAGE
    noise = read_noise(folder)
    if noise is None:
        return None
    head = facts.flags.get("head")
    if not head:
        return FlaggedImages(noise, problem="the recipe names no head set")
    try:
        cards = flagged_cards(head, noise.rows, noise.predicted)
    except (ValueError, OSError) as error:  # InputError, or a name that no file can have
        return FlaggedImages(noise, problem=str(error))
    parts = ["--data-dir", head, "--noise-list", list_in(folder), "--output", "noise.html"]
    quoted = " ".join(shlex.quote(str(part)) for part in parts)
    command = f"python -m recordio_tools.contact_sheet {quoted}"
    return FlaggedImages(noise, cards, noise.problem, command)
