"""Choosing a bag's most confusing identities, against the matrix product of their centres.

    python benchmarks/speed/selection.py [--identities 1200 12000] [--repeats 5] [--json FILE]

Three faces an identity, 512 numbers a face, 120 identities chosen. The product is NumPy's, float32,
of the centres with themselves, without the centres or anything after it.
"""

from __future__ import annotations

import sys
from typing import Sequence

import numpy as np

from comparison import Comparison, finish
from timing import flags, in_turns, positive
from unequal.method.confusing import pick_confusing

FACES, NUMBERS, CHOSEN = 3, 512, 120
MILLISECOND = 1e-3


def measure(identities: int, repeats: int) -> Comparison:
    """One row."""
    rng = np.random.RandomState(0)
    centres = rng.normal(size=(identities, NUMBERS)).astype(np.float32)
    counts = np.full(identities, FACES)
    faces = np.repeat(centres, FACES, 0) + rng.normal(size=(identities * FACES, NUMBERS)) * 0.3
    faces = faces.astype(np.float32)
    product = np.empty((identities, identities), np.float32)
    found = in_turns(
        {
            "ours": lambda: pick_confusing(faces, counts, CHOSEN),
            "bare": lambda: np.dot(centres, centres.T, out=product),
        },
        repeats,
    )
    milliseconds = {name: [one / MILLISECOND for one in times] for name, times in found.items()}
    return Comparison(
        f"{CHOSEN} confusing of {identities:,} identities",
        "ms",
        "bare matrix product",
        milliseconds["ours"],
        milliseconds["bare"],
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = flags("choosing confusing identities beside the matrix product")
    parser.add_argument("--identities", type=positive, nargs="+", default=[1200, 12000])
    options = parser.parse_args(argv)
    rows = [measure(identities, options.repeats) for identities in options.identities]
    finish(rows, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
