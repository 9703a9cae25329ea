"""What NumPy writes into the memory of a batch is what MXNet reads there."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from unequal.batches.batch_memory import batch_memory


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(5,), (2, 3, 5, 7), (33, 3, 112, 112)])
def test_what_numpy_writes_mxnet_reads(shape, dtype):
    array, view = batch_memory(shape, dtype)
    assert array.shape == view.shape == shape and array.dtype == view.dtype == dtype
    wanted = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    view[...] = wanted
    np.testing.assert_array_equal((array + mx.nd.zeros(shape, dtype=dtype)).asnumpy(), wanted)


def test_two_batches_do_not_share_memory():
    (_, first), (_, second) = kept = [batch_memory((4, 3), np.float32) for _ in range(2)]
    first[...], second[...] = 1, 2
    assert [float(array.sum().asscalar()) for array, _ in kept] == [12, 24]
