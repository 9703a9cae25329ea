"""What happens between batches: log lines, the learning rate, verification, checkpoints, the end.

A hook is called after every batch with the loop's progress; the scripts' order is that of the
2019 callback.
"""

from __future__ import annotations

import logging
import signal
import time
from typing import Callable, Mapping, Sequence

import mxnet as mx

from symbols.lineage_2019 import as_written_2019
from unequal.support.console import say
from unequal.training.loop import Progress, StopTraining


def speed_line(rows: int, every: int) -> Callable[[Progress], None]:
    """``Epoch[0] Batch [0-20]	Speed: ...`` every so many batches; ``rows`` count as a batch."""
    speedometer = mx.callback.Speedometer(rows, every)

    def hook(progress: Progress) -> None:
        if progress.nbatch and not speedometer.init:  # a run that goes on within an epoch
            speedometer.init, speedometer.tic = True, time.time()
        if progress.nbatch % every == 0:
            progress.metric.get()  # waits for the devices, so that the time is that of the work
        speedometer(progress)

    return hook


def drop_rate(steps: Sequence[int], freeze: int) -> Callable[[Progress], None]:
    """Tenfold lower learning rate after batch ``freeze + step``, from the next batch on."""
    at = {freeze + step for step in steps}

    def hook(progress: Progress) -> None:
        if progress.step in at:
            rate = progress.trainer.learning_rate * 0.1
            progress.trainer.set_learning_rate(rate)
            say("lr change to", as_written_2019(rate))

    return hook


def rate_line(due: Callable[[int], bool]) -> Callable[[Progress], None]:
    """``lr-batch-epoch: rate batch epoch`` at the steps that ``due`` names."""

    def hook(progress: Progress) -> None:
        if due(progress.step):
            say(
                "lr-batch-epoch:",
                as_written_2019(progress.trainer.learning_rate),
                progress.nbatch,
                progress.epoch,
            )

    return hook


def saves_softmax(accuracies: Sequence[float], best: Sequence[float]) -> bool:
    """The 2019 rule of stage one: is this model worth a numbered checkpoint?"""
    first, last = accuracies[0], accuracies[-1]
    return (
        (first > best[0] and first >= 0.975)
        or (last >= best[-1] and first >= 0.985)
        or last >= 0.985
    )


def saves_noise_resistance(accuracies: Sequence[float], best: Sequence[float]) -> bool:
    """The 2019 rule of stage two, for stage three too."""
    first, last = accuracies[0], accuracies[-1]
    return (first > best[0] and first >= 0.99) or (last >= best[-1] and first >= 0.99)


class Verify:
    """Tests and saves as the 2019 scripts do.

    Parameters
    ----------
    test : callable
        step -> {target: accuracy} of the targets found, in order; prints its own lines.
    save : callable
        epoch number -> None, writes a checkpoint.
    every : int
        Batches between tests.
    worth_saving : callable
        (accuracies, best so far) -> bool, for ``ckpt`` 1.
    ckpt : int
        0 no numbered checkpoints, 1 by the rule, 2 at every test.
    at_first : int or None
        Also test after the first batch, then save under this number.
    best_line : callable
        {target: best} -> text after ``Accuracy-Highest:``.
    tested : callable
        Gets the progress and what ``test`` gave, after a test that is due and its checkpoints.
    """

    def __init__(
        self,
        test: Callable[[int], Mapping[str, float]],
        save: Callable[[int], None],
        every: int,
        worth_saving,
        ckpt: int,
        at_first: int | None,
        best_line: Callable[[Mapping[str, float]], str],
        tested: Callable[[Progress, Mapping[str, float]], None] = lambda *_: None,
    ):
        self._test, self._save, self._every = test, save, every
        self._worth_saving, self._ckpt, self._at_first = worth_saving, ckpt, at_first
        self._best_line, self._tested = best_line, tested
        self._best: dict[str, float] = {}
        self._tests = 0

    def __call__(self, progress: Progress) -> None:
        step = progress.step
        if step == 1 and self._at_first is not None:
            self._test(step)
            self._save(self._at_first)
        if step % self._every == 0:
            self._save(0)
            found = self._test(step)
            self._numbered(found)
            say(f"[{step}]Accuracy-Highest: {self._best_line(self._best)}")
            self._tested(progress, found)

    def due(self, step: int) -> bool:
        """Does a test, and a checkpoint, come after this batch?"""
        return step % self._every == 0 or (step == 1 and self._at_first is not None)

    def state(self) -> dict:
        """What it remembers from test to test."""
        return {"best": self._best, "tests": self._tests}

    def load(self, state: Mapping) -> None:
        """Go on from what :meth:`state` gave."""
        self._best, self._tests = dict(state["best"]), state["tests"]

    def _numbered(self, found: Mapping[str, float]) -> None:
        self._tests += 1
        accuracies = list(found.values())
        best = [self._best.get(target, 0.0) for target in found]
        worth = bool(accuracies) and self._worth_saving(accuracies, best)
        for target, accuracy in found.items():
            self._best[target] = max(accuracy, self._best.get(target, 0.0))
        if self._ckpt > 1 or (self._ckpt == 1 and worth):
            say("saving", self._tests)
            self._save(self._tests)


def last_best(best: Mapping[str, float]) -> str:
    """The best accuracy of the last target, as the first two stages print it."""
    return f"{list(best.values())[-1] if best else 0.0:1.5f}"


def three_best(best: Mapping[str, float]) -> str:
    """The best accuracies of the targets, at least three numbers, as stage three prints them."""
    values = list(best.values())
    return " ".join(f"{value:1.5f}" for value in values + [0.0] * (3 - len(values)))


def save_state(due: Callable[[int], bool], save: Callable[[], None]) -> Callable[[Progress], None]:
    """Save the run after the batches that ``due`` names; who goes on begins with the next hook."""

    def hook(progress: Progress) -> None:
        if due(progress.step):
            progress.pending += 1
            save()
            progress.pending -= 1

    return hook


def stop_after(max_steps: int) -> Callable[[Progress], None]:
    """End after batch ``max_steps + 1``, as in 2019; 0 never ends."""

    def hook(progress: Progress) -> None:
        if 0 < max_steps < progress.step:
            raise StopTraining

    return hook


class Interrupt:
    """SIGINT and SIGTERM end the run after the current batch; a second one ends it at once.

    A context manager, and a hook. ``received`` is the signal's number, or None. ``check`` may be
    called in long work between batches.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict = {}

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _frame: object) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number
        logging.warning(
            "%s: ending; what a batch has trained is saved; once more ends at once",
            signal.Signals(number).name,
        )

    def check(self) -> None:
        """Raise :class:`StopTraining` when a signal has come."""
        if self.received is not None:
            raise StopTraining

    def __call__(self, progress: Progress) -> None:
        self.check()
