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
import csv
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator, NamedTuple, Sequence

import numpy as np

from recordio_tools.make_synthetic import make_synthetic
from run_script import run_script
from unequal.faces.noise_scores import Scores, read_scores
from unequal.support.console import aligned
from unequal.support.errors import InputError

NETWORK = [
    *"--network r18 --width 0.25 --emb-size 128 --loss-type 4 --margin-s 32 --margin-m 0.3".split(),
    *"--target none --verbose 100000 --per-batch-size 64".split(),
]
LEARNING_RATE, DROPS = 0.03, (0.67, 0.87)
LEAST_IMAGES = 16
FIXED = 0.25
SCORES = "0_noise_scores.csv"


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


def main(argv: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(options.work or temporary).resolve()
        for case in cases(options):
            started = time.time()
            try:
                rows.append(result(case, work / case.name))
            except InputError as error:
                print(f"noise_threshold: {error}", file=sys.stderr)
                return 2
            print(f"{case.name}: {time.time() - started:.0f} s", file=sys.stderr, flush=True)
    print(aligned([HEAD, *map(line, rows)]))
    if options.json:
        Path(options.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


def cases(options: argparse.Namespace) -> Iterator[Case]:
    """Yield every set that the flags ask for."""
    for seed in options.seeds:
        for classes in options.classes:
            images = max(LEAST_IMAGES, options.images // classes)
            for outliers in options.outliers:
                for label_noise in options.label_noise:
                    yield Case(classes, images, outliers, label_noise, seed, options.epochs)


def result(case: Case, folder: Path) -> dict:
    """Return the row of a case: from its folder if it is there, else made now."""
    done = folder / "row.json"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        make_synthetic(
            folder / "data",
            overwrite=True,
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
        train(case, folder)
        done.write_text(json.dumps(compare(case, folder)), encoding="utf-8")
    return json.loads(done.read_text(encoding="utf-8"))


def train(case: Case, folder: Path) -> None:
    """Run steps 1, 2.1 and twice the noise pass of step 2.2: auto, and with FIXED."""
    common = [*NETWORK, "--data-dir", str(folder / "data" / "head"), "--seed", str(case.seed)]
    steps = case.epochs * (case.classes * case.images // 64)
    drops = ",".join(str(int(share * steps)) for share in DROPS)
    flags = ["--lr", str(LEARNING_RATE), "--lr-steps", drops, "--end-epoch", str(case.epochs)]
    flags += ["--prefix", str(folder / "model")]
    run_script("train_softmax.py", [*common, *flags], folder / "softmax.log")
    common += "--lr 0.01 --noise-beta 0.9 --end-epoch 1 --max-steps 1".split()
    flags = ["--pretrained", f"{folder / 'model'},0", "--prefix", str(folder / "model_t")]
    run_script("train_NR_savemodel.py", [*common, *flags], folder / "savemodel.log")
    for threshold in ("auto", str(FIXED)):
        flags = ["--pretrained", f"{folder / 'model_t'},0", "--batch_size_mining", "64"]
        flags += ["--noise-threshold", threshold, "--prefix", str(folder / threshold / "model")]
        try:
            run_script("train_NR.py", [*common, *flags], folder / f"noise_{threshold}.log")
        except InputError:
            # a threshold that keeps no batch ends the run; its scores are there
            if not (folder / threshold / SCORES).exists():
                raise


def compare(case: Case, folder: Path) -> dict:
    """Return what was flagged, and what could have been."""
    with open(folder / "data" / "truth.csv", encoding="utf-8", newline="") as file:
        kinds = {
            int(row["record"]): row["kind"] for row in csv.DictReader(file) if row["set"] == "head"
        }
    auto, fixed = (read_scores(folder / name / SCORES) for name in ("auto", str(FIXED)))
    log = (folder / "noise_auto.log").read_text(encoding="utf-8")
    said = next(line for line in log.splitlines() if line.startswith("noise threshold "))
    threshold = float(said.split(" ")[2].rstrip(":"))
    outlier = np.array([kinds[key] == "outlier" for key in auto.keys.tolist()])
    noise = np.array([kinds[key] != "clean" for key in auto.keys.tolist()])
    return {
        **case._asdict(),
        "threshold": threshold,
        "said": said,
        "auto": quality(auto.largest < threshold, outlier),
        "wrong label or outlier": quality(auto.largest < threshold, noise),
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


HEAD = (
    "classes",
    "images",
    "seed",
    "outliers",
    "wrong labels",
    "threshold",
    "flagged",
    "precision",
    "(any noise)",
    "recall",
    "F1",
    f"F1 fixed {FIXED}",
    "F1 best",
    "at",
)


def line(row: dict) -> list[str]:
    """Return the cells of a row, as HEAD names them; (any noise): wrong labels count, too."""
    auto = row["auto"]
    any_noise = row["wrong label or outlier"]["precision"]
    found = [auto["precision"], any_noise, auto["recall"], auto["F1"]]
    return [
        row["classes"],
        row["images"],
        row["seed"],
        row["outliers"],
        row["label_noise"],
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
