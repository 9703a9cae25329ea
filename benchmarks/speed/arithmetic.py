"""Choosing a bag's most confusing identities, and verification figures, beside the bare products.

    python benchmarks/speed/arithmetic.py [--identities 1200 12000] [--pairs 6000 60000]
                                    [--repeats 5] [--json FILE]

Choosing: three faces an identity, 512 numbers a face, 120 identities chosen. The other is NumPy's
float32 product of the centres with themselves, without the centres or anything after it.

``evaluate``, ten folds and all thresholds: embeddings as ``eval.verification`` makes them, 512
numbers, float64, of length 1. The other is the pairs' distances, computed some pairs at a time, so
that they stay in the cache; all at once it takes longer.
"""

from __future__ import annotations

from typing import Iterator

import numpy as np

from comparison import Comparison, run
from eval.verification_parts.folds import evaluate
from turns import seconds_in_turns
from unequal.method.confusing import pick_confusing

FACES, NUMBERS, CHOSEN = 3, 512, 120
AT_ONCE = 256


def choosing(identities: int, repeats: int) -> Comparison:
    """The row of ``pick_confusing``."""
    rng = np.random.RandomState(0)
    centres = rng.normal(size=(identities, NUMBERS)).astype(np.float32)
    counts = np.full(identities, FACES)
    faces = np.repeat(centres, FACES, 0) + rng.normal(size=(identities * FACES, NUMBERS)) * 0.3
    faces = faces.astype(np.float32)
    product = np.empty((identities, identities), np.float32)
    works = {
        "ours": lambda: pick_confusing(faces, counts, CHOSEN),
        "other": lambda: np.dot(centres, centres.T, out=product),
    }
    found = seconds_in_turns(works, repeats, each=1e-3)
    what = f"{CHOSEN} confusing of {identities:,} identities"
    return Comparison(what, "ms", "bare matrix product", **found)


def distances(embeddings: np.ndarray) -> np.ndarray:
    """Squared distances of the rows 2p and 2p + 1."""
    parts = []
    for start in range(0, len(embeddings), 2 * AT_ONCE):
        rows = embeddings[start : start + 2 * AT_ONCE]
        parts.append(np.square(rows[0::2] - rows[1::2]).sum(1))
    return np.concatenate(parts)


def verification(pairs: int, repeats: int) -> Comparison:
    """The row of ``evaluate``; every other pair is of one person."""
    rng = np.random.RandomState(0)
    same = np.arange(pairs) % 2 == 0
    embeddings = rng.normal(size=(2 * pairs, NUMBERS))
    embeddings[1::2][same] += embeddings[0::2][same]
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    works = {"ours": lambda: evaluate(embeddings, same), "other": lambda: distances(embeddings)}
    found = seconds_in_turns(works, repeats, each=1e-3)
    return Comparison(f"evaluate, {pairs:,} pairs", "ms", "bare distances", **found)


def measure(
    identities: tuple = (1200, 12000), pairs: tuple = (6000, 60000), repeats: int = 5
) -> Iterator[Comparison]:
    """The rows of both."""
    yield from (choosing(count, repeats) for count in identities)
    yield from (verification(count, repeats) for count in pairs)


if __name__ == "__main__":
    run(measure)
