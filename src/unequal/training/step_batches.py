"""The batches of each step: opens the sets and prints what the 2019 iterators print."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Callable, Sequence

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from unequal.batches.head_and_tail_batches import BagIter
from unequal.batches.head_batches import ImageIter, NoiseFilteringIter
from unequal.batches.log_lines_2019 import announce, announce_pair
from unequal.batches.noise_pass import find_noise
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.faces.face_records import FaceRecords
from unequal.faces.noise_histogram import write_histogram
from unequal.faces.noise_list import write_noise_list
from unequal.faces.noise_scores import write_scores
from unequal.faces.noise_threshold import automatic_threshold
from unequal.support.console import say
from unequal.support.errors import InputError
from unequal.training.inference import embedder, frozen_embedder, noise_predictor
from unequal.training.run_shape import RunShape
from unequal.training.setting_fields import AUTO
from unequal.training.settings import RunSettings, TailBagSettings

Check = Callable[[], None]


def head_batches(
    settings: RunSettings,
    shape: RunShape,
    graph: HybridBlock,
    devices: Sequence[mx.Context],
    check: Check,
) -> ImageIter:
    """Return the head, mirrored now and then: steps 1 and 2.1."""
    head = FaceRecords(settings.head.data_dir)
    announce(head, "softmax", say, settings.head.rand_mirror)
    return ImageIter(
        head,
        shape.batch_size,
        shape.image,
        cutoff=settings.head.cutoff,
        rand_mirror=bool(settings.head.rand_mirror),
        **_options(settings, shape),
    )


def head_without_noise(
    settings: RunSettings,
    shape: RunShape,
    graph: HybridBlock,
    devices: Sequence[mx.Context],
    check: Check,
) -> NoiseFilteringIter:
    """Return the head without third-type noise, in changed colours: step 2.2.

    The first reset looks at all images with the model of `pretrained` and writes the noise list,
    and with a threshold other than 0 the scores behind it; ``check`` may end that pass.
    """
    head = FaceRecords(settings.head.data_dir)
    announce(head, "noise_resistance", say, settings.head.rand_mirror)

    def first_pass() -> np.ndarray:
        return _find_noise(batches, settings, devices, check)

    batches = NoiseFilteringIter(
        head,
        shape.batch_size,
        shape.image,
        first_pass,
        rand_mirror=bool(settings.head.rand_mirror),
        **_options(settings, shape),
    )
    return batches


def _find_noise(
    batches: NoiseFilteringIter,
    settings: RunSettings,
    devices: Sequence[mx.Context],
    check: Check,
) -> np.ndarray:
    """Look for noise, write what was found, and return the keys of the other images."""
    noise, records = settings.noise, batches.loader.records
    automatic = noise.noise_threshold == AUTO
    threshold: Any = noise.noise_threshold
    if automatic:
        threshold = partial(automatic_threshold, log=say)
    predict = noise_predictor(
        Checkpoint.parse(settings.pretrained), devices, say, check, margin=not automatic
    )
    found = find_noise(
        batches.loader, records.image_keys, predict, noise.batch_size_mining, threshold, say
    )
    folder = settings.noise_folder
    if found.threshold or automatic:
        title, largest = settings.head.data_dir, found.scores.largest
        lines = {"threshold": found.threshold}
        _write(folder, "0_noise_scores.csv", write_scores, found.scores)
        _write(folder, "0_noise_histogram.png", write_histogram, largest, title, lines)
    _write(folder, "0_noiselist.txt", write_noise_list, found.scores.rows(found.noisy))
    return found.kept


def head_and_tail(
    settings: RunSettings,
    shape: RunShape,
    graph: HybridBlock,
    devices: Sequence[mx.Context],
    check: Check,
) -> BagIter:
    """Return the head beside the tail's most confusing identities under ``graph``: step 3.2.

    With `mining_overlap` a copy of the network mines the next bags while ``graph`` is trained.
    """
    tail = settings.tail or TailBagSettings()
    freeze = frozen_embedder(graph.backbone, devices, check) if tail.mining_overlap else None
    records = FaceRecords(settings.head.data_dir), FaceRecords(tail.data_dir_interclass)
    announce_pair(*records, say)
    return BagIter(
        *records,
        tail.batch_size1,
        tail.batchsize_id,
        tail.batch_size2,
        tail.bag_size,
        tail.images_per_identity,
        shape.image,
        embedder(graph.backbone, devices, check),
        ctx_num=shape.ctx_num,
        freeze=freeze,
        last_epoch=settings.end_epoch,
        **_options(settings, shape),
    )


def _write(folder: str, name: str, write: Callable, *what: object) -> None:
    """Write a file of the noise pass; InputError where it cannot be written."""
    path = os.path.join(folder, name)
    try:
        write(path, *what)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); see `bin_dir`") from error


def _options(settings: RunSettings, shape: RunShape) -> dict[str, Any]:
    return dict(
        num_classes=shape.num_classes,
        workers=settings.head.workers,
        seed=settings.seed,
        max_bad_images=settings.head.max_bad_images,
        log=say,
    )
