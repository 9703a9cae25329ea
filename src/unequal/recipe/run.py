"""A run of the recipe: stage after stage, each from the best model of those before it."""

from __future__ import annotations

import logging
import os
import shlex
import time
from typing import Sequence

import mxnet as mx

from unequal.checkpoints.checkpoint import Checkpoint
from unequal.recipe import plan
from unequal.recipe.clean_head import clean_head
from unequal.recipe.evaluation import copy_checkpoint, evaluate_models, identify, say_table
from unequal.recipe.flags import make_parser
from unequal.recipe.input_checks import check_inputs
from unequal.recipe.record import RecipeRecord, now, open_record
from unequal.recipe.settings import RecipeSettings
from unequal.recipe.stage_training import head_batch, image_count, quiet_targets, train_stage
from unequal.report import stage_names as names
from unequal.report.page import write_report
from unequal.support.console import say
from unequal.support.devices import usable_devices
from unequal.support.errors import InputError, with_flags
from unequal.training.flags import SCRIPTS
from unequal.training.hooks import Interrupt


class _Interrupted(Exception):
    """A signal has ended the run; what it has trained is saved."""


def run_recipe(settings: RecipeSettings, interrupt: Interrupt) -> None:
    """Run what is left of the recipe in ``settings.output``; return early after a signal.

    Nobody else may work in that folder meanwhile, see :func:`unequal.recipe.record.alone`.

    Raises:
        InputError: the input is wrong, or the folder holds another run or something else.
    """
    devices = usable_devices()
    check_inputs(settings, len(devices))
    record = open_record(settings, ", ".join(map(str, devices)))
    try:
        RecipeRun(settings, record, devices, interrupt).run()
    except _Interrupted:
        say(f"ended by a signal; start it again to resume {settings.output}")
    except InputError as error:
        for stage in record.facts["stages"]:
            if stage["status"] == "running":
                verdict = with_flags(error, make_parser())
                record.note(stage["name"], status="failed", verdict=verdict)
        raise
    finally:
        _report(settings.output)


class RecipeRun:
    """What is left to do of a recipe; a stage that the record knows as over is not run again.

    Args:
        settings: what the run was asked for.
        record: how far it has come.
        devices: what it trains on.
        interrupt: what notices signals.
    """

    def __init__(
        self,
        settings: RecipeSettings,
        record: RecipeRecord,
        devices: Sequence[mx.Context],
        interrupt: Interrupt,
    ):
        self._settings, self._record = settings, record
        self._devices, self._interrupt = devices, interrupt
        self._stages = {stage.name: stage for stage in plan.stages_of(settings)}
        batch = head_batch(settings.per_batch_size, len(devices))
        self._test_every = plan.batches_between_tests(settings, image_count(settings.head), batch)

    def run(self) -> None:
        """Train on the head, clean it, train on what is left and on the tail, choose the best."""
        head = self._settings.head
        self.train_stage(names.SOFTMAX, head)
        self.train_stage(names.SAVEMODEL, head, names.SOFTMAX)
        self.train_stage(names.NOISE_RESISTANCE, head, names.SAVEMODEL)
        cleaned = clean_head(self._settings, self._record)
        self._end_early()
        best = self.best_of([names.SOFTMAX, names.NOISE_RESISTANCE])
        if self._settings.again:
            best = self.train_again(cleaned, best)
        self.unequal_schedule(cleaned, best)
        self.evaluate()

    def train_stage(self, name: str, head: str, start: str = "") -> None:
        """Train a stage on the set ``head``, from the model of the stage ``start`` if any."""
        stage, output = self._stages[name], self._settings.output
        pretrained = str(self._checkpoint(start)) if start else ""
        words = plan.command(stage, self._settings, self._test_every, head, pretrained)
        if self._record.begin(name, f"python {SCRIPTS[stage.step]} {shlex.join(words)}"):
            trained = train_stage(stage, words, os.path.join(output, name), self._interrupt)
            outcome = trained.outcome
            if outcome.ended_by == "signal":
                self._record.note(name, seconds=outcome.seconds)
                raise _Interrupted
            self._record.note(
                name,
                status="done",
                checkpoint=str(trained.checkpoint),
                seconds=round(outcome.seconds, 1),
                steps=outcome.steps,
                images=outcome.images,
                ended_by=outcome.ended_by,
                best=outcome.best or None,
            )
            trained.state.unlink()
            line = f"{outcome.steps} steps, {outcome.seconds:.0f} s, ended by {outcome.ended_by}"
            if outcome.best:
                line += f"; best at {outcome.best['step']}: {outcome.best['mean']:.5f}"
            say(f"== {name}: {line}")
        _report(output)

    def score(self, name: str) -> float:
        """Return a model's rank-1 on ``identify``, or else its mean over the targets."""
        if not self._settings.identify:
            return self._record.stage(name)["best"]["mean"]
        self._end_early()
        return identify(self._settings, name, self._checkpoint(name))["rank1"]

    def best_of(self, stages: Sequence[str]) -> str:
        """Return the stage with the best score; of equal ones the later, which saw more."""
        return max(reversed(stages), key=self.score)

    def train_again(self, cleaned: str, best: str) -> str:
        """Train step 1 again on the cleaned head; return the best stage."""
        if cleaned == self._settings.head:
            self._record.skip(names.AGAIN, "the head is as it was")
            return best
        self.train_stage(names.AGAIN, cleaned)
        return self.best_of([best, names.AGAIN])

    def unequal_schedule(self, cleaned: str, best: str) -> None:
        """Train step 3.2 with one weight after the other, until one makes ``best`` no better."""
        measure = "rank-1" if self._settings.identify else "mean over the targets"
        ended = False
        for name in self._names("unequal"):
            if ended:
                self._record.skip(name, f"not tried, because {best} was the last improvement")
                continue
            self.train_stage(name, cleaned, best)
            before, after = self.score(best), self.score(name)
            ended = after <= before
            verdict = f"{measure} {after:.5f} instead of {before:.5f} of {best}"
            if ended:
                verdict = (
                    f"{measure} {after:.5f}, not above {before:.5f} of {best}: the schedule ends"
                )
            self._record.note(name, kept=not ended, verdict=verdict)
            best = best if ended else name

    def evaluate(self) -> None:
        """Test every model, copy the best one, and print the table."""
        output, record = self._settings.output, self._record
        trained = self._names("softmax", "noise_resistance", "unequal")
        done = [name for name in trained if record.stage(name)["status"] == "done"]
        self._end_early()
        if record.begin(names.EVALUATION):
            started = time.monotonic()
            final = self.best_of([name for name in done if record.stage(name).get("kept", True)])
            models = {name: self._checkpoint(name) for name in done}
            people = models.items() if self._settings.identify else ()
            found = [identify(self._settings, name, model) for name, model in people]
            copy = Checkpoint(os.path.join(output, names.FINAL, "model"), 0)
            copy_checkpoint(models[final], copy)
            targets = quiet_targets(self._settings.head, self._settings.target)
            evaluate_models(output, models, final, targets, self._devices[0], found)
            record.note(final={"stage": final, "checkpoint": str(copy)}, finished=now())
            seconds = round(time.monotonic() - started, 1)
            record.note(names.EVALUATION, status="done", seconds=seconds)
        say_table(output, done, record.facts["final"])

    def _names(self, *steps: str) -> list[str]:
        return [stage.name for stage in self._stages.values() if stage.step in steps]

    def _checkpoint(self, name: str) -> Checkpoint:
        return Checkpoint.parse(self._record.stage(name)["checkpoint"])

    def _end_early(self) -> None:
        if self._interrupt.received is not None:
            logging.info("ending before the next stage")
            raise _Interrupted


def _report(output: str) -> None:
    """Write the page; a fault in it must not end days of training."""
    try:
        write_report(output)
    except Exception as error:
        logging.warning("%s/report.html cannot be written: %s", output, error)
