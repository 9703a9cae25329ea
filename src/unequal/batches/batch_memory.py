"""Memory of a batch that NumPy writes and MXNet owns."""

from __future__ import annotations

import ctypes
import mmap
from typing import Sequence

import mxnet as mx
import numpy as np
from mxnet.base import _LIB, check_call

HUGE_PAGE = 1 << 21


def batch_memory(shape: Sequence[int], dtype: type) -> tuple[mx.nd.NDArray, np.ndarray]:
    """Return an uninitialised NDArray of the CPU and a NumPy view of its memory.

    To fill the view saves a copy, which takes MXNet up to half as long as it takes to decode the
    images of the batch. Write before MXNet begins to work on the NDArray, and keep the NDArray as
    long as the view is used.

    Memory of NumPy that is lent to MXNet (`mx.nd.from_numpy`) and used again would save more. But
    MXNet gives it back by calling Python, from a thread of its own and even when Python has ended.
    """
    array = mx.nd.empty(tuple(shape), ctx=mx.cpu(), dtype=dtype)
    address = ctypes.c_void_p()
    check_call(_LIB.MXNDArrayGetData(array.handle, ctypes.byref(address)))
    start = address.value or 0
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    _use_huge_pages(start, count)
    memory = (ctypes.c_uint8 * count).from_address(start)
    return array, np.ctypeslib.as_array(memory).view(dtype).reshape(tuple(shape))


def _use_huge_pages(address: int, count: int) -> None:
    """Ask for large pages: to touch each small one first takes up to half as long as decoding.

    It is a hint, for the whole pages in that memory. Systems without large pages get none.
    """
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return
    start = -(-address // HUGE_PAGE) * HUGE_PAGE
    length = (address + count - start) // HUGE_PAGE * HUGE_PAGE
    if length > 0:
        advise = ctypes.CDLL(None).madvise
        advise(ctypes.c_void_p(start), ctypes.c_size_t(length), mmap.MADV_HUGEPAGE)
