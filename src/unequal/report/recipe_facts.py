"""What the recipe has written down of a run: recipe.json and evaluation.json.

Everything but recipe.json itself may be missing, because a page is written after every stage.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from unequal.report.stage_names import FIGURES, RECORD
from unequal.support.errors import InputError

BROKEN = (OSError, ValueError, TypeError, KeyError, AttributeError)


class StageFacts(NamedTuple):
    """One stage of the recipe; None and '' where the recipe has not said.

    `best`: step and mean of the best checkpoint. `status`: done, running, waiting, skipped or
    failed. `checkpoint`: as a path in OUTPUT.
    """

    name: str
    title: str = ""
    why: str = ""
    command: str = ""
    status: str = "waiting"
    seconds: float | None = None
    steps: float | None = None
    images: float | None = None
    ended_by: str = ""
    best: dict[str, Any] = {}
    checkpoint: str = ""
    kept: bool | None = None
    verdict: str = ""

    @property
    def step(self) -> float | None:
        """The step of the best checkpoint."""
        return self.best.get("step")

    @property
    def mean(self) -> float | None:
        """The mean accuracy of the best checkpoint over the verification sets, 0 to 1."""
        return self.best.get("mean")


class Row(NamedTuple):
    """What one model reached on one verification set; rates from 0 to 1, None if not known.

    `folds`: the accuracies of the cross-validation's parts.
    """

    stage: str
    target: str
    accuracy: float
    std: float
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
    threshold: float


class RecipeEvaluation(NamedTuple):
    """What evaluation.json tells.

    `final` and `first`: Curves by target, of the final model and of the first stage's.
    `identification`: rates by name, with the `stage` of the model.
    """

    rows: list[Row] = []
    final: dict[str, Curves] = {}
    first: dict[str, Curves] = {}
    identification: list[dict[str, Any]] = []


class Facts(NamedTuple):
    """All that recipe.json and evaluation.json tell; times are texts, '' where not known."""

    output: Path
    created: str
    finished: str
    flags: dict[str, Any]
    versions: dict[str, Any]
    machine: dict[str, Any]
    stages: list[StageFacts]
    final_stage: str
    final_checkpoint: str
    evaluation: RecipeEvaluation

    def stage(self, name: str) -> StageFacts | None:
        """Return the stage of this name."""
        return next((stage for stage in self.stages if stage.name == name), None)


def read_facts(output: str | Path) -> Facts:
    """Read the files of a recipe's folder.

    Raises:
        InputError: there is no recipe.json, or it is not one of train_unequal.py.
    """
    folder = Path(output)
    path = folder / RECORD
    if not path.is_file():
        raise InputError(
            f"{path}: there is no such file; give the folder that train_unequal.py got as --output"
        )
    try:
        return _facts(folder, read_json(path.read_text(encoding="utf-8")))
    except BROKEN as error:
        raise InputError(
            f"{path}: is no recipe of train_unequal.py; give another folder"
        ) from error


def read_json(text: str) -> Any:
    """Return what a JSON text holds, with None for what is no finite number."""
    return json.loads(text, parse_constant=lambda _: None)


def _facts(folder: Path, recipe: dict[str, Any]) -> Facts:
    final = recipe.get("final") or {}
    flags = dict(recipe.get("flags", {}))
    within = str(flags.get("output") or folder).rstrip("/") + "/"
    stages = []
    for part in recipe.get("stages", []):
        known = {name: part[name] for name in StageFacts._fields if part.get(name) is not None}
        stage = StageFacts(**known)
        stages.append(stage._replace(checkpoint=_inside(within, stage.checkpoint)))
    return Facts(
        output=folder,
        created=_moment(recipe.get("created")),
        finished=_moment(recipe.get("finished")),
        flags=flags,
        versions=dict(recipe.get("versions", {})),
        machine=dict(recipe.get("machine", {})),
        stages=stages,
        final_stage=final.get("stage", ""),
        final_checkpoint=_inside(within, final.get("checkpoint", "")),
        evaluation=_read_evaluation(folder / FIGURES),
    )


def _inside(folder: str, name: str) -> str:
    return name[len(folder) :] if name.startswith(folder) else name


def _moment(text: str | None) -> str:
    """'2026-11-22T07:30:00+00:00' -> '2026-11-22 07:30'."""
    return (text or "")[:16].replace("T", " ")


def _read_evaluation(path: Path) -> RecipeEvaluation:
    """Read evaluation.json; an empty one if it is missing or of another kind."""

    def of(kind: Any, part: dict[str, Any]) -> Any:
        return kind(**{name: part[name] for name in kind._fields})

    try:
        found = read_json(path.read_text(encoding="utf-8"))
        return RecipeEvaluation(
            [of(Row, part) for part in found["rows"]],
            {target: of(Curves, part) for target, part in found["final"].items()},
            {target: of(Curves, part) for target, part in found["first"].items()},
            found["identification"],
        )
    except BROKEN:
        return RecipeEvaluation()
