"""``history.jsonl`` and TensorBoard events of a run, in the folder of ``--log-dir``.

A line of the history is a JSON object: ``{"kind": "train", "step", "epoch", "rate", "speed"
(images/s), "seconds", ...}`` with the metrics since the line before, or ``{"kind": "test", "step",
"seconds", "mean", "targets": {name: {"accuracy", "std", "xnorm"}}}``. ``seconds`` are those of the
run, the time between its being ended and its going on left out. TensorBoard shows the same numbers.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path
from typing import Mapping

from unequal.support.errors import InputError
from unequal.support.files import replace_file
from unequal.training.loop import Progress

HISTORY = "history.jsonl"


class History:
    """Writes both. ``step`` is where the run begins: what was written of later ones is dropped.

    ``folder`` '' writes nothing. Raises :class:`InputError` where the folder cannot be written to.
    """

    def __init__(self, folder: str, step: int = 0, seconds: float = 0.0):
        self._started = time.monotonic() - seconds
        self.latest: dict = {}
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
                f"{path}: cannot be written ({error.strerror}); see --log-dir"
            ) from error
        self._events = SummaryWriter(folder, purge_step=step + 1 if step else None)

    @property
    def seconds(self) -> float:
        """The time that the run has taken so far."""
        return time.monotonic() - self._started

    def train_line(self, rows: int, every: int):
        """A hook that notes the metrics every so many batches, before the speed line resets them.

        ``rows`` count as a batch.
        """
        since = [self.seconds]

        def hook(progress: Progress) -> None:
            if progress.nbatch % every:
                return
            values = dict(progress.metric.get_name_value())  # waits for the devices
            before, since[0] = since[0], self.seconds
            if progress.nbatch:
                speed = rows * every / max(since[0] - before, 1e-9)
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

    def tested(self, step: int, results: Mapping[str, object]) -> None:
        """Note a test: ``eval.verification.VerificationResult`` by target."""
        if not results:
            return
        targets = {
            name: {"accuracy": result.acc2, "std": result.std2, "xnorm": result.xnorm}
            for name, result in results.items()
        }
        mean = sum(target["accuracy"] for target in targets.values()) / len(targets)
        values = {f"{name}_accuracy": target["accuracy"] for name, target in targets.items()}
        self._write("test", step, {**values, "mean_accuracy": mean}, mean=mean, targets=targets)

    def _write(self, kind: str, step: int, values: Mapping[str, float], **facts: object) -> None:
        line = {"kind": kind, "step": step, "seconds": round(self.seconds, 3), **facts}
        self.latest = {**self.latest, **values}
        if self._file is None or (kind, step) in self._kept:
            return
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        for name, value in {
            **values,
            **{key: facts[key] for key in ("rate", "speed") if key in facts},
        }.items():
            self._events.add_scalar(f"{kind}/{name}", value, step)
        self._events.flush()

    def close(self) -> None:
        """End both files; harmless when done twice."""
        if self._file is not None:
            self._file.close()
            self._events.close()


def read_history(path: str) -> list[dict]:
    """The lines of a history; one cut short by a kill, and what follows it, is left out."""
    lines = []
    if os.path.exists(path):
        for text in Path(path).read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                break
    return lines


def _put_aside(path: str) -> None:
    """Another run's history gets a number, lest it be lost; one without a line goes."""
    if not read_history(path):
        return
    number = 1
    while os.path.exists(f"{path}.{number}"):
        number += 1
    os.replace(path, f"{path}.{number}")
    logging.warning("%s: is of another run; it is %s.%d now", path, path, number)


def keep_until(path: str, step: int) -> set[tuple[str, int]]:
    """Cut a history after ``step``; which (kind, step) it still has of that one."""
    lines = [line for line in read_history(path) if line["step"] <= step]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    replace_file(path, lambda name: Path(name).write_text(text, encoding="utf-8"))
    return {(line["kind"], line["step"]) for line in lines if line["step"] == step}
