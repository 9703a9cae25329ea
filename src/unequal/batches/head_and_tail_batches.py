"""Iterating over head images beside confusing tail images: step 3.2."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Callable, Iterator, NamedTuple, Sequence

import mxnet as mx
import numpy as np

from unequal.batches.augmentation import augment_colour
from unequal.batches.batch_memory import batch_memory
from unequal.batches.batch_sizes import check_head, check_sizes, device_rows
from unequal.batches.face_iterator import FaceIter, Position
from unequal.batches.row_filling import Augment, RngAt, check_labels, fill_rows
from unequal.batches.tail_mining import MiningAhead, TailMiner
from unequal.faces.decoding import ImageLoader
from unequal.faces.face_records import FaceRecords
from unequal.support.errors import InputError
from unequal.support.random_streams import Purpose, generator, generators

if TYPE_CHECKING:
    from unequal.checkpoints.embedder import Embed

BAGS_PER_EPOCH = 100


class _Batch(NamedTuple):
    """A batch, and how far both lists have been used once it is taken."""

    data: Any
    labels: Any
    head_cursor: int
    tail_cursor: int


@dataclass
class _Half:
    """The head's or the tail's part of the batches: what comes next, and into which rows.

    `keys` are the records in order, used up to `cursor`. `number` counts such lists from 1:
    permutations of the head, rounds of mining of the tail.
    """

    loader: ImageLoader
    rows: np.ndarray
    purpose: Purpose
    keys: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    cursor: int = 0
    number: int = 0

    @property
    def batches_left(self) -> int:
        """How many batches the keys are enough for, if no image is bad."""
        return (len(self.keys) - self.cursor) // len(self.rows)

    def fill(
        self, data: np.ndarray, labels: np.ndarray, augment: Augment, rng_at: RngAt
    ) -> int | None:
        """Fill the rows of a batch; return where the cursor is then, as fill_rows."""
        return fill_rows(
            self.loader, self.keys, self.cursor, self.rows, data, labels, augment, rng_at
        )


class BagIter(FaceIter[_Batch]):
    """Batches of `batch_size1` head rows and `batchsize_id` tail rows, laid out by device_rows.

    data: float32 NCHW RGB, 0..255, augmented as in augmentation.py; label: float32, each set's own
    labels. Tail rows are `images_per_identity` images each of identities that are confusing under
    `embed`; a bag gives one batch.

    An epoch ends when either list does. The next epoch continues the head where it was, and uses
    up the mined rows before more are mined: by `next`, when it needs rows.

    Args:
        head, tail: the sets; they stay the caller's.
        batch_size1, batchsize_id: rows of a batch, of all devices together.
        batch_size2, bag_size, images_per_identity, embed: as of TailMiner.
        image_shape: (3, height, width).
        ctx_num: how many devices.
        num_classes: head labels are 0..`num_classes`-1; None allows any.
        seed: with `embed` it settles every batch; `workers` and `prefetch` change none.
        workers: decoding threads of each set; None is one per usable core.
        max_bad_images: how many images of each set may be impossible to decode.
        prefetch: batches made ahead; 0 is none, without a thread.
        bags_per_epoch: bags of a round of mining.
        augment: changes an image for training.
        log: gets, per reset, 'call reset1()' (head reordered) and/or 'cur1: USED' and 'seq1: SIZE',
            then 'call reset2()', and per bag 'interclass_oseq_reset' (tail reordered) and 'eval
            IMAGES images.. USED'. Lines of bags that were mined in the thread come when these bags
            are used; 'mining the bags of the next epoch meanwhile' comes when the thread starts.
        freeze: returns an `embed` that keeps the weights of this moment. If it is given, the first
            `next` of an epoch that will use up its rows starts a thread, which mines those of the
            next epoch with such an `embed`.
        last_epoch: number, from 1, of an epoch that starts no such thread.

    Raises:
        InputError: sizes do not divide or fit the sets. From `next`: what ImageLoader raises, or
            because a head label is none of the classes.
    """

    def __init__(
        self,
        head: FaceRecords,
        tail: FaceRecords,
        batch_size1: int,
        batchsize_id: int,
        batch_size2: int,
        bag_size: int,
        images_per_identity: int,
        image_shape: Sequence[int],
        embed: Embed,
        ctx_num: int = 1,
        num_classes: int | None = None,
        seed: int = 0,
        workers: int | None = None,
        max_bad_images: int = 100,
        prefetch: int = 1,
        bags_per_epoch: int = BAGS_PER_EPOCH,
        augment: Augment = augment_colour,
        log: Callable[[str], None] = print,
        freeze: Callable[[], Embed] | None = None,
        last_epoch: int | None = None,
    ) -> None:
        super().__init__(batch_size1 + batchsize_id, image_shape, prefetch)
        check_sizes(batch_size1, batchsize_id, batch_size2, bag_size, images_per_identity, ctx_num)
        check_head(head, batch_size1)
        self.num_classes = num_classes
        self.seed = seed
        self.bags_per_epoch = bags_per_epoch
        self.augment = augment
        self.log = log
        self.freeze = freeze
        self.last_epoch = last_epoch
        head_rows, tail_rows = device_rows(batch_size1, batchsize_id, ctx_num)
        loaders = [ImageLoader(s, self.image_shape, workers, max_bad_images) for s in (head, tail)]
        self.head = _Half(loaders[0], head_rows, Purpose.IMAGE)
        self.tail = _Half(loaders[1], tail_rows, Purpose.TAIL_IMAGE)
        identities = batchsize_id // images_per_identity
        self.miner = TailMiner(
            loaders[1], bag_size, images_per_identity, identities, embed, batch_size2, log
        )
        self.epoch = 0
        self._ahead: MiningAhead | None = None
        self._started_at = 0

    def reset(self) -> None:
        """Begin an epoch: reorder the head if less than a batch of it is left. Mines nothing."""
        self._stop()
        self.epoch += 1
        if not self.head.number:
            self._reorder_head()
        if self.head.batches_left:
            self.log(f"cur1: {self.head.cursor}")
            self.log(f"seq1: {len(self.head.keys)}")
        else:
            self._reorder_head()
        self.log("call reset2()")

    def next(self) -> mx.io.DataBatch:
        """Return the next batch; StopIteration at the end of the epoch."""
        if not self.epoch:
            self.reset()
        if self._batches is None:
            if not self.tail.batches_left:
                self._mine()
            self._mine_ahead_if_needed()
            self._started_at = self.tail.cursor
        batch = self._take()
        self.head.cursor, self.tail.cursor = batch.head_cursor, batch.tail_cursor
        return self._data_batch(batch.data, batch.labels)

    def position(self) -> dict[str, int | np.ndarray]:
        """Return how far both lists have been used, the mined keys, and which images are bad.

        Bags that are being mined ahead are not in it: they are mined anew, with later weights.
        """
        return {
            "epoch": self.epoch,
            "head_passes": self.head.number,
            "head_cursor": self.head.cursor,
            "mining_rounds": self.tail.number,
            "tail_cursor": self.tail.cursor,
            "under_way": int(self._batches is not None),
            "started_at": self._started_at,
            "tail_sequence": self.tail.keys,
            "bad_tail_keys": np.array(sorted(self.tail.loader.bad_keys), np.int64),
        }

    def go_to(self, position: Position) -> None:
        """Stand where `position` was taken; for an iterator that has given no batch yet."""
        if not int(position["epoch"]):
            return
        self.epoch = int(position["epoch"])
        self._order_head(int(position["head_passes"]))
        self.head.cursor = int(position["head_cursor"])
        self.tail.number = int(position["mining_rounds"])
        self.tail.keys = np.asarray(position["tail_sequence"], np.int64)
        self.tail.cursor = int(position["tail_cursor"])
        bad_keys = np.asarray(position["bad_tail_keys"], np.int64).tolist()
        self.tail.loader.bad_keys.update(bad_keys)
        self.miner.forget(bad_keys)
        if int(position["under_way"]):  # otherwise `next` would mine before it ends this epoch
            self._start()
            self._started_at = int(position["started_at"])

    def close(self) -> None:
        """End the threads; harmless when done twice."""
        self._stop()
        if self._ahead is not None:
            self._ahead.stop()
            self._ahead = None
        self.head.loader.close()
        self.tail.loader.close()

    def _reorder_head(self) -> None:
        self.log("call reset1()")
        self._order_head(self.head.number + 1)

    def _order_head(self, number: int) -> None:
        rng = generator(self.seed, Purpose.ORDER, number)
        self.head.keys = rng.permutation(self.head.loader.records.image_keys)
        self.head.number, self.head.cursor = number, 0

    def _mine(self) -> None:
        """Take the round that the thread mines, or mine one here."""
        if self._ahead is None:
            mined = self.miner.mine(self.bags_per_epoch, self._bags_rng())
        else:
            try:
                mined = self._ahead.take(self.log)
            except Exception:  # an interruption leaves `close` a thread to end
                self._ahead = None
                raise
            self._ahead = None
        self.tail.keys, self.tail.cursor = mined, 0
        self.tail.number += 1

    def _mine_ahead_if_needed(self) -> None:
        if self.freeze is None or self._ahead is not None or self.epoch == self.last_epoch:
            return
        if self.tail.batches_left > self.head.batches_left:  # the next epoch uses the rest
            return
        self.log("mining the bags of the next epoch meanwhile")
        embed = self.freeze()
        self._ahead = MiningAhead(self.miner, self.bags_per_epoch, self._bags_rng(), embed)

    def _bags_rng(self) -> np.random.Generator:
        return generator(self.seed, Purpose.BAGS, self.tail.number + 1)

    def _take(self) -> _Batch:
        """Return the next batch made ahead.

        Bad images can leave less than a batch of the head although enough keys are left. An epoch
        that begins there begins with the head reordered, because it would be empty otherwise.
        """
        while True:
            try:
                return next(self._start())
            except StopIteration:
                if not self.tail.batches_left or self.tail.cursor > self._started_at:
                    raise
            if self.head.cursor == 0:
                raise InputError(
                    f"{self.head.loader.path}: fewer than {len(self.head.rows)} images can be "
                    "decoded, not one batch; pack the set again or lower `batch_size1`"
                )
            self._stop()
            self._reorder_head()

    def _epoch_batches(self) -> Iterator[_Batch]:
        # copies, because the thread is ahead of what has been taken
        halves = replace(self.head), replace(self.tail)
        return _batches(*halves, self.augment, self.seed, self.num_classes)


def _batches(
    head: _Half, tail: _Half, augment: Augment, seed: int, num_classes: int | None
) -> Iterator[_Batch]:
    """Yield batches until the head or the tail ends. `num_classes` limits the head's labels."""
    size = len(head.rows) + len(tail.rows)
    head_rng, tail_rng = (generators(seed, half.purpose, half.number) for half in (head, tail))
    while tail.batches_left:
        data, view = batch_memory((size,) + head.loader.image_shape, np.float32)
        label, labels = batch_memory((size,), np.float32)
        head_stop = head.fill(view, labels, augment, head_rng)
        if head_stop is None:
            return
        check_labels(head.loader, labels[head.rows], num_classes)
        tail_stop = tail.fill(view, labels, augment, tail_rng)
        if tail_stop != tail.cursor + len(tail.rows):
            raise InputError(f"{tail.loader.path}: changed while it was read; start again")
        head.cursor, tail.cursor = head_stop, tail_stop
        yield _Batch(data, label, head_stop, tail_stop)
