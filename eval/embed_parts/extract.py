"""Embeddings of all faces of a source, into a file, resumed where an earlier run ended."""

from __future__ import annotations

import time
from typing import Callable

import numpy as np

from eval.embed_parts.face_sources import FaceBatch, FaceSource, face_batches
from eval.embed_parts.resumable_rows import ResumableRows
from unequal.support.pipelining import mirror_pusher, one_behind, pusher

COMMIT_SECONDS = 5.0


def extract(
    source: FaceSource,
    embed: Callable[[np.ndarray], np.ndarray],
    rows: ResumableRows,
    batch_size: int,
    flip: bool = True,
    normalize: bool = False,
    progress: Callable[[int], object] | None = None,
    commit_seconds: float = COMMIT_SECONDS,
) -> None:
    """Append the embeddings that `rows` lacks.

    An image that cannot be decoded has a row of NaN.

    Args:
        source: the images.
        embed: maps uint8 RGB images (batch_size, 3, height, width) to embeddings (batch_size, d).
            It sees the same images together however often the work was interrupted, so the
            results do not depend on that.
        rows: where the embeddings go.
        batch_size: images at a time.
        flip: add the embedding of the mirror image, as verification does.
        normalize: scale each embedding to length 1.
        progress: called with the number of rows that each batch has added.
        commit_seconds: the time after which finished rows are made safe.

    Raises:
        InputError: as `face_batches` and `embed` do. What was embedded until then is kept.
    """
    push = mirror_pusher(embed) if flip else lambda images: (pusher(embed)(images),)
    committed = time.monotonic()
    batches = face_batches(source, rows.done, batch_size)
    try:
        for batch, parts in one_behind((batch, push(batch.images)) for batch in batches):
            _append(rows, batch, parts, normalize)
            if progress is not None:
                progress(len(batch.texts))
            if time.monotonic() - committed >= commit_seconds:
                rows.commit()
                committed = time.monotonic()
    finally:
        rows.close()


def _append(rows: ResumableRows, batch: FaceBatch, parts: tuple, normalize: bool) -> None:
    embeddings = np.sum([np.asarray(part, np.float64) for part in parts], axis=0)
    embeddings = embeddings[: len(batch.texts)]
    if normalize:
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        embeddings = embeddings / np.where(lengths > 0, lengths, 1)
    embeddings[~batch.readable] = np.nan
    unreadable = [name for (_, name), good in zip(batch.texts, batch.readable) if not good]
    rows.append(embeddings.astype(np.float32), batch.texts, unreadable)
