"""``evaluate``, ten folds and all thresholds, against the bare distances of the pairs.

    python benchmarks/speed/pairs.py [--pairs 6000 60000] [--repeats 5] [--json FILE]

Embeddings as ``eval.verification`` makes them: 512 numbers, float64, of length 1. The distances are
computed some pairs at a time, so that they stay in the cache; all at once it takes longer.
"""

from __future__ import annotations

import sys
from typing import Sequence

import numpy as np

from comparison import Comparison, finish
from eval.verification_parts.folds import evaluate
from timing import flags, in_turns, positive

NUMBERS, AT_ONCE = 512, 256
MILLISECOND = 1e-3


def distances(embeddings: np.ndarray) -> np.ndarray:
    """Squared distances of the rows 2p and 2p + 1."""
    parts = []
    for start in range(0, len(embeddings), 2 * AT_ONCE):
        rows = embeddings[start : start + 2 * AT_ONCE]
        parts.append(np.square(rows[0::2] - rows[1::2]).sum(1))
    return np.concatenate(parts)


def measure(pairs: int, repeats: int) -> Comparison:
    """One row; every other pair is of one person."""
    rng = np.random.RandomState(0)
    same = np.arange(pairs) % 2 == 0
    embeddings = rng.normal(size=(2 * pairs, NUMBERS))
    embeddings[1::2][same] += embeddings[0::2][same]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    found = in_turns(
        {
            "ours": lambda: evaluate(embeddings, same),
            "bare": lambda: distances(embeddings),
        },
        repeats,
    )
    milliseconds = {name: [one / MILLISECOND for one in times] for name, times in found.items()}
    return Comparison(
        f"evaluate, {pairs:,} pairs",
        "ms",
        "bare distances",
        milliseconds["ours"],
        milliseconds["bare"],
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = flags("verification figures beside the bare distances")
    parser.add_argument("--pairs", type=positive, nargs="+", default=[6000, 60000])
    options = parser.parse_args(argv)
    finish([measure(pairs, options.repeats) for pairs in options.pairs], options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
