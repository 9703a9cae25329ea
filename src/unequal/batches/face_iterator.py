"""What the iterators share: how a batch is described, made ahead, and handed over."""

from __future__ import annotations

from typing import Iterator, Mapping, Sequence, Union

import mxnet as mx
import numpy as np

from unequal.support.prefetch import Prefetcher

Position = Mapping[str, Union[int, np.ndarray]]


class FaceIter(mx.io.DataIter):
    """Batches of `batch_size` images of `image_shape` (3, height, width) with float32 labels.

    Subclasses give the batches of an epoch; this class makes `prefetch` of them ahead.

    `position` and `go_to` are for a run that goes on where another one ended: an iterator made
    with the same arguments, put where another one stood, gives the batches that come next there.
    """

    def __init__(self, batch_size: int, image_shape: Sequence[int], prefetch: int) -> None:
        super().__init__(batch_size)
        self.image_shape = tuple(image_shape)
        self.prefetch = prefetch
        self._batches: Prefetcher | None = None

    @property
    def provide_data(self) -> list:
        """[('data', (batch_size, 3, height, width))]."""
        return [("data", (self.batch_size,) + self.image_shape)]

    @property
    def provide_label(self) -> list:
        """[('softmax_label', (batch_size,))]."""
        return [("softmax_label", (self.batch_size,))]

    def position(self) -> dict[str, int | np.ndarray]:
        """Where the batches handed over end: whole numbers, and arrays of record keys."""
        raise NotImplementedError

    def go_to(self, position: Position) -> None:
        """Stand where `position` was taken; for an iterator that has given no batch yet."""
        raise NotImplementedError

    def _epoch_batches(self) -> Iterator:
        raise NotImplementedError

    def _start(self) -> None:
        self._batches = Prefetcher(self._epoch_batches(), self.prefetch)

    def _stop(self) -> None:
        if self._batches is not None:
            self._batches.close()
            self._batches = None

    def _data_batch(self, data: mx.nd.NDArray, labels: mx.nd.NDArray) -> mx.io.DataBatch:
        return mx.io.DataBatch(
            data=[data],
            label=[labels],
            pad=0,
            provide_data=self.provide_data,
            provide_label=self.provide_label,
        )
