"""Third-type noise: training images that belong to none of the classes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Sequence, Union

import numpy as np

from unequal.faces.decoding import Chunk
from unequal.faces.noise_list import NoiseRow
from unequal.faces.noise_scores import Scores, empty_scores
from unequal.support.errors import InputError
from unequal.support.pipelining import one_behind, pusher

Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]
Threshold = Union[float, Callable[[np.ndarray], float]]


class NoiseResult(NamedTuple):
    """The scores of all images that could be decoded, and the threshold below which is noise."""

    scores: Scores
    threshold: float

    @property
    def noisy(self) -> np.ndarray:
        """Which images are noise, bool."""
        return self.scores.largest < self.threshold

    @property
    def kept(self) -> np.ndarray:
        """int64 keys of the records to train on, in the order looked at."""
        return self.scores.keys[~self.noisy]

    @property
    def flagged(self) -> list[NoiseRow]:
        """The rows of the noise list."""
        return list(self.scores.rows(self.noisy))


def find_noise(
    loader: Any,
    keys: Sequence[int],
    predict: Predict,
    batch_size: int,
    threshold: Threshold,
    log: Callable[[str], None] = print,
) -> NoiseResult:
    """Flag the images for which no class has a probability of `threshold` or more.

    As the first pass of train_NR.py, whose threshold was fixed at 0: nothing is flagged then.

    Args:
        loader: an unequal.faces.decoding.ImageLoader; images that it cannot decode are neither kept
            nor flagged, and have no score.
        keys: the records to look at.
        predict: (uint8 (batch_size, 3, height, width) RGB, float32 labels (batch_size,)) ->
            probabilities (batch_size, classes), NumPy. The last batch is filled up with repeated
            rows. Of its method `push`, if any, the result is asked for when the next batch has
            been pushed.
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
    loader: Any,
    keys: Sequence[int],
    push: Callable[[np.ndarray, np.ndarray], object],
    batch_size: int,
    log: Callable[[str], None],
) -> Iterator[tuple[Chunk, object]]:
    with closing(loader.chunks(keys, batch_size)) as chunks:
        for chunk in chunks:
            log(f"start bb,ba {chunk.start} {chunk.stop}")
            if len(chunk.keys):
                yield chunk, push(chunk.images, chunk.labels)


def _check(path: Path, keys: np.ndarray, labels: np.ndarray, probabilities: np.ndarray) -> None:
    classes = probabilities.shape[1]
    for key, label in zip(keys.tolist(), labels.tolist()):
        if not 0 <= label < classes:
            raise InputError(
                f"{path}: record {key} has label {label}, but --pretrained knows {classes} "
                "classes; take the model that was trained on this set"
            )
    if not np.isfinite(probabilities).all():
        raise InputError(
            "--pretrained gives probabilities that are not numbers; take an earlier checkpoint"
        )
