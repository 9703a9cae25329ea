"""What a run of the recipe shows: the lines of the scripts in a file, a bar on a terminal."""

from __future__ import annotations

import io
import logging
import sys
from contextlib import contextmanager, redirect_stdout
from typing import Callable, Iterator, TextIO

from tqdm import tqdm

from unequal.training.history import TrainingHistory
from unequal.training.loop import Progress

MEAN = "mean_accuracy"


class _Tee(io.TextIOBase):
    """Writes text into a file, and into ``also`` where that is given."""

    def __init__(self, file: TextIO, also: TextIO | None):
        self._file, self._also = file, also

    def write(self, text: str) -> int:
        self._file.write(text)
        try:
            if self._also is not None:
                self._also.write(text)
                self._also.flush()
        except BrokenPipeError:  # the file is what counts
            self._also = None
        return len(text)


class _AboveBar(logging.Handler):
    """Writes lines to stderr, above a bar that may be there."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stderr)


@contextmanager
def log_of(path: str, terminal: bool) -> Iterator[None]:
    """Append all lines of the log to ``path`` while this lasts.

    Args:
        path: a text file.
        terminal: a bar is shown, which lines would break: they go into the file only, and
            warnings above the bar, too.
    """
    root = logging.getLogger()
    shown = root.handlers
    with open(path, "a", encoding="utf-8", buffering=1) as file:
        to_file = logging.StreamHandler(file)
        to_file.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
        others = [_AboveBar(logging.WARNING)] if terminal else shown
        root.handlers = [to_file, *others]
        try:
            with redirect_stdout(_Tee(file, None if terminal else sys.stdout)):
                yield
        finally:
            root.handlers = shown


@contextmanager
def bar_of(
    title: str, steps: int, rows: int, terminal: bool
) -> Iterator[Callable[[Progress, TrainingHistory], None] | None]:
    """Show a bar for a stage; what is yielded is called after every step.

    It shows the speed, the metrics of the last line of the history, and the time left if the stage
    were to make all its steps.

    Args:
        title: the name of the stage.
        steps: how many it makes at most.
        rows: images in a step.
        terminal: whether there is one; without it nothing is shown, and None is yielded.
    """
    if not terminal:
        yield None
        return
    with tqdm(total=steps, desc=title, unit="step", dynamic_ncols=True, leave=False) as bar:

        def watch(progress: Progress, history: TrainingHistory) -> None:
            if bar.n == 0:  # a resumed run did not make the steps before now
                bar.n = bar.initial = progress.step - 1
            bar.update(progress.step - bar.n)
            numbers = {
                name: f"{value:.3f}"
                for name, value in history.latest.items()
                if name == MEAN or not name.endswith("_accuracy")
            }
            rate = bar.format_dict["rate"]
            if rate:
                numbers["img/s"] = f"{rate * rows:.0f}"
            bar.set_postfix(numbers, refresh=False)

        yield watch
