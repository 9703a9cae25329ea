"""A network on one or several devices as a function of NumPy arrays that need not wait."""

from __future__ import annotations

from typing import Callable, Sequence

import numpy as np

# isort: split
import unequal  # noqa: F401  (readies the process for mxnet, so it comes before)

# isort: split
import mxnet as mx


class Pending:
    """Rows that devices may still be computing; np.asarray waits for them.

    They are float32 (n, numbers), the parts of the devices one below the other.
    """

    def __init__(self, parts: Sequence[mx.nd.NDArray]) -> None:
        self._parts = list(parts)

    def __array__(self, dtype: type | None = None) -> np.ndarray:
        arrays = [part.asnumpy() for part in self._parts]
        rows = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        return rows.reshape(len(rows), -1).astype(dtype or rows.dtype, copy=False)


class OnDevices:
    """Runs a network on arrays whose rows are shared by devices.

    Args:
        network: the function of each device's part, which it gets as float32.
        devices: they share the rows in order.
        check: called before every batch; it may raise to end long work.
    """

    def __init__(
        self,
        network: Callable[..., mx.nd.NDArray],
        devices: Sequence[mx.Context],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._network = network
        self._devices = list(devices)
        self._check = check

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        """Return the result of a batch, float32 (n, numbers)."""
        return np.asarray(self.push(*arrays))

    def push(self, *arrays: np.ndarray) -> Pending:
        """Start the work on a batch; the arrays may be changed once this has returned."""
        self._check()
        return Pending([self._network(*part) for part in self._upload(arrays)])

    def push_with_mirror(self, images: np.ndarray) -> tuple[Pending, Pending]:
        """Start the work on images (n, 3, height, width) and on mirror images made there."""
        self._check()
        parts = self._upload((images,))
        plain = [self._network(part) for (part,) in parts]
        mirrored = [self._network(mx.nd.flip(part, axis=3)) for (part,) in parts]
        return Pending(plain), Pending(mirrored)

    def _upload(self, arrays: Sequence[np.ndarray]) -> list[list[mx.nd.NDArray]]:
        edges = np.linspace(0, len(arrays[0]), len(self._devices) + 1).astype(int)
        return [
            [
                mx.nd.array(array[start:stop], ctx=device, dtype=array.dtype).astype("float32")
                for array in arrays
            ]
            for start, stop, device in zip(edges[:-1], edges[1:], self._devices)
            if stop > start
        ]
