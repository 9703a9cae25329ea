"""Iterating over head images beside confusing tail images: stage two."""

from __future__ import annotations

from typing import Callable, Iterator, NamedTuple, Sequence, Tuple

import mxnet as mx
import numpy as np

from unequal.batches.augmentation import augment_colour
from unequal.batches.batch_memory import batch_memory
from unequal.batches.batch_sizes import check_sizes
from unequal.batches.face_iterator import FaceIter, Position
from unequal.batches.mining_ahead import MiningAhead
from unequal.batches.row_filling import Augment, check_labels, fill_rows
from unequal.batches.tail_mining import Embed, TailMiner
from unequal.faces.decoding import ImageLoader
from unequal.faces.face_records import FaceRecords
from unequal.support.errors import InputError
from unequal.support.random_streams import Purpose, generator, generators

BAGS_PER_EPOCH = 100


class _Batch(NamedTuple):
    """A batch, and how far both lists have been used once it is taken."""

    data: mx.nd.NDArray
    labels: mx.nd.NDArray
    head_cursor: int
    tail_cursor: int


def device_rows(batch_size1: int, batchsize_id: int, ctx_num: int) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of a stage-two batch hold the head images, and which the tail images, in order.

    Device by device, each with its share of the head and then its share of the tail, so that
    cutting the batch into `ctx_num` equal parts gives every device both (as the 2019 code). Both
    sizes are multiples of `ctx_num`.
    """
    rows = np.arange(batch_size1 + batchsize_id).reshape(ctx_num, -1)
    share = batch_size1 // ctx_num
    return rows[:, :share].ravel(), rows[:, share:].ravel()


class BagIter(FaceIter):
    """Batches of `batch_size1` head rows and `batchsize_id` tail rows, laid out by device_rows.

    Tail rows are `images_per_identity` images each of identities that TailMiner found confusing
    under `embed`, `bags_per_epoch` bags a round; a bag gives one batch. An epoch ends when either
    list does. The head goes on where it was in the next epoch, and mined rows are used up before
    any more are mined; mining is done by `next`, when it needs rows. With `freeze`, a function
    that gives an `embed` which keeps the weights of that moment, the first `next` of an epoch
    that will use up its rows begins to mine those of the next one in a thread with such an
    `embed`; none is begun in epoch number `last_epoch`, counted from 1.

    data: float32 NCHW RGB, 0..255, augmented as in augmentation.py; label: float32, each
    set's own labels. Batches depend on `seed` and `embed`, not on `workers` or `prefetch`.

    `log` gets, per reset, 'call reset1()' (head reordered) and/or 'cur1: USED' and 'seq1: SIZE',
    then 'call reset2()', and per bag 'interclass_oseq_reset' (tail reordered) and 'eval IMAGES
    images.. USED'; those of bags mined in the thread when the bags are used, and before that
    'mining the bags of the next epoch meanwhile' when the thread starts.

    Raises InputError for sizes that do not divide or fit, naming the flags and what would do, and
    from `next` what ImageLoader raises, or for a head label outside 0..`num_classes`-1.
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
        if len(head.image_keys) < batch_size1:
            raise InputError(
                f"{head.path}: has {len(head.image_keys)} images, fewer than --batch-size1 "
                f"{batch_size1}; lower it"
            )
        self.batch_size1 = batch_size1
        self.batchsize_id = batchsize_id
        self.num_classes = num_classes
        self.seed = seed
        self.bags_per_epoch = bags_per_epoch
        self.augment = augment
        self.log = log
        self.head_rows, self.tail_rows = device_rows(batch_size1, batchsize_id, ctx_num)
        self.head_loader = ImageLoader(head, self.image_shape, workers, max_bad_images)
        self.tail_loader = ImageLoader(tail, self.image_shape, workers, max_bad_images)
        identities = batchsize_id // images_per_identity
        self.miner = TailMiner(
            self.tail_loader, bag_size, images_per_identity, identities, embed, batch_size2, log
        )
        self.head_sequence: np.ndarray | None = None
        self.head_cursor = 0
        self.head_passes = 0
        self.tail_sequence = np.empty(0, np.int64)
        self.tail_cursor = 0
        self.mining_rounds = 0
        self.freeze = freeze
        self.last_epoch = last_epoch
        self.epoch = 0
        self._ahead: MiningAhead | None = None
        self._started_at = 0

    def reset(self) -> None:
        """Begin an epoch: reorder the head if less than a batch of it is left. Mines nothing."""
        self._stop()
        self.epoch += 1
        if self.head_sequence is None:
            self._reorder_head()
        left = len(self.head_sequence) - self.head_cursor
        if left < self.batch_size1:
            self._reorder_head()
        else:
            self.log(f"cur1: {self.head_cursor}")
            self.log(f"seq1: {len(self.head_sequence)}")
        self.log("call reset2()")

    def next(self) -> mx.io.DataBatch:
        """The next batch; StopIteration at the end of the epoch."""
        if self.head_sequence is None:
            self.reset()
        if self._batches is None:
            self._mine_if_needed()
            self._mine_ahead_if_needed()
            self._start()
        batch = self._take()
        self.head_cursor, self.tail_cursor = batch.head_cursor, batch.tail_cursor
        return self._data_batch(batch.data, batch.labels)

    def position(self) -> dict[str, int | np.ndarray]:
        """How far both lists have been used, the mined keys, and the images known to be bad.

        Bags that are being mined ahead are not in it: they are mined anew, with later weights.
        """
        return {
            "epoch": self.epoch,
            "head_passes": self.head_passes,
            "head_cursor": self.head_cursor,
            "mining_rounds": self.mining_rounds,
            "tail_cursor": self.tail_cursor,
            "under_way": int(self._batches is not None),
            "started_at": self._started_at,
            "tail_sequence": self.tail_sequence,
            "bad_tail_keys": np.array(sorted(self.tail_loader.bad_keys), np.int64),
        }

    def go_to(self, position: Position) -> None:
        if not int(position["epoch"]):
            return
        self.epoch = int(position["epoch"])
        self.head_passes = int(position["head_passes"])
        self._order_head()
        self.head_cursor = int(position["head_cursor"])
        self.mining_rounds = int(position["mining_rounds"])
        self.tail_sequence = np.asarray(position["tail_sequence"], np.int64)
        self.tail_cursor = int(position["tail_cursor"])
        bad_keys = np.asarray(position["bad_tail_keys"], np.int64).tolist()
        self.tail_loader.bad_keys.update(bad_keys)
        self.miner.forget(bad_keys)
        if int(position["under_way"]):  # else `next` would mine before it ends a used-up epoch
            self._start()
            self._started_at = int(position["started_at"])

    def close(self) -> None:
        """End the threads; harmless when done twice."""
        self._stop()
        if self._ahead is not None:
            self._ahead.stop()
            self._ahead = None
        self.head_loader.close()
        self.tail_loader.close()

    def _reorder_head(self) -> None:
        self.log("call reset1()")
        self.head_passes += 1
        self._order_head()
        self.head_cursor = 0

    def _order_head(self) -> None:
        rng = generator(self.seed, Purpose.ORDER, self.head_passes)
        self.head_sequence = rng.permutation(self.head_loader.records.image_keys)

    def _mine_if_needed(self) -> None:
        if len(self.tail_sequence) - self.tail_cursor >= self.batchsize_id:
            return
        if self._ahead is None:
            mined = self.miner.mine(self.bags_per_epoch, self._bags_rng())
        else:
            try:
                mined = self._ahead.take(self.log)
            except Exception:  # an interruption leaves `close` a thread to end
                self._ahead = None
                raise
            self._ahead = None
        self.tail_sequence = mined
        self.tail_cursor = 0
        self.mining_rounds += 1

    def _mine_ahead_if_needed(self) -> None:
        if self.freeze is None or self._ahead is not None or self.epoch == self.last_epoch:
            return
        head_batches = (len(self.head_sequence) - self.head_cursor) // self.batch_size1
        tail_batches = (len(self.tail_sequence) - self.tail_cursor) // self.batchsize_id
        if tail_batches > head_batches:  # the next epoch begins with the rest of them
            return
        self.log("mining the bags of the next epoch meanwhile")
        embed = self.freeze()
        self._ahead = MiningAhead(self.miner, self.bags_per_epoch, self._bags_rng(), embed)

    def _bags_rng(self) -> np.random.Generator:
        return generator(self.seed, Purpose.BAGS, self.mining_rounds + 1)

    def _start(self) -> None:
        self._started_at = self.tail_cursor
        super()._start()

    def _take(self) -> _Batch:
        """The next batch made ahead.

        Bad images can leave less than a batch of the head although enough keys are left. An epoch
        that begins there begins with the head reordered, lest it be empty.
        """
        while True:
            try:
                return next(self._batches)
            except StopIteration:
                tail_ended = len(self.tail_sequence) - self.tail_cursor < self.batchsize_id
                if tail_ended or self.tail_cursor > self._started_at:
                    raise
            if self.head_cursor == 0:
                raise InputError(
                    f"{self.head_loader.path}: fewer than {self.batch_size1} images can be "
                    "decoded, not one batch; pack the set again or lower --batch-size1"
                )
            self._stop()
            self._reorder_head()
            self._start()

    def _epoch_batches(self) -> Iterator[_Batch]:
        return bag_batches(
            (self.head_loader, self.head_sequence, self.head_cursor, self.head_rows),
            (self.tail_loader, self.tail_sequence, self.tail_cursor, self.tail_rows),
            self.augment,
            generators(self.seed, Purpose.IMAGE, self.head_passes),
            generators(self.seed, Purpose.TAIL_IMAGE, self.mining_rounds),
            self.num_classes,
        )


Half = Tuple[ImageLoader, np.ndarray, int, np.ndarray]
RngAt = Callable[[int], np.random.Generator]


def bag_batches(
    head: Half,
    tail: Half,
    augment: Augment,
    head_rng_at: RngAt,
    tail_rng_at: RngAt,
    num_classes: int | None = None,
) -> Iterator[_Batch]:
    """Batches until the head or the tail ends, each given as (loader, keys, cursor, rows).

    The generators are for a position in the keys. `num_classes` limits the head's labels.
    """
    head_loader, head_keys, head_cursor, head_rows = head
    tail_loader, tail_keys, tail_cursor, tail_rows = tail
    size = len(head_rows) + len(tail_rows)
    while tail_cursor + len(tail_rows) <= len(tail_keys):
        data, view = batch_memory((size,) + head_loader.image_shape, np.float32)
        label, labels = batch_memory((size,), np.float32)
        after = fill_rows(
            head_loader, head_keys, head_cursor, head_rows, view, labels, augment, head_rng_at
        )
        if after is None:
            return
        check_labels(head_loader, labels[head_rows], num_classes)
        stop = tail_cursor + len(tail_rows)
        if stop != fill_rows(
            tail_loader, tail_keys, tail_cursor, tail_rows, view, labels, augment, tail_rng_at
        ):
            raise InputError(f"{tail_loader.path}: changed while it was read; start again")
        head_cursor, tail_cursor = after, stop
        yield _Batch(data, label, head_cursor, tail_cursor)
