"""What happens between batches: log lines, the learning rate, verification, checkpoints, the end.

A hook is called after every batch with the loop's progress; the scripts' order is that of the
2019 callback.
"""

from __future__ import annotations

import logging
import signal
import time
from types import FrameType
from typing import TYPE_CHECKING, Any, Callable, Mapping, Sequence

import mxnet as mx

from symbols.lineage_2019 import as_written_2019
from unequal.support.console import say
from unequal.training.loop import Hook, Progress, StopTraining

if TYPE_CHECKING:
    from unequal.training.steps import Step


def speed_line(rows: int, every: int) -> Hook:
    """Print ``Epoch[0] Batch [0-20]	Speed: ...`` every ``every`` batches of ``rows`` images."""
    speedometer = mx.callback.Speedometer(rows, every)

    def hook(progress: Progress) -> None:
        if progress.nbatch and not speedometer.init:  # a run resumed within an epoch
            speedometer.init, speedometer.tic = True, time.time()
        if progress.nbatch % every == 0:
            progress.metric.get()  # waits for the devices, so that the time is that of the work
        speedometer(progress)

    return hook


def drop_rate(steps: Sequence[int], freeze: int) -> Hook:
    """Divide the learning rate by ten after each batch ``freeze + step``."""
    at = {freeze + step for step in steps}

    def hook(progress: Progress) -> None:
        if progress.step in at:
            rate = progress.trainer.learning_rate * 0.1
            progress.trainer.set_learning_rate(rate)
            say("lr change to", as_written_2019(rate))

    return hook


def rate_line(due: Callable[[int], bool]) -> Hook:
    """Print ``lr-batch-epoch: rate batch epoch`` at the steps that ``due`` names."""

    def hook(progress: Progress) -> None:
        if due(progress.step):
            say(
                "lr-batch-epoch:",
                as_written_2019(progress.trainer.learning_rate),
                progress.nbatch,
                progress.epoch,
            )

    return hook


class Verify:
    """Tests and saves as the 2019 scripts do; a hook.

    Args:
        step: says when a model is worth a numbered checkpoint, whether the first batch is tested,
            and what the best line shows.
        test: number of the batch -> {target: accuracy} of the targets found, in order; it prints
            its own lines.
        save: writes the checkpoint of a number.
        every: batches between tests.
        ckpt: 0 no numbered checkpoints, 1 by the step's rule, 2 at every test.
        tested: gets the progress and what ``test`` gave, after a test that is due and its
            checkpoints.
    """

    def __init__(
        self,
        step: Step,
        test: Callable[[int], Mapping[str, float]],
        save: Callable[[int], None],
        every: int,
        ckpt: int,
        tested: Callable[[Progress, Mapping[str, float]], None] = lambda *_: None,
    ) -> None:
        self._step, self._test, self._save = step, test, save
        self._every, self._ckpt, self._tested = every, ckpt, tested
        self._best: dict[str, float] = {}
        self._tests = 0

    def __call__(self, progress: Progress) -> None:
        """Test and save where that is due."""
        step, first = progress.step, self._step.test_first_then_save
        if step == 1 and first is not None:
            self._test(step)
            self._save(first)
        if step % self._every == 0:
            self._save(0)
            found = self._test(step)
            self._numbered(found)
            say(f"[{step}]Accuracy-Highest: {self._step.best_line(self._best)}")
            self._tested(progress, found)

    def due(self, step: int) -> bool:
        """Tell whether a test and a checkpoint come after this batch."""
        return step % self._every == 0 or (
            step == 1 and self._step.test_first_then_save is not None
        )

    def state(self) -> dict[str, Any]:
        """Return what it remembers from test to test."""
        return {"best": self._best, "tests": self._tests}

    def load(self, state: Mapping[str, Any]) -> None:
        """Resume from what :meth:`state` gave."""
        self._best, self._tests = dict(state["best"]), state["tests"]

    def _numbered(self, found: Mapping[str, float]) -> None:
        self._tests += 1
        accuracies = list(found.values())
        best = [self._best.get(target, 0.0) for target in found]
        worth = bool(accuracies) and self._step.worth_saving(accuracies, best)
        for target, accuracy in found.items():
            self._best[target] = max(accuracy, self._best.get(target, 0.0))
        if self._ckpt > 1 or (self._ckpt == 1 and worth):
            say("saving", self._tests)
            self._save(self._tests)


def save_state(due: Callable[[int], bool], save: Callable[[], None]) -> Hook:
    """Save the run after the batches that ``due`` names; resuming begins with the next hook."""

    def hook(progress: Progress) -> None:
        if due(progress.step):
            hook_of_now = progress.pending
            progress.pending = (hook_of_now or 0) + 1
            save()
            progress.pending = hook_of_now

    return hook


def stop_after(max_steps: int) -> Hook:
    """End the run after batch ``max_steps + 1``, as in 2019; 0 never ends it."""

    def hook(progress: Progress) -> None:
        if 0 < max_steps < progress.step:
            raise StopTraining

    return hook


class Interrupt:
    """Ends the run after the current batch at SIGINT or SIGTERM; a second signal ends it at once.

    It is a context manager and a hook. ``check`` may be called in long work between batches.

    Attributes:
        received: the signal's number, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number: int, _frame: FrameType | None) -> None:
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
        """End the run when a signal has come."""
        self.check()
