"""Running an iterator in a background thread, a few items ahead of whoever uses them."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, Iterator, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Iterates over `source` in a thread that keeps up to `depth` items ready.

    `next` raises what `source` raises, after the items made before it. With depth 0 there is no
    thread. Call `close` to stop early.
    """

    def __init__(self, source: Iterator[T], depth: int = 1) -> None:
        self._source = source
        self._depth = depth
        self._items: deque[T] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._stopped = False
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        if depth > 0:
            self._thread = threading.Thread(target=self._work, name="prefetch", daemon=True)
            self._thread.start()

    def __iter__(self) -> Prefetcher[T]:
        return self

    def __next__(self) -> T:
        if self._thread is None:
            if self._stopped:
                raise StopIteration
            return next(self._source)
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended or self._stopped)
            if self._items and not self._stopped:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
        if self._error is not None and not self._stopped:
            raise self._error
        raise StopIteration

    def close(self) -> None:
        """Stop the thread, wait for it and forget what it made; harmless when done twice."""
        with self._changed:
            self._stopped = True
            self._items.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            for item in self._source:
                with self._changed:
                    self._changed.wait_for(lambda: self._stopped or len(self._items) < self._depth)
                    if self._stopped:
                        break
                    self._items.append(item)
                    self._changed.notify_all()
        except BaseException as error:  # whatever it is, it belongs to the thread that asks
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
