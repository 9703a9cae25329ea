"""What a stage wrote while it trained: FOLDER/history.jsonl."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, NamedTuple, Sequence

import numpy as np

from unequal.report.recipe_facts import read_json

NO_METRICS = {"kind", "step", "epoch", "rate", "speed", "seconds"}


class Points(NamedTuple):
    """A quantity over the steps: float64, both (points,), steps rising."""

    steps: np.ndarray
    values: np.ndarray


class StageHistory(NamedTuple):
    """A stage's training and testing.

    `metrics`: of the batches, by name, such as acc and softmaxloss. `speed`: images per second.
    `mean`: verification accuracy, mean of the sets, 0 to 1; `targets`: that of each set.
    `last_step`: the last step in the file. `unreadable`: how many lines could not be read.
    """

    metrics: dict[str, Points]
    speed: Points | None
    mean: Points | None
    targets: dict[str, Points]
    last_step: float | None
    unreadable: int


def read_history(folder: Path) -> StageHistory | None:
    """Read the history in a stage's folder; None if it has none yet.

    Steps that were repeated after an interruption count as they were done the last time. A line
    that is not complete, such as the last one of a killed run, is left out.
    """
    try:
        text = (folder / "history.jsonl").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    lines: list[dict[str, Any]] = []
    written = list(filter(str.strip, text.split("\n")))
    for line in written:
        try:
            found = read_json(line)
            lines += [found] if found["step"] is not None else []
        except (ValueError, TypeError, KeyError):
            pass
    if not written:
        return None
    train = _last_time(line for line in lines if line.get("kind") == "train")
    tests = _last_time(line for line in lines if line.get("kind") == "test")
    names = dict.fromkeys(name for line in train for name in line if name not in NO_METRICS)
    targets = dict.fromkeys(name for line in tests for name in line.get("targets", ()))
    metrics = {name: _points((line["step"], line.get(name)) for line in train) for name in names}
    accuracies = {
        name: _points(
            (line["step"], line.get("targets", {}).get(name, {}).get("accuracy")) for line in tests
        )
        for name in targets
    }
    return StageHistory(
        metrics={name: points for name, points in metrics.items() if points},
        speed=_points((line["step"], line.get("speed")) for line in train),
        mean=_points((line["step"], line.get("mean")) for line in tests),
        targets={name: points for name, points in accuracies.items() if points},
        last_step=max((line["step"] for line in (*train, *tests)), default=None),
        unreadable=len(written) - len(lines),
    )


def _last_time(lines: Iterable[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    """Leave out lines whose step, or an earlier one, comes again further down."""
    kept: list[dict[str, Any]] = []
    for line in lines:
        while kept and kept[-1]["step"] >= line["step"]:
            kept.pop()
        kept.append(line)
    return kept


def _points(pairs: Iterable[tuple[float, float | None]]) -> Points | None:
    known = [pair for pair in pairs if pair[1] is not None]
    return Points(*np.array(known, np.float64).T) if known else None
