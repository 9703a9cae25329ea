"""Images a second out of the iterators, against bare ``cv2.imdecode`` of the same bytes.

    python benchmarks/iterators.py [--data-dir DIR] [--repeats 5] [--json FILE]

Without ``--data-dir`` a set of 112 px faces is drawn first. Also: the choice of confusing
identities in a bag and the verification search, each against the bare matrix product in it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Sequence

import unequal  # noqa: F401  (readies the process before mxnet is imported)

# isort: split
import cv2
import numpy as np
from timing import flags, keep, median_seconds

from eval.folds import evaluate
from recordio_tools.make_synthetic import make_synthetic
from unequal.data.image_iter import ImageIter
from unequal.data.records import FaceRecords, read_property
from unequal.mining.confusing import pick_confusing

BATCH = 64


def bare_decode(records: FaceRecords) -> None:
    """Decode every image on one thread."""
    for key in records.image_keys:
        cv2.imdecode(np.frombuffer(records.read(int(key))[1], np.uint8), cv2.IMREAD_COLOR)


def iterate(records: FaceRecords, shape: tuple, augment: str) -> None:
    """One epoch of the iterator."""
    batches = ImageIter(records, BATCH, shape, augment=augment, log=lambda line: None)
    for batch in batches:
        batch.data[0].wait_to_read()
    batches.close()


def iterator_rows(data_dir: str, repeats: int) -> list[dict]:
    """Images a second of the bare decoder and of both iterators."""
    records = FaceRecords(data_dir)
    size = read_property(data_dir)
    images, shape = len(records.image_keys), (3, size.height, size.width)
    floor = images / median_seconds(lambda: bare_decode(records), repeats)
    rows = [{"what": "read + cv2.imdecode, one thread", "images/s": floor, "ratio": 1.0}]
    for augment, name in (("plain", "iterator (mirror)"), ("colour", "iterator (colour)")):
        rate = images / median_seconds(lambda a=augment: iterate(records, shape, a), repeats)
        rows.append({"what": name, "images/s": rate, "ratio": rate / floor})
    return rows


def search_rows(repeats: int) -> list[dict]:
    """Seconds of the searches and of the matrix product or distances that they need anyway."""
    rng = np.random.RandomState(0)
    rows = []
    for identities in (1200, 12000):
        centres = rng.normal(size=(identities, 512)).astype(np.float32)
        product = median_seconds(lambda c=centres: c.dot(c.T), repeats)
        counts = np.full(identities, 3)
        faces = np.repeat(centres, 3, 0) + rng.normal(size=(identities * 3, 512)) * 0.3
        faces = (faces / np.linalg.norm(faces, axis=1, keepdims=True)).astype(np.float32)
        picked = median_seconds(lambda f=faces, n=counts: pick_confusing(f, n, 120), repeats)
        rows.append({"what": f"120 confusing of {identities} identities", "seconds": picked,
                     "bare": product, "ratio": picked / product})
    embeddings = rng.normal(size=(12000, 512))
    same = np.arange(6000) % 2 == 0
    distances = median_seconds(
        lambda: np.square(embeddings[0::2] - embeddings[1::2]).sum(1), repeats)
    searched = median_seconds(lambda: evaluate(embeddings, same), repeats)
    rows.append({"what": "evaluate, 6000 pairs", "seconds": searched, "bare": distances,
                 "ratio": searched / distances})
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    parser = flags("iterators and searches")
    parser.add_argument("--data-dir", help="a RecordIO set; default: faces drawn for it")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = options.data_dir
        if data_dir is None:
            make_synthetic(Path(folder) / "set", size=112, identities=60, images=20,
                           tail_identities=4, unseen_identities=4, pairs=20)
            data_dir = str(Path(folder) / "set" / "head")
        images = iterator_rows(data_dir, options.repeats)
    searches = search_rows(options.repeats)
    for row in images:
        print(f"{row['what']:<40}{row['images/s']:>10.0f} images/s{row['ratio']:>8.2f} x bare")
    for row in searches:
        print(f"{row['what']:<40}{row['seconds']:>10.3f} s{row['ratio']:>8.1f} x its "
              f"{row['bare']:.3f} s of products")
    keep(images + searches, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
