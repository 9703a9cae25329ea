"""What a stage wrote while it trained: FOLDER/history.jsonl."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unequal.report.recipe_facts import read_json

NO_METRICS = {"step", "epoch", "rate", "speed", "seconds"}


class Points(NamedTuple):
    """A quantity over the steps: float64, both (points,), steps rising."""

    steps: np.ndarray
    values: np.ndarray


class StageHistory(NamedTuple):
    """A stage's training and testing.

    `metrics`: of the batches, by name, such as acc and softmaxloss. `speed`: the median, images
    per second. `mean`: verification accuracy, mean of the sets, 0 to 1; `targets`: that of each
    set. `last_step`: the last step in the file. `unreadable`: how many lines could not be read.
    """

    metrics: dict[str, Points]
    speed: float | None
    mean: Points | None
    targets: dict[str, Points]
    last_step: float | None
    unreadable: int


def read_history(folder: Path) -> StageHistory:
    """Read the history in a stage's folder; an empty one if it has none yet.

    A line that is not complete, such as the last one of a killed run, is left out.
    """
    path = folder / "history.jsonl"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    lines: dict[str, list[tuple[float, dict[str, Any]]]] = {"train": [], "test": []}
    unreadable = 0
    for line in filter(str.strip, text.split("\n")):
        try:
            found = read_json(line)
            lines[found["kind"]].append((found["step"], found))
        except (ValueError, TypeError, KeyError):
            unreadable += 1
    train, tests = lines["train"], lines["test"]
    accuracies = [
        (step, {name: part["accuracy"] for name, part in found["targets"].items()})
        for step, found in tests
    ]
    measured = _by_name(train)
    return StageHistory(
        metrics={name: points for name, points in measured.items() if name not in NO_METRICS},
        speed=float(np.median(measured["speed"].values)) if "speed" in measured else None,
        mean=_by_name(tests).get("mean"),
        targets=_by_name(accuracies),
        last_step=max((step for step, _ in train + tests), default=None),
        unreadable=unreadable,
    )


def _by_name(lines: list[tuple[float, dict[str, Any]]]) -> dict[str, Points]:
    """Return the numbers of lines by name, without those that are not finite."""
    pairs: dict[str, list[tuple[float, float]]] = {}
    for step, found in lines:
        for name, value in found.items():
            if isinstance(value, (int, float)):
                pairs.setdefault(name, []).append((step, value))
    return {name: Points(*np.array(known, np.float64).T) for name, known in pairs.items()}
