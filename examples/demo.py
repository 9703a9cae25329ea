"""The whole recipe on a small, long-tailed, noisy set of drawn faces; ends with a report.

    python examples/demo.py [--output demo_output] [--seed 0] [--fresh]

The faces and their planted noise are drawn here (recordio_tools.make_synthetic); then
train_unequal.py does all the rest, and may be ended, killed even, at any moment: started again,
the demo goes on. Its last lines compare what was left out with what was planted.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from pathlib import Path
from typing import Sequence

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # it shows the same on every machine

import unequal  # noqa: F401, E402  (readies the process before mxnet is imported)

# isort: split
from recordio_tools.make_synthetic import make_synthetic  # noqa: E402
from unequal.commands import main_of_recipe  # noqa: E402
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
# people whom no stage sees, for rank-1: drawn with another seed they are others
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
    "--network",
    "r18",
    "--width",
    "0.25",
    "--emb-size",
    "128",
    "--margin-s",
    "32",
    "--margin-m",
    "0.3",
    "--target",
    "unseen",
    "--per-batch-size",
    "64",
    "--test-every",
    "75",
    "--patience",
    "2",
    "--batch_size_mining",
    "64",
    "--bag-size",
    "360",
    "--batch-size1",
    "60",
    "--batchsize_id",
    "60",
    "--batch-size2",
    "120",
    "--stage1",
    "--end-epoch 16",
    "--stage2b",
    "--lr 0.005 --end-epoch 5",
    "--stage3",
    "--lr 0.003 --end-epoch 1 --verbose 20",
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


def noise_found(noise_list: Path, truth: Path) -> dict[str, tuple[int, int]]:
    """{kind of image: (how many of them the list names, how many the head has)}."""
    named = {int(line.split()[1]) for line in noise_list.read_text().splitlines()}
    with open(truth, encoding="utf-8", newline="") as file:
        kinds = [
            (row["kind"], int(row["record"]) in named)
            for row in csv.DictReader(file)
            if row["set"] == "head"
        ]
    return {
        kind: (kinds.count((kind, True)), sum(kind == other for other, _ in kinds))
        for kind in NAMES
    }


def run(output: Path, seed: int, fresh: bool) -> int:
    """Draw, run the recipe, compare the noise list; the recipe's exit status."""
    started = time.time()
    output.mkdir(parents=True, exist_ok=True)
    draw(output, seed)
    recipe = output / "recipe"
    status = main_of_recipe(
        [
            "--head",
            str(output / "data" / "head"),
            "--tail",
            str(output / "data" / "tail"),
            "--output",
            str(recipe),
            "--identify",
            str(output / "people" / "head"),
            "--seed",
            str(seed),
            *RECIPE,
            *(["--fresh"] if fresh else []),
        ]
    )
    if status != 0:
        return status
    listed = recipe / "denoise" / "noiselist.txt"
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
