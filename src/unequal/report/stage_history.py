"""What a stage wrote while it trained: FOLDER/history.jsonl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from unequal.report.recipe_facts import number

NO_METRICS = {"kind", "step", "epoch", "rate", "speed", "seconds"}


class Points(NamedTuple):
    """A quantity over the steps: float64, both (points,), steps rising."""

    steps: np.ndarray
    values: np.ndarray


class History(NamedTuple):
    """A stage's training and testing.

    `metrics`: of the batches, by name, such as acc and softmaxloss; `speed`: images per second;
    `rate`: the learning rate; `mean`: verification accuracy, mean of the sets, 0 to 1; `targets`:
    that of each set; `last_step`: the last that was written down, None where none was;
    `unreadable`: lines that are no JSON.
    """

    metrics: dict[str, Points]
    speed: Points | None
    rate: Points | None
    mean: Points | None
    targets: dict[str, Points]
    last_step: float | None
    unreadable: int


def read_history(folder: Path) -> History | None:
    """The history in a stage's folder; None where it has none yet.

    Steps that were done again after an interruption count as they were done the last time. A line
    that is not whole, such as the last one of a killed run, is passed over.
    """
    try:
        text = (folder / "history.jsonl").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines: list[dict[str, Any]] = []
    unreadable = 0
    for line in filter(str.strip, text.split("\n")):
        try:
            found = json.loads(line)
        except ValueError:
            found = None
        if isinstance(found, dict) and number(found.get("step")) is not None:
            lines.append(found)
        else:
            unreadable += 1
    if not lines and not unreadable:
        return None
    return _history(_last_time(lines), unreadable)


def _last_time(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines without those whose step, or a later one, is told of again further on."""
    kept: list[dict[str, Any]] = []
    lowest: dict[str, float] = {}
    for line in reversed(lines):
        kind, step = str(line.get("kind")), line["step"]
        if step < lowest.get(kind, np.inf):
            lowest[kind] = step
            kept.append(line)
    return kept[::-1]


def _history(lines: list[dict[str, Any]], unreadable: int) -> History:
    train = [line for line in lines if line.get("kind") == "train"]
    tests = [line for line in lines if line.get("kind") == "test"]
    names = {name: None for line in train for name in line if name not in NO_METRICS}
    metrics = {name: _points(train, name) for name in names}
    targets: dict[str, list[dict[str, Any]]] = {}
    for line in tests:
        parts = line.get("targets")
        for target, part in parts.items() if isinstance(parts, dict) else ():
            accuracy = part.get("accuracy") if isinstance(part, dict) else None
            targets.setdefault(target, []).append({"step": line["step"], "accuracy": accuracy})
    found = {target: _points(parts, "accuracy") for target, parts in targets.items()}
    return History(
        metrics={name: points for name, points in metrics.items() if points is not None},
        speed=_points(train, "speed"),
        rate=_points(train, "rate"),
        mean=_points(tests, "mean"),
        targets={target: points for target, points in found.items() if points is not None},
        last_step=max((line["step"] for line in lines), default=None),
        unreadable=unreadable,
    )


def _points(lines: list[dict[str, Any]], name: str) -> Points | None:
    pairs = [(line["step"], number(line.get(name))) for line in lines]
    known = np.array([pair for pair in pairs if pair[1] is not None], np.float64).reshape(-1, 2)
    return Points(known[:, 0], known[:, 1]) if len(known) else None
