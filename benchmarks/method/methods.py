"""The methods that are compared: what each trains on, in which order, for how many images."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, NamedTuple

from method_runs import FinishedRun, Runs, Settings
from method_sets import Sets, read_truth
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_list import NoiseRow, write_noise_list

Train = Callable[[Runs, Sets, Settings], FinishedRun]


class Method(NamedTuple):
    """What it is called in tables, and a function that trains it and returns its last run."""

    title: str
    train: Train


def plain_on_all(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    """Train ArcFace on head and tail merged, every identity a class."""
    return runs.softmax(runs.merged(sets.head, sets.tail), settings.budget)


def plain_on_head(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    """Train ArcFace on the head for as long as any other method takes."""
    return runs.softmax(sets.head, settings.budget)


def noise_resistance(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    """Train steps 1, 2.1 and 2.2."""
    start = _start(runs, sets, settings)
    return runs.noise_resistance(start, sets.head, _rest(settings))


def again(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    """Train step 1, list the noise, and train step 1 anew on what is left."""
    return runs.softmax(_cleaned(runs, sets, settings), _rest(settings))


def all_steps(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    """Train as in 2019: steps 1, 2.1, 2.2, 3.1 and 3.2."""
    start = _start(runs, sets, settings)
    head = runs.noise_resistance(start, sets.head, _rest(settings) / 2)
    cleaned = runs.cleaned(sets.head, head)
    return runs.unequal(head, cleaned, sets.tail, _rest(settings) / 2)


def continued(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    """Train as `again`, but from the model of the first training."""
    start = _start(runs, sets, settings)
    return runs.softmax(_cleaned(runs, sets, settings), _rest(settings), start)


def again_on_all(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    """Train as `again`, with the tail as more classes."""
    cleaned = runs.merged(_cleaned(runs, sets, settings), sets.tail)
    return runs.softmax(cleaned, _rest(settings))


def again_then_unequal(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    """Train as `again` for a quarter of the budget, and step 3.2 for the last quarter."""
    cleaned = _cleaned(runs, sets, settings)
    head = runs.softmax(cleaned, _rest(settings) / 2)
    return runs.unequal(head, cleaned, sets.tail, _rest(settings) / 2)


def again_and_more(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    """Train as `again`, and step 3.2 on top, beyond the budget."""
    cleaned = _cleaned(runs, sets, settings)
    head = runs.softmax(cleaned, _rest(settings))
    return runs.unequal(head, cleaned, sets.tail, _rest(settings) / 2)


def again_in_full(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    """Train as `again`, but count only the second training."""
    return runs.softmax(_cleaned(runs, sets, settings), settings.budget)


def told(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    """Train as `plain_on_head` without the planted noise: what denoising could reach."""
    return runs.softmax(runs.without(sets.head, _planted_list(runs, sets)), settings.budget)


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


def _start(runs: Runs, sets: Sets, settings: Settings) -> FinishedRun:
    return runs.softmax(sets.head, settings.start * settings.budget)


def _rest(settings: Settings) -> float:
    return (1 - settings.start) * settings.budget


def _cleaned(runs: Runs, sets: Sets, settings: Settings) -> Path:
    """Return the head without what the ArcFace training of the start takes for noise."""
    start = _start(runs, sets, settings)
    return runs.cleaned(sets.head, runs.noise_resistance(start, sets.head, 0))


def _planted_list(runs: Runs, sets: Sets) -> Path:
    """Write a noise list of exactly what was planted."""
    path = runs.folder / "planted.txt"
    records = FaceRecords(sets.head)
    try:
        planted = [key for key, kind in read_truth(sets.truth).items() if kind != "clean"]
        write_noise_list(
            path, [NoiseRow(int(records.read(key)[0]), key, 0.0, 0.0) for key in sorted(planted)]
        )
    finally:
        records.close()
    return path
