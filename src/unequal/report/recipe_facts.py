"""What the recipe has written down of a run: recipe.json and evaluation.json.

Everything but recipe.json itself may be missing, for a page is written after every stage. What is
there but is of another kind than expected counts as missing.
"""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from unequal.support.errors import InputError

FIRST_STAGE = "1-softmax"


class Stage(NamedTuple):
    """One stage of the recipe; None and '' where the recipe has not said.

    `mean` and `accuracy`: of the best checkpoint, at `step`; `status`: done, running, waiting,
    skipped or failed.
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
    accuracy: dict[str, float]
    checkpoint: str
    kept: bool | None
    verdict: str


class Row(NamedTuple):
    """What one model reached on one verification set; rates from 0 to 1, None where not known.

    `folds` are the accuracies of the cross-validation's parts, empty where not written down.
    """

    stage: str
    checkpoint: str
    target: str
    accuracy: float | None
    std: float | None
    xnorm: float | None
    auc: float | None
    tar: dict[str, float | None]
    folds: list[float]


class Curves(NamedTuple):
    """ROC and histograms of distance of one model on one set, as curves.py gives them."""

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


class Facts(NamedTuple):
    """All that recipe.json and evaluation.json tell.

    `final` and `first`: Curves by target, of the final model and of stage one, where known.
    """

    output: Path
    created: datetime | None
    finished: datetime | None
    flags: dict[str, Any]
    versions: dict[str, str]
    machine: dict[str, str]
    stages: list[Stage]
    final_stage: str
    final_checkpoint: str
    rows: list[Row]
    final: dict[str, Curves]
    first: dict[str, Curves]
    identification: list[Identification]

    def stage(self, name: str) -> Stage | None:
        """The stage of this name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def flag(self, *names: str) -> Any:
        """The value of the first of these flags that was given, written in any usual way."""
        plain = {key.lstrip("-").replace("_", "-"): value for key, value in self.flags.items()}
        return next((plain[name] for name in names if plain.get(name) not in (None, "")), None)


def read_facts(output: str | Path) -> Facts:
    """Read the files of a recipe's folder.

    Raises InputError where there is no recipe.json, or one that is none.
    """
    folder = Path(output)
    recipe = _read_recipe(folder)
    evaluation = _dict(_json_of(folder / "evaluation.json"))
    final = _dict(recipe.get("final"))
    return Facts(
        output=folder,
        created=_time(recipe.get("created")),
        finished=_time(recipe.get("finished")),
        flags=_dict(recipe.get("flags")),
        versions=_texts(recipe.get("versions")),
        machine=_texts(recipe.get("machine")),
        stages=[_stage(folder, part) for part in _dicts(recipe.get("stages"))],
        final_stage=_text(final.get("stage")),
        final_checkpoint=_text(final.get("checkpoint")),
        rows=[_row(part) for part in _dicts(evaluation.get("rows"))],
        final=_curves(evaluation.get("final")),
        first=_curves(evaluation.get("first")),
        identification=[
            Identification(_text(part.get("stage")), _numbers_of(part))
            for part in _dicts(evaluation.get("identification"))
        ],
    )


def number(value: Any) -> float | None:
    """A finite number as float, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def _read_recipe(folder: Path) -> dict[str, Any]:
    path = folder / "recipe.json"
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such file; give the folder that train_unequal.py got as --output"
        )
    recipe = _json_of(path)
    if not isinstance(recipe, dict) or not isinstance(recipe.get("stages", []), list):
        raise InputError(f"{path}: is no recipe of train_unequal.py; give another folder")
    return recipe


def _json_of(path: Path) -> Any:
    """What a JSON file holds; None where it is missing or is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _stage(folder: Path, part: dict[str, Any]) -> Stage:
    best = _dict(part.get("best"))
    name = _text(part.get("name"))
    kept = part.get("kept")
    return Stage(
        name=name,
        title=_text(part.get("title")) or name,
        why=_text(part.get("why")),
        command=_text(part.get("command")),
        folder=folder / (_text(part.get("folder")) or name),
        status=_text(part.get("status")) or "waiting",
        seconds=number(part.get("seconds")),
        steps=number(part.get("steps")),
        images=number(part.get("images")),
        ended_by=_text(part.get("ended_by")),
        step=number(best.get("step")),
        mean=number(best.get("mean")),
        accuracy=_numbers_of(best.get("accuracy")),
        checkpoint=_text(part.get("checkpoint")),
        kept=kept if isinstance(kept, bool) else None,
        verdict=_text(part.get("verdict")),
    )


def _row(part: dict[str, Any]) -> Row:
    return Row(
        stage=_text(part.get("stage")),
        checkpoint=_text(part.get("checkpoint")),
        target=_text(part.get("target")),
        accuracy=number(part.get("accuracy")),
        std=number(part.get("std")),
        xnorm=number(part.get("xnorm")),
        auc=number(part.get("auc")),
        tar={str(far): number(rate) for far, rate in _dict(part.get("tar")).items()},
        folds=_numbers(part.get("folds")),
    )


def _curves(value: Any) -> dict[str, Curves]:
    found = {}
    for target, part in _dict(value).items():
        part = _dict(part)
        lists = [_numbers(part.get(name)) for name in Curves._fields[:-1]]
        found[target] = Curves(*lists, number(part.get("threshold")))
    return found


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> Sequence[dict[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def _texts(value: Any) -> dict[str, str]:
    parts = {}
    for name, part in _dict(value).items():
        parts[name] = ", ".join(map(str, part)) if isinstance(part, list) else _text(part)
    return parts


def _numbers(value: Any) -> list[float]:
    """A list of finite numbers; an empty one for anything else."""
    found = [number(part) for part in value] if isinstance(value, list) else []
    return [] if None in found else found  # type: ignore[return-value]


def _numbers_of(value: Any) -> dict[str, float]:
    found = {name: number(part) for name, part in _dict(value).items()}
    return {name: part for name, part in found.items() if part is not None}


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
