"""``history.jsonl`` and TensorBoard events of a run, in the folder `log_dir`.

A line of the history is a JSON object: ``{"kind": "train", "step", "epoch", "rate", "speed"
(images/s), "seconds", ...}`` with the metrics since the line before, or ``{"kind": "test", "step",
"seconds", "mean", "targets": {name: {"accuracy", "std", "xnorm"}}}``. ``seconds`` are those of the
run, without the time between its end and its resuming. TensorBoard shows the same numbers.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Any, Mapping

from eval.verification import VerificationResult
from unequal.support.errors import InputError
from unequal.support.files import replace_file
from unequal.training.loop import Hook, Progress

HISTORY = "history.jsonl"


class TrainingHistory:
    """Writes the history and the events of a run.

    Args:
        folder: where they go; '' writes nothing.
        step: where the run begins: what was written of later steps is dropped.
        seconds: the time that the run has taken before.

    Attributes:
        latest: the newest value of each number.

    Raises:
        InputError: the folder cannot be written to.
    """

    def __init__(self, folder: str, step: int = 0, seconds: float = 0.0) -> None:
        self._started = time.monotonic() - seconds
        self.latest: dict[str, float] = {}
        self._file = self._events = None
        if not folder:
            return
        from tensorboardX import SummaryWriter  # a second to import

        path = os.path.join(folder, HISTORY)
        try:
            if not step:
                _put_aside(path)
            self._kept = keep_until(path, step)
            self._file = open(path, "a", encoding="utf-8")
        except OSError as error:
            raise InputError(
                f"{path}: cannot be written ({error.strerror}); see `log_dir`"
            ) from error
        self._events = SummaryWriter(folder, purge_step=step + 1 if step else None)

    @property
    def seconds(self) -> float:
        """Return the time that the run has taken so far."""
        return time.monotonic() - self._started

    def train_line(self, rows: int, every: int) -> Hook:
        """Return a hook that notes the metrics, before the speed line resets them.

        Args:
            rows: images that count as a batch.
            every: batches between two notes.
        """
        since = self.seconds

        def hook(progress: Progress) -> None:
            nonlocal since
            if progress.nbatch % every:
                return
            values = dict(progress.metric.get_name_value())  # waits for the devices
            before, since = since, self.seconds
            if progress.nbatch:
                speed = rows * every / max(since - before, 1e-9)
                self._write(
                    "train",
                    progress.step,
                    values,
                    epoch=progress.epoch,
                    rate=progress.trainer.learning_rate,
                    speed=round(speed, 2),
                    **values,
                )

        return hook

    def tested(self, step: int, results: Mapping[str, VerificationResult]) -> None:
        """Note the results of a test by target."""
        if not results:
            return
        targets = {
            name: {"accuracy": result.acc2, "std": result.std2, "xnorm": result.xnorm}
            for name, result in results.items()
        }
        mean = sum(target["accuracy"] for target in targets.values()) / len(targets)
        values = {f"{name}_accuracy": target["accuracy"] for name, target in targets.items()}
        self._write("test", step, {**values, "mean_accuracy": mean}, mean=mean, targets=targets)

    def _write(self, kind: str, step: int, values: Mapping[str, float], **facts: Any) -> None:
        line = {"kind": kind, "step": step, "seconds": round(self.seconds, 3), **facts}
        self.latest = {**self.latest, **values}
        if self._file is None or self._events is None or (kind, step) in self._kept:
            return
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        shown = dict(values)
        shown.update((key, facts[key]) for key in ("rate", "speed") if key in facts)
        for name, value in shown.items():
            self._events.add_scalar(f"{kind}/{name}", value, step)
        self._events.flush()

    def close(self) -> None:
        """Close both files; a second call does nothing."""
        if self._file is not None and self._events is not None:
            self._file.close()
            self._events.close()


def read_history(path: str) -> list[dict[str, Any]]:
    """Return the lines of a history up to one that a kill cut short."""
    lines = []
    if os.path.exists(path):
        for text in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                break
    return lines


def _put_aside(path: str) -> None:
    """Rename another run's history, so that it is not lost; one without a line is removed."""
    if not read_history(path):
        return
    number = 1
    while os.path.exists(f"{path}.{number}"):
        number += 1
    os.replace(path, f"{path}.{number}")
    logging.warning("%s: is of another run; it is %s.%d now", path, path, number)


def keep_until(path: str, step: int) -> set[tuple[str, int]]:
    """Cut a history after ``step``, and return which (kind, step) it still has of that one."""
    lines = [line for line in read_history(path) if line["step"] <= step]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    replace_file(path, lambda name: Path(name).write_text(text, encoding="utf-8"))
    return {(line["kind"], line["step"]) for line in lines if line["step"] == step}
