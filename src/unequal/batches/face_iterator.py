"""What the iterators share: how a batch is described, made ahead, and handed over."""

from __future__ import annotations

from typing import Any, Generic, Iterator, Mapping, Sequence, TypeVar, Union

import mxnet as mx
import numpy as np

from unequal.support.prefetch import Prefetcher

Position = Mapping[str, Union[int, np.ndarray]]
Batch = TypeVar("Batch")


class FaceIter(mx.io.DataIter, Generic[Batch]):
    """Batches of `batch_size` images of `image_shape` (3, height, width) with float32 labels.

    Subclasses give the batches of an epoch; this class makes `prefetch` of them ahead.

    `position` and `go_to` are for a run that resumes another one: an iterator that is made with the
    same arguments, and put where the other one stood, gives the batches that come next there.
    """

    def __init__(self, batch_size: int, image_shape: Sequence[int], prefetch: int) -> None:
        super().__init__(batch_size)
        self.image_shape = tuple(image_shape)
        self.prefetch = prefetch
        self._batches: Prefetcher[Batch] | None = None

    @property
    def provide_data(self) -> list[tuple[str, tuple[int, ...]]]:
        """[('data', (batch_size, 3, height, width))]."""
        return [("data", (self.batch_size,) + self.image_shape)]

    @property
    def provide_label(self) -> list[tuple[str, tuple[int, ...]]]:
        """[('softmax_label', (batch_size,))]."""
        return [("softmax_label", (self.batch_size,))]

    def position(self) -> dict[str, int | np.ndarray]:
        """Return where the batches handed over end: whole numbers, and arrays of record keys."""
        raise NotImplementedError

    def go_to(self, position: Position) -> None:
        """Stand where `position` was taken; for an iterator that has given no batch yet."""
        raise NotImplementedError

    def _epoch_batches(self) -> Iterator[Batch]:
        raise NotImplementedError

    def _start(self) -> Prefetcher[Batch]:
        """Have batches of `_epoch_batches` made ahead, unless that has begun already."""
        if self._batches is None:
            self._batches = Prefetcher(self._epoch_batches(), self.prefetch)
        return self._batches

    def _stop(self) -> None:
        if self._batches is not None:
            self._batches.close()
            self._batches = None

    def _data_batch(self, data: Any, labels: Any) -> mx.io.DataBatch:
        return mx.io.DataBatch(
            data=[data],
            label=[labels],
            pad=0,
            provide_data=self.provide_data,
            provide_label=self.provide_label,
        )
