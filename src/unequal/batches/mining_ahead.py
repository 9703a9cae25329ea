"""Mining the bags of the next epoch in a thread while the current one trains."""

from __future__ import annotations

import threading
from typing import Callable

import numpy as np

from unequal.batches.tail_mining import Embed, TailMiner
from unequal.support.pipelining import pusher


class _Stopped(Exception):
    """Ends the thread early."""


class MiningAhead:
    """One round of `miner`, begun at once in a thread; `take` gives it.

    `embed` belongs to the thread from here on: its weights must not change any more. All random
    numbers are drawn from `rng`, which nobody else may use. The miner is the thread's until `take`
    or `stop` returns.
    """

    def __init__(self, miner: TailMiner, bags: int, rng: np.random.Generator, embed: Embed) -> None:
        self._lines: list[str] = []
        self._keys: np.ndarray | None = None
        self._error: BaseException | None = None
        self._stopped = False
        push = pusher(embed)

        def push_until_stopped(images: np.ndarray) -> object:
            if self._stopped:
                raise _Stopped
            return push(images)

        def work() -> None:
            try:
                self._keys = miner.mine(bags, rng, push_until_stopped, self._lines.append, False)
            except BaseException as error:  # whatever it is, it belongs to the thread that takes
                self._error = error

        self._thread = threading.Thread(target=work, name="mining", daemon=True)
        self._thread.start()

    def take(self, log: Callable[[str], None]) -> np.ndarray:
        """Wait for the round: its keys. `log` gets its lines; what stopped it is raised."""
        self._thread.join()
        for line in self._lines:
            log(line)
        if self._error is not None:
            raise self._error
        return self._keys

    def stop(self) -> None:
        """End the thread after the batch that it embeds, and wait for that."""
        self._stopped = True
        self._thread.join()
