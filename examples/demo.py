"""Run the whole recipe on a small, long-tailed, noisy set of drawn faces; end with a report.

    python examples/demo.py [--output demo_output] [--seed 0] [--fresh]

It draws the faces and plants the noise (recordio_tools.make_synthetic); train_unequal.py does the
rest. It may be ended at any moment, by SIGKILL too: started again, the demo resumes. Its last lines
compare what was left out with what was planted.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Sequence

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # it shows the same on every machine

import unequal  # noqa: F401, E402  (readies the process before mxnet is imported)

# isort: split
from recordio_tools.make_synthetic import make_synthetic  # noqa: E402
from unequal.commands import main_of_recipe  # noqa: E402
from unequal.report.stage_names import NOISE_LIST  # noqa: E402
from unequal.support.errors import InputError  # noqa: E402
from unequal.support.files import replace_file  # noqa: E402

FACES = dict(
    size=32,
    identities=300,
    images=16,
    tail_identities=300,
    tail_images=(2, 4),
    unseen_identities=100,
    pairs=1200,
    label_noise=0.1,
    outliers=0.1,
)
# people whom no training sees, for rank-1: with another seed other people are drawn
PEOPLE = dict(
    size=32,
    identities=150,
    images=6,
    tail_identities=2,
    tail_images=(2, 2),
    unseen_identities=20,
    pairs=20,
    label_noise=0.0,
    outliers=0.0,
)
NAMES = {
    "outlier": "images of nobody",
    "label": "images with a wrong label",
    "clean": "good images",
}
ANOTHER_SEED = 1_000_003
RECIPE = [
    *"--network r18 --width 0.25 --emb-size 128 --margin-s 32 --margin-m 0.3".split(),
    *"--target unseen --per-batch-size 64 --test-every 75 --patience 2".split(),
    *"--batch_size_mining 64 --bag-size 360".split(),
    *"--batch-size1 60 --batchsize_id 60 --batch-size2 120".split(),
    *("--step1", "--end-epoch 16"),
    *("--step2.2", "--lr 0.005 --end-epoch 5"),
    *("--step3.2", "--lr 0.003 --end-epoch 1 --verbose 20"),
]


def draw(output: Path, seed: int) -> None:
    """Draw the faces into ``output``/data, if they are not there from an earlier start."""
    made_of, kept = {"faces": FACES, "people": PEOPLE, "seed": seed}, output / "faces.json"
    if kept.exists() and json.loads(kept.read_text()) == json.loads(json.dumps(made_of)):
        return
    print(f"drawing faces into {output / 'data'} ...", flush=True)
    made = make_synthetic(output / "data", overwrite=True, seed=seed, **FACES)
    print(
        f"  head: {made.head_images} images of {FACES['identities']} people, "
        f"{made.mislabelled} with a wrong label and {made.outliers} of nobody among them\n"
        f"  tail: {made.tail_images} images of {FACES['tail_identities']} people\n"
        f"  test: {made.pairs} pairs of people who are in neither, and {PEOPLE['identities']} "
        f"more with {PEOPLE['images']} images each",
        flush=True,
    )
    make_synthetic(output / "people", overwrite=True, seed=seed + ANOTHER_SEED, **PEOPLE)
    replace_file(kept, lambda name: Path(name).write_text(json.dumps(made_of)))


def noise_found(listed: Path, truth: Path) -> dict[str, tuple[int, int]]:
    """Return, by kind of image, how many the list names and how many the head has."""
    named = {int(line.split()[1]) for line in listed.read_text().splitlines()}
    with open(truth, encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["set"] == "head"]
    found = Counter(row["kind"] for row in rows if int(row["record"]) in named)
    there = Counter(row["kind"] for row in rows)
    return {kind: (found[kind], there[kind]) for kind in NAMES}


def run(output: Path, seed: int, fresh: bool) -> int:
    """Draw, run the recipe, compare the noise list; return the recipe's exit status."""
    started = time.time()
    output.mkdir(parents=True, exist_ok=True)
    draw(output, seed)
    recipe = output / "recipe"
    words = ["--head", str(output / "data" / "head"), "--tail", str(output / "data" / "tail")]
    words += ["--output", str(recipe), "--identify", str(output / "people" / "head")]
    words += ["--seed", str(seed), *RECIPE, *(["--fresh"] if fresh else [])]
    status = main_of_recipe(words)
    if status != 0:
        return status
    listed = recipe / NOISE_LIST
    found = noise_found(listed, output / "data" / "truth.csv") if listed.exists() else {}
    print()
    for kind, (out, all_of_them) in found.items():
        print(f"left out: {out} of {all_of_them} {NAMES[kind]}")
    print(
        f"\n{time.time() - started:.0f} seconds since this start; the page to look at is "
        f"{recipe / 'report.html'}"
    )
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags and run; return the exit status."""
    parser = argparse.ArgumentParser(description="the whole recipe on drawn faces")
    parser.add_argument("--output", default="demo_output", help="folder for all that is made")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fresh", action="store_true", help="start over")
    options = parser.parse_args(argv)
    try:
        return run(Path(options.output), options.seed, options.fresh)
    except InputError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
