"""Ending a run when verification no longer gets better: what people do who watch the log."""

from __future__ import annotations

from typing import Any, Callable, Mapping

from symbols.lineage_2019 import as_written_2019
from unequal.support.console import say
from unequal.training.loop import Progress, StopTraining


class Patience:
    """Keeps the best model; after tests without a better one it lowers the rate, then ends the run.

    The mean accuracy over the targets is compared; an equal one is not better.

    Args:
        patience: tests without a better mean before something happens; 0: nothing ever happens.
        drops: how often the learning rate drops tenfold then, before the run ends.
        save_best: writes the model as the best one.
    """

    def __init__(self, patience: int, drops: int, save_best: Callable[[], None]) -> None:
        self._patience, self._drops, self._save_best = patience, drops, save_best
        self.best: dict[str, Any] = {}
        self._waited = self._dropped = 0
        self.ended = False

    def tested(self, progress: Progress, found: Mapping[str, float]) -> None:
        """Take note of {target: accuracy} of the model as it is now."""
        if not self._patience or not found:
            return
        mean = sum(found.values()) / len(found)
        if not self.best or mean > self.best["mean"]:
            self._save_best()
            self.best = {"step": progress.step, "mean": mean, "accuracy": dict(found)}
            self._waited = 0
            return
        self._waited += 1
        if self._waited < self._patience:
            return
        if self._dropped < self._drops:
            self._dropped, self._waited = self._dropped + 1, 0
            progress.trainer.set_learning_rate(progress.trainer.learning_rate * 0.1)
            say("lr change to", as_written_2019(progress.trainer.learning_rate))
        else:
            self.ended = True

    def stop(self, progress: Progress) -> None:
        """End the run when it is time, and say which model was the best; a hook."""
        if self.ended:
            say(
                f"[{progress.step}]no ascent for {self._waited} tests; the best was at "
                f"[{self.best['step']}]: {self.best['mean']:1.5f}"
            )
            raise StopTraining

    def state(self) -> dict[str, Any]:
        """Return what it remembers from test to test."""
        return {
            "best": self.best,
            "waited": self._waited,
            "dropped": self._dropped,
            "ended": self.ended,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Resume from what :meth:`state` gave."""
        self.best = dict(state["best"])
        self._waited, self._dropped = state["waited"], state["dropped"]
        # more patience or more drops than before, or neither, take the end back
        self.ended = (
            state["ended"] and 0 < self._patience <= self._waited and self._dropped >= self._drops
        )
