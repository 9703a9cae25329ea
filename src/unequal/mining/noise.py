"""Third-type noise: training images that belong to none of the classes."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Callable, NamedTuple, Sequence

import numpy as np

from unequal.data.noise_list import NoiseRow
from unequal.errors import InputError

Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]


class NoiseResult(NamedTuple):
    """`kept`: int64 record keys, in the order looked at; `flagged`: the rows of the noise list."""

    kept: np.ndarray
    flagged: list[NoiseRow]


def find_noise(
    loader: Any,
    keys: Sequence[int],
    predict: Predict,
    batch_size: int,
    threshold: float,
    log: Callable[[str], None] = print,
) -> NoiseResult:
    """Flag the images for which no class has a probability of `threshold` or more.

    As the first pass of train_NR.py, whose threshold was fixed at 0: nothing is flagged then.

    Args:
        loader: an unequal.data.decode.ImageLoader; images that it cannot decode are neither kept
            nor flagged.
        keys: the records to look at.
        predict: (uint8 (batch_size, 3, height, width) RGB, float32 labels (batch_size,)) ->
            probabilities (batch_size, classes), NumPy. The last batch is filled up with repeated
            rows.
        log: gets 'start bb,ba FROM TO' per batch and 'Initialize done:  ALL KEPT FLAGGED'.

    Raises:
        InputError: a label is not one of the classes, or a probability is no finite number.
    """
    kept: list[np.ndarray] = []
    flagged: list[NoiseRow] = []
    with closing(loader.chunks(keys, batch_size)) as chunks:
        for chunk in chunks:
            log(f"start bb,ba {chunk.start} {chunk.stop}")
            count = len(chunk.keys)
            if count == 0:
                continue
            probabilities = np.asarray(predict(chunk.images, chunk.labels))[:count]
            labels = chunk.labels[:count].astype(np.int64)
            _check(loader.path, chunk.keys, labels, probabilities)
            largest = probabilities.max(axis=1)
            of_label = probabilities[np.arange(count), labels]
            noisy = largest < threshold
            kept.append(chunk.keys[~noisy])
            for i in np.flatnonzero(noisy):
                flagged.append(
                    NoiseRow(int(labels[i]), int(chunk.keys[i]), largest[i], of_label[i])
                )
    log(f"start bb,ba {len(keys)} {len(keys)}")
    keys_kept = np.concatenate(kept) if kept else np.empty(0, np.int64)
    log(f"Initialize done:  {len(keys)} {len(keys_kept)} {len(flagged)}")
    return NoiseResult(keys_kept, flagged)


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
