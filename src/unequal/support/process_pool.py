"""Work in several processes: results come in order, and a limited number at a time."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing.connection import wait
from typing import Callable, Generator, Iterable, Iterator, TypeVar

import cv2

Item = TypeVar("Item")
Result = TypeVar("Result")
CHUNKS_AHEAD = 4


@contextmanager
def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], processes: int, per_call: int = 16
) -> Iterator[Iterator[Result]]:
    """Open an iterator over `work(item)` of all items, in their order.

    At most `processes` * 4 + 1 calls are at work or wait for their results to be taken, so memory
    does not grow with the number of items. The processes end with this one, also when it is
    killed.

    Args:
        work: a function of a module, or a functools.partial of one, so that it can be pickled.
        items: what it is called with.
        processes: how many work at the same time; 1 means this process itself.
        per_call: how many items a process is given at a time.
    """
    if processes == 1:
        yield map(work, items)
        return
    # A forked child hangs in OpenCV when its parent has used OpenCV's threads: spawn.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, _start_worker) as pool:
        with closing(_results(pool, work, iter(items), processes * CHUNKS_AHEAD, per_call)) as done:
            yield done


def _results(
    pool: ProcessPoolExecutor,
    work: Callable[[Item], Result],
    items: Iterator[Item],
    ahead: int,
    per_call: int,
) -> Generator[Result, None, None]:
    """Yield the results; calls that nobody waits for are cancelled."""
    waiting: deque[Future] = deque()
    try:
        while True:
            chunk = list(itertools.islice(items, per_call))
            if chunk:
                waiting.append(pool.submit(_do, work, chunk))
            if not waiting:
                return
            if len(waiting) > ahead or not chunk:
                yield from waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _do(work: Callable[[Item], Result], chunk: list[Item]) -> list[Result]:
    return [work(item) for item in chunk]


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cv2.setNumThreads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
