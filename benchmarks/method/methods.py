"""The methods that are compared: what each trains on, in which order, for how many images."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Callable, NamedTuple

from method_runs import FinishedRun, Runs
from method_sets import Sets, read_truth
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_list import NoiseRow, write_noise_list


class Method(NamedTuple):
    """What it is called in tables, and a function that trains it and returns its last run."""

    title: str
    train: Callable[[Runs, Sets], FinishedRun]


def plain_on_all(runs: Runs, sets: Sets) -> FinishedRun:
    """Train ArcFace on head and tail merged, every identity a class."""
    return runs.softmax(runs.merged(sets.head, sets.tail), runs.settings.budget)


def plain_on_head(runs: Runs, sets: Sets) -> FinishedRun:
    """Train ArcFace on the head for as long as any other method takes."""
    return runs.softmax(sets.head, runs.settings.budget)


def noise_resistance(runs: Runs, sets: Sets) -> FinishedRun:
    """Train steps 1, 2.1 and 2.2."""
    return runs.noise_resistance(_start(runs, sets), sets.head, _rest(runs))


def again(runs: Runs, sets: Sets) -> FinishedRun:
    """Train step 1, list the noise, and train step 1 anew on what is left."""
    return runs.softmax(_cleaned(runs, sets), _rest(runs))


def all_steps(runs: Runs, sets: Sets) -> FinishedRun:
    """Train as in 2019: steps 1, 2.1, 2.2, 3.1 and 3.2."""
    half = _rest(runs) / 2
    head = runs.noise_resistance(_start(runs, sets), sets.head, half)
    return runs.unequal(head, runs.cleaned(sets.head, head), sets.tail, half)


def continued(runs: Runs, sets: Sets) -> FinishedRun:
    """Train as `again`, but from the model of the first training."""
    start = _start(runs, sets)
    return runs.softmax(_cleaned(runs, sets), _rest(runs), start)


def again_on_all(runs: Runs, sets: Sets) -> FinishedRun:
    """Train as `again`, with the tail as more classes."""
    return runs.softmax(runs.merged(_cleaned(runs, sets), sets.tail), _rest(runs))


def again_then_unequal(runs: Runs, sets: Sets, of_rest: float = 0.5) -> FinishedRun:
    """Train as `again` for a part of the rest, and step 3.2 for half of the rest."""
    cleaned = _cleaned(runs, sets)
    head = runs.softmax(cleaned, of_rest * _rest(runs))
    return runs.unequal(head, cleaned, sets.tail, _rest(runs) / 2)


def again_and_more(runs: Runs, sets: Sets) -> FinishedRun:
    """Train as `again`, and step 3.2 on top, beyond the budget."""
    return again_then_unequal(runs, sets, of_rest=1.0)


def again_in_full(runs: Runs, sets: Sets) -> FinishedRun:
    """Train as `again`, but count only the second training."""
    return runs.softmax(_cleaned(runs, sets), runs.settings.budget)


def told(runs: Runs, sets: Sets) -> FinishedRun:
    """Train as `plain_on_head` without the planted noise: what denoising could reach."""
    planted = [key for key, kind in read_truth(sets.truth).items() if kind != "clean"]
    path = runs.folder / "planted.txt"
    with closing(FaceRecords(sets.head)) as records:
        rows = [NoiseRow(int(records.read(key)[0]), key, 0.0, 0.0) for key in sorted(planted)]
    write_noise_list(path, rows)
    return runs.softmax(runs.without(sets.head, path), runs.settings.budget)


METHODS = {
    "a": Method("ArcFace on head and tail", plain_on_all),
    "b": Method("ArcFace on the head", plain_on_head),
    "c": Method("ArcFace, then NR, on the head", noise_resistance),
    "d": Method("denoise, ArcFace again from scratch", again),
    "e": Method("NR, denoise, step 3.2", all_steps),
    "f": Method("denoise, ArcFace continued", continued),
    "g": Method("denoise, ArcFace again on head and tail", again_on_all),
    "h": Method("denoise, ArcFace again, step 3.2", again_then_unequal),
    "i": Method("d with the whole budget for the second training", again_in_full),
    "j": Method("ArcFace on the head, told what is noise", told),
    "k": Method("d, and a quarter more of the budget for step 3.2", again_and_more),
}


def _start(runs: Runs, sets: Sets) -> FinishedRun:
    return runs.softmax(sets.head, runs.settings.start * runs.settings.budget)


def _rest(runs: Runs) -> float:
    return (1 - runs.settings.start) * runs.settings.budget


def _cleaned(runs: Runs, sets: Sets) -> Path:
    """Return the head without what the ArcFace training of the start takes for noise."""
    found = runs.noise_resistance(_start(runs, sets), sets.head, 0)
    return runs.cleaned(sets.head, found)
