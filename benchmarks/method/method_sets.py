"""The sets of one seed and one share of noise: drawn faces, or real ones with noise planted."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from planted_noise import plant
from recordio_tools.make_synthetic import make_synthetic

DRAWN = dict(identities=120, images=20, tail_identities=360, unseen_identities=100, pairs=600)
DRAWN_QUICK = dict(identities=40, images=12, tail_identities=80, unseen_identities=20, pairs=100)
# the people asked about are drawn as a set of their own, from numbers that no other seed has
PEOPLE = dict(identities=150, images=6, unseen_identities=2, pairs=20)
NO_MORE = dict(tail_identities=2, tail_images=(1, 1), label_noise=0.0, outliers=0.0)
PEOPLE_SEED = 1_000_000


class Source(NamedTuple):
    """Where faces come from."""

    data: str  # a folder of RecordIO sets; '' for drawn faces
    size: int  # height and width of the images to train on
    quick: bool  # a few drawn faces
    budget: int  # images that a method trains on


class Sets(NamedTuple):
    """What a method may train on, and what it is measured by."""

    head: Path
    tail: Path
    people: Path  # a RecordIO set of identities in neither head nor tail
    pairs: Path  # a verification set of such identities
    truth: Path  # a table of what each image of the head is


def make_sets(folder: Path, source: Source, seed: int, noise: float) -> Sets:
    """Return the sets in ``folder``/seed.../noise...; make them if they are not there.

    The same images are noise in all methods, and those of a lower share are noise at a higher
    one, too, as far as ``source`` allows.

    Args:
        folder: for all sets.
        source: where the faces come from.
        seed: of all random choices.
        noise: share of the head's images, half of them with wrong labels and half outliers; the
            tail has none.
    """
    of_seed = folder / f"seed{seed}"
    data = of_seed / f"noise{round(100 * noise)}" / "data"
    people = data if source.data else of_seed / "people"
    if source.data:
        if not data.exists():
            plant(Path(source.data), data, noise, seed, source.size)
    else:
        if not people.exists():
            make_synthetic(people, seed=PEOPLE_SEED + seed, size=source.size, **PEOPLE, **NO_MORE)
        if not data.exists():
            drawn = DRAWN_QUICK if source.quick else DRAWN
            shares = dict(label_noise=noise / 2, outliers=noise / 2)
            make_synthetic(data, seed=seed, size=source.size, tail_images=(2, 4), **shares, **drawn)
    return Sets(
        data / "head",
        data / "tail",
        people / ("people" if source.data else "head"),
        data / ("unseen.bin" if source.data else "head/unseen.bin"),
        data / "truth.csv",
    )


def read_truth(path: Path) -> dict[int, str]:
    """Return what each record of the head is: clean, label or outlier."""
    with open(path, encoding="utf-8", newline="") as file:
        return {
            int(row["record"]): row["kind"] for row in csv.DictReader(file) if row["set"] == "head"
        }


def list_quality(noise_list: Path, truth: dict[int, str]) -> dict[str, float]:
    """Compare a noise list with what was planted; shares of nothing are left out.

    Returns:
        precision: share of what is listed that is noise; outliers, labels: share of these that is
        listed; clean: share of the good images that is listed.
    """
    listed = {int(line.split()[1]) for line in noise_list.read_text().splitlines()}
    clean, wrong, outliers = (
        {key for key in truth if truth[key] == kind} for kind in ("clean", "label", "outlier")
    )
    shares = {
        "precision": (listed - clean, listed),
        "outliers": (listed & outliers, outliers),
        "labels": (listed & wrong, wrong),
        "clean": (listed & clean, clean),
    }
    return {
        "listed": len(listed),
        "noise": len(truth) - len(clean),
        **{name: len(part) / len(whole) for name, (part, whole) in shares.items() if whole},
    }
