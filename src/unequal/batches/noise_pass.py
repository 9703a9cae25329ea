"""The pass over all images that looks for third-type noise (`unequal.method.third_type_noise`)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Callable, Generator, Sequence, Union

import numpy as np

from unequal.faces.decoding import Chunk, ImageLoader
from unequal.faces.noise_scores import Scores, empty_scores
from unequal.method.third_type_noise import NoiseResult
from unequal.support.errors import InputError
from unequal.support.pipelining import one_behind, pusher

Log = Callable[[str], None]
Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]
Threshold = Union[float, Callable[[np.ndarray], float]]


def find_noise(
    loader: ImageLoader,
    keys: Sequence[int] | np.ndarray,
    predict: Predict,
    batch_size: int,
    threshold: Threshold,
    log: Log = print,
) -> NoiseResult:
    """Flag the images for which no class has a probability of `threshold` or more.

    As the first pass of train_NR.py, whose threshold was fixed at 0: nothing is flagged then.

    Args:
        loader: images that it cannot decode are neither kept nor flagged, and have no score.
        keys: the records to look at.
        predict: (uint8 (batch_size, 3, height, width) RGB, float32 labels (batch_size,)) ->
            probabilities (batch_size, classes), NumPy. If it has a method `push`, the result of
            that is read when the next batch has been pushed.
        batch_size: images at a time. Repeated rows fill up the last batch.
        threshold: a probability, or a function that chooses one when all largest probabilities,
            float32 (images,), are known.
        log: gets 'start bb,ba FROM TO' per batch and 'Initialize done:  ALL KEPT FLAGGED'.

    Raises:
        InputError: a label is not one of the classes, or a probability is no finite number.
    """
    columns = empty_scores(len(keys))
    count = 0
    predicted = _predicted(loader, keys, pusher(predict), batch_size, log)
    with closing(one_behind(predicted)) as results:
        for chunk, result in results:
            rows = np.arange(len(chunk.keys))
            probabilities = np.asarray(result)[: len(rows)]
            labels = chunk.labels[: len(rows)].astype(np.int64)
            _check(loader.path, chunk.keys, labels, probabilities)
            best = probabilities.argmax(axis=1)
            largest, of_label = probabilities[rows, best], probabilities[rows, labels]
            values = Scores(labels, chunk.keys, largest, of_label, best)
            for column, part in zip(columns, values):
                column[count : count + len(rows)] = part
            count += len(rows)
    log(f"start bb,ba {len(keys)} {len(keys)}")
    scores = Scores(*(column[:count] for column in columns))
    found = NoiseResult(scores, threshold(scores.largest) if callable(threshold) else threshold)
    flagged = np.count_nonzero(found.noisy)
    log(f"Initialize done:  {len(keys)} {count - flagged} {flagged}")
    return found


def _predicted(
    loader: ImageLoader,
    keys: Sequence[int] | np.ndarray,
    push: Callable[[np.ndarray, np.ndarray], object],
    batch_size: int,
    log: Log,
) -> Generator[tuple[Chunk, object], None, None]:
    with closing(loader.chunks(keys, batch_size)) as chunks:
        for chunk in chunks:
            log(f"start bb,ba {chunk.start} {chunk.stop}")
            if len(chunk.keys):
                yield chunk, push(chunk.images, chunk.labels)


def _check(path: Path, keys: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> None:
    classes = probabilities.shape[1]
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise InputError(
            f"{path}: record {keys[wrong[0]]} has label {labels[wrong[0]]}, but `pretrained` knows "
            f"{classes} classes; take the model that was trained on this set"
        )
    if not np.isfinite(probabilities).all():
        raise InputError(
            "`pretrained` gives probabilities that are not numbers; take an earlier checkpoint"
        )
