"""What the recipe has written down of a run: recipe.json and evaluation.json.

Everything but recipe.json itself may be missing, because a page is written after every stage.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from unequal.support.errors import InputError

# the folders of a recipe that the page reads more of than their history
FIRST_STAGE = "1-softmax"
NOISE_STAGE = "2.2-noise_resistance"
CHOSEN_NOISE = "3.1-denoise/noiselist.txt"
DENOISED = "head_denoised"


class StageFacts(NamedTuple):
    """One stage of the recipe; None and '' where the recipe has not said.

    `step` and `mean`: of the best checkpoint. `status`: done, running, waiting, skipped or failed.
    """

    name: str
    title: str
    why: str
    command: str
    folder: Path
    status: str
    seconds: float | None
    steps: float | None
    images: float | None
    ended_by: str
    step: float | None
    mean: float | None
    checkpoint: str
    kept: bool | None
    verdict: str


class Row(NamedTuple):
    """What one model reached on one verification set; rates from 0 to 1, None if not known.

    `folds`: the accuracies of the cross-validation's parts, empty if not written down.
    """

    stage: str
    target: str
    accuracy: float | None
    std: float | None
    xnorm: float | None
    auc: float | None
    tar: dict[str, float | None]
    folds: list[float]


class Curves(NamedTuple):
    """ROC and histograms of distance of one model on one set, as eval's curves give them."""

    far: list[float]
    tar: list[float]
    edges: list[float]
    same: list[float]
    different: list[float]
    threshold: float | None


class Identification(NamedTuple):
    """What one model reached in identification: any rates, by name."""

    stage: str
    rates: dict[str, float]


class Evaluation(NamedTuple):
    """What evaluation.json tells.

    `final` and `first`: Curves by target, of the final model and of the first stage's.
    """

    rows: list[Row] = []
    final: dict[str, Curves] = {}
    first: dict[str, Curves] = {}
    identification: list[Identification] = []


class Facts(NamedTuple):
    """All that recipe.json and evaluation.json tell."""

    output: Path
    created: datetime | None
    finished: datetime | None
    flags: dict[str, Any]
    versions: dict[str, Any]
    machine: dict[str, Any]
    stages: list[StageFacts]
    final_stage: str
    final_checkpoint: str
    evaluation: Evaluation

    def stage(self, name: str) -> StageFacts | None:
        """Return the stage of this name."""
        return next((stage for stage in self.stages if stage.name == name), None)


def read_facts(output: str | Path) -> Facts:
    """Read the files of a recipe's folder.

    Raises:
        InputError: there is no recipe.json, or it is not one of train_unequal.py.
    """
    folder = Path(output)
    path = folder / "recipe.json"
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such file; give the folder that train_unequal.py got as --output"
        )
    try:
        return _facts(folder, read_json(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"{path}: is no recipe of train_unequal.py; give another folder"
        ) from error


def read_json(text: str) -> Any:
    """Return what a JSON text holds, with None for what is no finite number."""
    return json.loads(text, parse_constant=lambda _: None)


def _facts(folder: Path, recipe: dict[str, Any]) -> Facts:
    final = recipe.get("final") or {}
    return Facts(
        output=folder,
        created=_time(recipe.get("created")),
        finished=_time(recipe.get("finished")),
        flags=dict(recipe.get("flags", {})),
        versions=dict(recipe.get("versions", {})),
        machine=dict(recipe.get("machine", {})),
        stages=[_stage(folder, part) for part in recipe.get("stages", [])],
        final_stage=final.get("stage", ""),
        final_checkpoint=final.get("checkpoint", ""),
        evaluation=_read_evaluation(folder / "evaluation.json"),
    )


def _stage(folder: Path, part: dict[str, Any]) -> StageFacts:
    best = part.get("best") or {}
    facts: dict[str, Any] = {name: part.get(name) for name in StageFacts._fields}
    for name in ("why", "command", "ended_by", "checkpoint", "verdict"):
        facts[name] = facts[name] or ""
    facts.update(title=part.get("title") or part["name"], folder=folder / part["name"])
    facts.update(status=part.get("status", "waiting"), step=best.get("step"), mean=best.get("mean"))
    return StageFacts(**facts)


def _read_evaluation(path: Path) -> Evaluation:
    """Read evaluation.json; an empty one if it is missing or of another kind."""
    try:
        found = read_json(path.read_text(encoding="utf-8"))
        return Evaluation(
            [_row(part) for part in found.get("rows", [])],
            {target: _curves(part) for target, part in found.get("final", {}).items()},
            {target: _curves(part) for target, part in found.get("first", {}).items()},
            [_identification(part) for part in found.get("identification", [])],
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return Evaluation()


def _row(part: dict[str, Any]) -> Row:
    facts: dict[str, Any] = {name: part.get(name) for name in Row._fields}
    return Row(**{**facts, "tar": facts["tar"] or {}, "folds": facts["folds"] or []})


def _curves(part: dict[str, Any]) -> Curves:
    lists: dict[str, Any] = {name: part.get(name, []) for name in Curves._fields[:-1]}
    known = {name: [] if None in values else values for name, values in lists.items()}
    return Curves(**known, threshold=part.get("threshold"))


def _identification(part: dict[str, Any]) -> Identification:
    rates = {name: rate for name, rate in part.items() if isinstance(rate, (int, float))}
    return Identification(part["stage"], rates)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
