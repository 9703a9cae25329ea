"""Measure whether `train_NR.py --noise-threshold auto` finds the images of nobody.

    python benchmarks/method/noise_threshold.py [--classes 100 300]
        [--outliers 0 0.1 0.2 0.4] [--work DIR]

For each number of classes, share of outliers and seed: draws a set whose noise is known, runs
steps 1 and 2.1, lets step 2.2 look for noise, and compares the images that it flags with the truth.
Beside it stand a fixed threshold (with the margin, as in 2019) and the best that any threshold
could do, which only the truth can tell. What is in --work is not done again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from method_runs import Runs, Settings
from method_sets import read_truth
from recordio_tools.make_synthetic import make_synthetic
from unequal.faces.noise_scores import Scores
from unequal.support.console import aligned
from unequal.support.errors import InputError

LEARNING_RATE, DROPS, BATCH = 0.03, (0.67, 0.87), 64
LEAST_IMAGES = 16
FIXED = 0.25


class Case(NamedTuple):
    """One set to make: `images` of each of `classes`, and its shares of noise."""

    classes: int
    images: int
    outliers: float
    label_noise: float
    seed: int
    epochs: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        return "_".join(f"{name}{value}" for name, value in zip("cnolse", self))


def main() -> int:
    options = _parser().parse_args()
    cases = [
        Case(classes, max(LEAST_IMAGES, options.images // classes), *shares, seed, options.epochs)
        for seed, classes, *shares in product(
            options.seeds, options.classes, options.outliers, options.label_noise
        )
    ]
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(options.work or temporary).resolve()
        for case in cases:
            started = time.time()
            try:
                rows.append(compare(case, work / case.name))
            except InputError as error:
                print(f"noise_threshold: {error}", file=sys.stderr)
                return 2
            print(f"{case.name}: {time.time() - started:.0f} s", file=sys.stderr, flush=True)
    print(aligned([HEAD, *map(line, rows)]))
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


def compare(case: Case, folder: Path) -> dict:
    """Return the row of a case: what was flagged, and what could have been."""
    data = folder / "data"
    if not data.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_synthetic(
            data,
            identities=case.classes,
            images=case.images,
            outliers=case.outliers,
            label_noise=case.label_noise,
            seed=case.seed,
            size=32,
            tail_identities=2,
            unseen_identities=2,
            pairs=20,
        )
    runs = Runs(folder, case.seed, Settings(lr=LEARNING_RATE), DROPS)
    images = case.epochs * (case.classes * case.images // BATCH * BATCH)
    model = runs.softmax(data / "head", images)
    by_auto = runs.noise_resistance(model, data / "head", 0)
    runs.settings = runs.settings._replace(threshold=str(FIXED))
    auto, fixed = by_auto.scores, runs.noise_resistance(model, data / "head", 0).scores
    said = next(text for text in by_auto.log.splitlines() if text.startswith("noise threshold "))
    threshold = float(said.split(" ")[2].rstrip(":"))
    truth = read_truth(data / "truth.csv")
    kinds = np.array([truth[key] for key in auto.keys.tolist()])
    outlier = kinds == "outlier"
    return {
        **case._asdict(),
        "threshold": threshold,
        "said": said,
        "auto": quality(auto.largest < threshold, outlier),
        "wrong label or outlier": quality(auto.largest < threshold, kinds != "clean"),
        "fixed": quality(fixed.largest < FIXED, outlier),
        "best": best(auto, outlier),
        "best with margin": best(fixed, outlier),
    }


def quality(flagged: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """Return how many are flagged, precision, recall and their harmonic mean (0 if undefined)."""
    hits = np.count_nonzero(flagged & wanted)
    return {
        "flagged": int(np.count_nonzero(flagged)),
        "precision": hits / max(1, np.count_nonzero(flagged)),
        "recall": hits / max(1, np.count_nonzero(wanted)),
        "F1": 2 * hits / max(1, np.count_nonzero(flagged) + np.count_nonzero(wanted)),
    }


def best(scores: Scores, wanted: np.ndarray) -> dict[str, float]:
    """Return the threshold of the highest F1, and its quality."""
    order = np.argsort(scores.largest, kind="stable")
    flagged = np.arange(1, len(order) + 1)
    twice = 2 * np.cumsum(wanted[order]) / (flagged + np.count_nonzero(wanted))
    threshold = np.nextafter(scores.largest[order[np.argmax(twice)]], np.float32(2))
    return {"threshold": float(threshold), **quality(scores.largest < threshold, wanted)}


HEAD = [
    *"classes,images,seed,outliers,wrong labels,threshold,flagged,precision,(any noise)".split(","),
    *("recall", "F1", f"F1 fixed {FIXED}", "F1 best", "at"),
]


def line(row: dict) -> list[str]:
    """Return the cells of a row, as HEAD names them; (any noise): wrong labels count, too."""
    auto = row["auto"]
    any_noise = row["wrong label or outlier"]["precision"]
    found = [auto["precision"], any_noise, auto["recall"], auto["F1"]]
    return [
        *(row[name] for name in ("classes", "images", "seed", "outliers", "label_noise")),
        row["threshold"] or "none",
        auto["flagged"],
        *(f"{value:.2f}" if auto["flagged"] else "-" for value in found),
        f"{row['fixed']['F1']:.2f}",
        f"{row['best']['F1']:.2f}",
        f"{row['best']['threshold']:.4g}",
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--outliers", type=float, nargs="+", default=[0.0, 0.1, 0.2, 0.4])
    parser.add_argument("--label-noise", type=float, nargs="+", default=[0.1])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument(
        "--images",
        type=int,
        default=4800,
        help=f"in a set ({LEAST_IMAGES} of each class, at least)",
    )
    parser.add_argument("--epochs", type=int, default=20, help="of step 1")
    parser.add_argument("--work", help="folder for all that is made (default: a temporary one)")
    parser.add_argument("--json", help="file for the numbers")
    return parser


if __name__ == "__main__":
    sys.exit(main())
