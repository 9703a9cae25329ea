"""Embeddings of all faces of a source, into a file, going on where an earlier run ended."""

from __future__ import annotations

import time
from collections import deque
from functools import partial
from typing import Callable

import numpy as np

from eval.embed_parts.face_batches import FaceBatch, face_batches
from eval.embed_parts.face_sources import FaceSource
from eval.embed_parts.resumable_rows import ResumableRows

Embed = Callable[[np.ndarray], np.ndarray]

COMMIT_SECONDS = 5.0


def extract(
    source: FaceSource,
    load: Callable[[], Embed],
    rows: ResumableRows,
    batch_size: int,
    flip: bool = True,
    normalize: bool = False,
    progress: Callable[[int], object] | None = None,
    commit_seconds: float = COMMIT_SECONDS,
) -> None:
    """Append the embeddings that `rows` lacks, and finish it.

    `load` gives the function that maps uint8 RGB images (n, 3, height, width) to embeddings (n, d);
    it is called only where something is lacking, and always sees `batch_size` images, the same
    ones together however often the work was interrupted: results do not depend on that. With
    `flip` an embedding is the sum of those of the image and its mirror image, as in verification;
    with `normalize` it has length 1. An image that cannot be decoded has a row of NaN.
    `progress` is told how many rows each batch has added.

    Raises InputError as `face_batches` and the function do; what was embedded until then is kept.
    """
    if rows.done < rows.count:
        embed = load()
        push = _pushing(embed, flip)
        waiting: deque[tuple[FaceBatch, tuple]] = deque()
        committed = time.monotonic()
        try:
            for batch in face_batches(source, rows.done, batch_size):
                waiting.append((batch, push(batch.images)))
                if len(waiting) > 1:
                    _append(rows, *waiting.popleft(), normalize, progress)
                if time.monotonic() - committed >= commit_seconds:
                    rows.commit()
                    committed = time.monotonic()
            while waiting:
                _append(rows, *waiting.popleft(), normalize, progress)
        finally:
            rows.close()
    rows.finish()


def _pushing(embed: Embed, flip: bool) -> Callable[[np.ndarray], tuple]:
    """Starts the work on images; what it returns is waited for by np.asarray."""
    if not flip:
        push = getattr(embed, "push", embed)
        return lambda images: (push(images),)
    return getattr(embed, "push_with_mirror", None) or partial(_with_mirror, embed)


def _with_mirror(embed: Embed, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return embed(images), embed(np.ascontiguousarray(images[:, :, :, ::-1]))


def _append(
    rows: ResumableRows,
    batch: FaceBatch,
    parts: tuple,
    normalize: bool,
    progress: Callable[[int], object] | None,
) -> None:
    count = len(batch.texts)
    embeddings = sum(np.asarray(part, np.float64)[:count] for part in parts)
    if normalize:
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        embeddings = embeddings / np.where(lengths > 0, lengths, 1)
    embeddings[~batch.readable] = np.nan
    unreadable = [name for (_, name), good in zip(batch.texts, batch.readable) if not good]
    rows.append(embeddings.astype(np.float32), batch.texts, unreadable)
    if progress is not None:
        progress(count)
