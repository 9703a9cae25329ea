"""Measure how well a model tells people apart whom no training has seen: pairs, and a gallery.

The gallery has the first image of each person, the probes are the others.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from eval import verification
from eval.identification import identify
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.embedder import OnDevices, load_embedder
from unequal.faces.decoding import ImageLoader
from unequal.faces.face_records import FaceRecords, read_property

BATCH = 100
FARS = (1e-2, 1e-3)


def scores(prefix: Path, pairs: Path, people: Path) -> dict[str, float]:
    """Measure the checkpoint ``prefix``,0.

    Args:
        prefix: of the checkpoint.
        pairs: a verification set.
        people: a RecordIO set of people.

    Returns:
        accuracy: over 10 folds, image and mirror image added. rank1: share of the probes whose
        nearest gallery image shows the same person. TAR@FAR: share of the pairs of a probe and the
        gallery image of its person that are closer than all but FAR of the pairs with another
        person; left out where there are too few pairs.
    """
    embed = load_embedder(Checkpoint(str(prefix), 0))
    accuracy = verification.test(verification.load_bin(pairs), embed, BATCH).acc2
    embeddings, labels = embeddings_of(people, embed)
    _, first = np.unique(labels, return_index=True)
    probes = np.setdiff1d(np.arange(len(labels)), first)
    found = identify(
        embeddings[first], labels[first], embeddings[probes], labels[probes], fars=FARS
    )
    rates = {
        f"TAR@FAR={far:g}": float(found.tar[far]) for far in FARS if found.tar[far] is not None
    }
    return {"accuracy": float(accuracy), "rank1": float(found.rank1), **rates}


def embeddings_of(folder: Path, embed: OnDevices) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings, image and mirror image added (images, emb), and labels, by key."""
    _, height, width = read_property(folder)
    rows, labels = [], []
    with closing(FaceRecords(str(folder))) as records:
        with closing(ImageLoader(records, (3, height, width))) as loader:
            for chunk in loader.chunks(records.image_keys, BATCH):
                count = len(chunk.keys)
                plain, mirrored = embed.push_with_mirror(chunk.images)
                rows.append((np.asarray(plain) + np.asarray(mirrored))[:count])
                labels.append(chunk.labels[:count].astype(np.int64))
    return np.concatenate(rows), np.concatenate(labels)
