"""Iterating over the images of one set: steps 1, 2.1 and 2.2."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Iterator, Sequence, Tuple

import mxnet as mx
import numpy as np

from unequal.batches.augmentation import augment_colour, augment_plain
from unequal.batches.batch_memory import batch_memory
from unequal.batches.face_iterator import FaceIter, Position
from unequal.batches.row_filling import Augment, RngAt, check_labels, fill_rows
from unequal.faces.decoding import ImageLoader
from unequal.faces.face_records import FaceRecords
from unequal.support.errors import InputError
from unequal.support.random_streams import Purpose, generator, generators

# data, labels, and how far the order has been used once the batch is taken
Batch = Tuple[Any, Any, int]


class ImageIter(FaceIter[Batch]):
    """Batches of `batch_size` augmented images with their labels: steps 1 and 2.1.

    As in the 2019 code, the last incomplete batch of an epoch is dropped, `pad` is 0, and the first
    `next` resets. A bad image gives way to the next one. Every random number depends on `seed`, the
    epoch and the position in it alone, so that `workers` and `prefetch` change no batch.

    data: NCHW RGB, 0..255; uint8 with `augment` 'plain' (float32 if `cutoff` > 0), float32 with
    'colour' (see augmentation.py). label: float32 (batch_size,).

    Args:
        records: the set; it stays the caller's.
        batch_size: images of a batch.
        image_shape: (3, height, width).
        num_classes: labels are 0..`num_classes`-1; None allows any.
        rand_mirror: whether every second image is mirrored.
        cutoff: side of a square that covers a part of each image; 0 is none.
        augment: 'plain' or 'colour'.
        seed: of the order and the augmentation.
        shuffle: whether an epoch has an order of its own.
        workers: decoding threads; None is one per usable core.
        max_bad_images: how many images may be impossible to decode.
        prefetch: batches made ahead; 0 is none, without a thread.
        log: gets the line of a reset.

    Raises:
        InputError: the set is smaller than a batch. From `next`: what ImageLoader raises, or
            because a label is none of the classes.
    """

    def __init__(
        self,
        records: FaceRecords,
        batch_size: int,
        image_shape: Sequence[int],
        num_classes: int | None = None,
        rand_mirror: bool = True,
        cutoff: int = 0,
        augment: str = "plain",
        seed: int = 0,
        shuffle: bool = True,
        workers: int | None = None,
        max_bad_images: int = 100,
        prefetch: int = 1,
        log: Callable[[str], None] = print,
    ) -> None:
        super().__init__(batch_size, image_shape, prefetch)
        self.records = records
        self.keys = records.image_keys
        self._check_size(f"{records.path}: has {len(self.keys)} images", "per_batch_size")
        self.num_classes = num_classes
        self.seed = seed
        self.shuffle = shuffle
        self.log = log
        self.epoch = 0
        self.cursor = 0
        self.loader = ImageLoader(records, self.image_shape, workers, max_bad_images)
        self._augment, self._type = _recipe(augment, bool(rand_mirror), cutoff)
        self._order = self.keys

    def reset(self) -> None:
        """Begin an epoch in a new order; what was made ahead is thrown away."""
        self._stop()
        self.log("call reset()")
        self._begin()

    def next(self) -> mx.io.DataBatch:
        """Return the next batch; StopIteration at the end of the epoch."""
        if not self.epoch:
            self.reset()
        data, labels, self.cursor = next(self._start())
        return self._data_batch(data, labels)

    def close(self) -> None:
        """End the threads; harmless when done twice."""
        self._stop()
        self.loader.close()

    def position(self) -> dict[str, int | np.ndarray]:
        """Return the number of the epoch, from 1, and how far its order has been used."""
        return {"epoch": self.epoch, "cursor": self.cursor}

    def go_to(self, position: Position) -> None:
        """Stand where `position` was taken; for an iterator that has given no batch yet."""
        self.epoch, self.cursor = int(position["epoch"]), int(position["cursor"])
        if self.epoch:
            self._set_order()

    def _begin(self) -> None:
        self.epoch += 1
        self.cursor = 0
        self._set_order()

    def _set_order(self) -> None:
        self._order = self.keys
        if self.shuffle:
            rng = generator(self.seed, Purpose.ORDER, self.epoch)
            self._order = rng.permutation(self.keys)

    def _check_size(self, what: str, name: str) -> None:
        if len(self.keys) < self.batch_size:
            raise InputError(f"{what}, fewer than a batch of {self.batch_size}; lower `{name}`")

    def _epoch_batches(self) -> Iterator[Batch]:
        return _batches(
            self.loader,
            self._order,
            self.cursor,
            self.batch_size,
            self._type,
            self._augment,
            generators(self.seed, Purpose.IMAGE, self.epoch),
            self.num_classes,
        )


class NoiseFilteringIter(ImageIter):
    """An ImageIter with `augment` 'colour' whose first reset leaves out noise: step 2.2.

    The first reset calls `first_pass`, which looks at all images and returns the keys to keep. They
    are shuffled at once, unlike in the 2019 code, whose first epoch went identity by identity.

    Raises:
        InputError: also from that reset, because fewer than a batch are kept.
    """

    def __init__(
        self,
        records: FaceRecords,
        batch_size: int,
        image_shape: Sequence[int],
        first_pass: Callable[[], np.ndarray],
        **options: Any,
    ) -> None:
        options.setdefault("augment", "colour")
        super().__init__(records, batch_size, image_shape, **options)
        self._first_pass: Callable[[], np.ndarray] | None = first_pass

    def reset(self) -> None:
        """Begin an epoch; the first time with the pass over all images before it."""
        if self._first_pass is None:
            super().reset()
            return
        self.log("first reset")
        self.keys = np.asarray(self._first_pass(), np.int64)
        self._check_size(
            f"{self.records.path}: {len(self.keys)} of {len(self.records.image_keys)} images are "
            "kept",
            "noise_threshold",
        )
        self._first_pass = None
        self._begin()

    def position(self) -> dict[str, int | np.ndarray]:
        """Return that of ImageIter, and the keys that are kept."""
        return {**super().position(), "keys": self.keys}

    def go_to(self, position: Position) -> None:
        """Stand there, without another pass over all images if that was done before."""
        if int(position["epoch"]):
            self.keys = np.asarray(position["keys"], np.int64)
            self._first_pass = None
        super().go_to(position)


def _batches(
    loader: ImageLoader,
    order: np.ndarray,
    cursor: int,
    batch_size: int,
    data_type: type,
    augment: Augment,
    rng_at: RngAt,
    num_classes: int | None = None,
) -> Iterator[Batch]:
    """Yield each full batch of `order` from `cursor` on; InputError where a whole pass has none."""
    whole, count = cursor == 0, 0
    while True:
        data, images = batch_memory((batch_size,) + loader.image_shape, data_type)
        label, labels = batch_memory((batch_size,), np.float32)
        after = fill_rows(loader, order, cursor, range(batch_size), images, labels, augment, rng_at)
        if after is None:
            break
        check_labels(loader, labels, num_classes)
        cursor, count = after, count + 1
        yield data, label, cursor
    if whole and count == 0:
        raise InputError(
            f"{loader.path}: fewer than {batch_size} images can be decoded, not one batch; pack "
            "the set again or lower `per_batch_size`"
        )


def _recipe(name: str, rand_mirror: bool, cutoff: int) -> tuple[Augment, type]:
    if name == "colour":
        return partial(augment_colour, rand_mirror=rand_mirror), np.float32
    if name == "plain":
        recipe = partial(augment_plain, rand_mirror=rand_mirror, cutoff_size=cutoff)
        return recipe, np.float32 if cutoff > 0 else np.uint8
    raise ValueError(f"augment is {name!r}, not 'plain' or 'colour'")
