"""Iterating over the images of one set: stages softmax, savemodel and NR."""

from __future__ import annotations

from functools import partial
from typing import Callable, Iterator, Sequence, Tuple

import mxnet as mx
import numpy as np

from unequal.batches.augmentation import augment_colour, augment_plain
from unequal.batches.batch_memory import batch_memory
from unequal.batches.face_iterator import FaceIter, Position
from unequal.batches.row_filling import Augment, check_labels, fill_rows
from unequal.faces.decoding import ImageLoader
from unequal.faces.face_records import FaceRecords
from unequal.support.errors import InputError
from unequal.support.random_streams import Purpose, generator, generators

# data, labels, and how far the order has been used once the batch is taken
Batch = Tuple[mx.nd.NDArray, mx.nd.NDArray, int]


class ImageIter(FaceIter):
    """Batches of `batch_size` augmented images with their labels.

    data: NCHW RGB, 0..255; uint8 with `augment` 'plain' (float32 if `cutoff` > 0), float32 with
    'colour' (see augmentation.py). label: float32 (batch_size,). The last incomplete batch of
    an epoch is dropped, `pad` is 0, and the first `next` resets, all as the 2019 code. A bad image
    gives way to the next one.

    Every number drawn depends on `seed`, the epoch and the position in it alone, so that neither
    `workers` (decoding threads) nor `prefetch` (batches made ahead; 0: no thread for that) changes
    a batch. `log` gets the line of a reset. `loader` decodes; the records stay the caller's.

    Raises InputError for a set smaller than a batch, and from `next` what the loader raises, or a
    label outside 0..`num_classes`-1 (None: any label).
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
        self._check_size(f"{records.path}: has {len(self.keys)} images", "--per-batch-size")
        self.num_classes = num_classes
        self.seed = seed
        self.shuffle = shuffle
        self.log = log
        self.epoch = 0
        self.cursor = 0
        self.loader = ImageLoader(records, self.image_shape, workers, max_bad_images)
        self._augment, self._type = _recipe(augment, bool(rand_mirror), cutoff)
        self._order: np.ndarray | None = None

    def reset(self) -> None:
        """Begin an epoch in a new order; what was made ahead is thrown away."""
        self._stop()
        self.log("call reset()")
        self._begin()

    def next(self) -> mx.io.DataBatch:
        """The next batch; StopIteration at the end of the epoch."""
        if self._order is None:
            self.reset()
        if self._batches is None:
            self._start()
        data, labels, self.cursor = next(self._batches)
        return self._data_batch(data, labels)

    def close(self) -> None:
        """End the threads; harmless when done twice."""
        self._stop()
        self.loader.close()

    def position(self) -> dict[str, int | np.ndarray]:
        """The number of the epoch, from 1, and how far its order has been used."""
        return {"epoch": self.epoch, "cursor": self.cursor}

    def go_to(self, position: Position) -> None:
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

    def _check_size(self, what: str, flag: str) -> None:
        if len(self.keys) < self.batch_size:
            raise InputError(f"{what}, fewer than a batch of {self.batch_size}; lower {flag}")

    def _epoch_batches(self) -> Iterator[Batch]:
        return epoch_batches(
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
    """As ImageIter with `augment` 'colour', but the first reset leaves out noise (stage NR).

    `first_pass` looks at all images and returns the keys to keep; it is called once, by the first
    reset. They are shuffled at once, unlike in the 2019 code, whose first epoch went identity by
    identity. Raises InputError from that reset where fewer than a batch are kept.
    """

    def __init__(
        self,
        records: FaceRecords,
        batch_size: int,
        image_shape: Sequence[int],
        first_pass: Callable[[], Sequence[int]],
        **options: object,
    ) -> None:
        options.setdefault("augment", "colour")
        super().__init__(records, batch_size, image_shape, **options)
        self._first_pass: Callable[[], Sequence[int]] | None = first_pass

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
            "--noise-threshold",
        )
        self._first_pass = None
        self._begin()

    def position(self) -> dict[str, int | np.ndarray]:
        """As of ImageIter, and the keys that are kept."""
        return {**super().position(), "keys": self.keys}

    def go_to(self, position: Position) -> None:
        """Without another pass over all images, if that has been done there."""
        if int(position["epoch"]):
            self.keys = np.asarray(position["keys"], np.int64)
            self._first_pass = None
        super().go_to(position)


def epoch_batches(
    loader: ImageLoader,
    order: np.ndarray,
    cursor: int,
    batch_size: int,
    data_type: type,
    augment: Augment,
    rng_at: Callable[[int], np.random.Generator],
    num_classes: int | None = None,
) -> Iterator[Batch]:
    """Each full batch of `order` from `cursor` on; InputError where a whole pass has none.

    `rng_at` gives the generator for a position in `order`.
    """
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
            "the set again or lower --per-batch-size"
        )


def _recipe(name: str, rand_mirror: bool, cutoff: int) -> tuple[Augment, type]:
    if name == "colour":
        return partial(augment_colour, rand_mirror=rand_mirror), np.float32
    if name == "plain":
        recipe = partial(augment_plain, rand_mirror=rand_mirror, cutoff_size=cutoff)
        return recipe, np.float32 if cutoff > 0 else np.uint8
    raise ValueError(f"augment is {name!r}, not 'plain' or 'colour'")
