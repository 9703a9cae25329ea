"""One training step from its settings to its last checkpoint."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Callable, Mapping

from unequal.checkpoints.checkpoint import Checkpoint
from unequal.support.console import say
from unequal.support.devices import usable_devices
from unequal.support.errors import InputError
from unequal.support.files import make_folder
from unequal.training import hooks, run_state
from unequal.training.history import TrainingHistory
from unequal.training.inference import embedder
from unequal.training.initial_network import make_graph
from unequal.training.loop import (
    Hook,
    Progress,
    StopTraining,
    average_statistics,
    fit,
    make_trainer,
)
from unequal.training.patience import Patience
from unequal.training.run_shape import named_settings, print_settings, run_shape
from unequal.training.run_state import TrainingState, state_file
from unequal.training.seeding import any_seed, seed_everything, seed_step
from unequal.training.settings import RunSettings
from unequal.training.steps import Step, check_start
from unequal.training.verification_tests import load_targets, run_test

LEAST_TEST_BATCH = 32
BEST = "-best"


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        steps: batches trained.
        images: images trained on.
        seconds: the time it took.
        ended_by: 'epochs', 'steps', 'patience' or 'signal'.
        best: with `patience`: the ``step`` of the best model, its ``mean`` over the targets and
            its ``accuracy`` on each.
    """

    steps: int
    images: int
    seconds: float
    ended_by: str
    best: dict[str, Any] = field(default_factory=dict)


Watch = Callable[[Progress, TrainingHistory], None]


def train(
    step: Step, settings: RunSettings, interrupt: hooks.Interrupt, watch: Watch | None = None
) -> Outcome:
    """Do everything that the script of ``step`` does once its flags are read.

    Args:
        step: one of ``unequal.training.steps.STEPS``.
        settings: what is asked for.
        interrupt: notices signals.
        watch: is called after every batch, before anything else looks at it.

    Raises:
        InputError: the settings, the sets and the checkpoint do not fit together.
    """
    return TrainingRun(step, settings, interrupt, watch).run()


class TrainingRun:
    """A run of one step: :meth:`run` builds it, restores it, trains, tests, saves and finishes."""

    def __init__(
        self,
        step: Step,
        settings: RunSettings,
        interrupt: hooks.Interrupt,
        watch: Watch | None = None,
    ) -> None:
        self.step, self.settings = step, settings
        self.interrupt, self.watch = interrupt, watch
        self.devices = usable_devices()
        self.shape = run_shape(settings, self.devices)
        check_start(step, settings, self.shape)
        self.saved = False  # a checkpoint of this run is there

    def run(self) -> Outcome:
        """Carry out all that is left to do, and say how it ended."""
        print_settings(self.settings, self.shape, self.devices)
        self.sets = run_state.set_sizes(self.settings)
        state = run_state.state_to_resume(self.settings, self._named(), self.sets)
        if state is not None and run_state.is_over(state, self.settings):
            outcome = Outcome(**state.facts["outcome"])
            ended = f"ended by {outcome.ended_by} after {outcome.steps} steps"
            say(f"--resume: {ended}; nothing is left to do")
            return outcome
        self._choose_seed(state)
        self._make_folders()
        self.build(state)
        if state is not None:
            self.restore(state)
        try:
            return self.finish(self._ended_by(self.train))
        except InputError:  # an image or a label met late: the model is worth keeping
            if self.progress.step:
                self.save(0)
            raise
        finally:
            self.batches.close()
            self.history.close()

    def build(self, state: TrainingState | None) -> None:
        """Make the network, the batches, the tests and the hooks; ``state``: what is resumed."""
        settings, shape = self.settings, self.shape
        self.lr_steps = self.step.drops_at(settings, shape)
        self.graph = make_graph(self.step, settings, shape, self.devices, state is not None)
        check = self.interrupt.check
        self.batches = self.step.batches(settings, shape, self.graph, self.devices, check)
        size = shape.image_h, shape.image_w
        self.targets = load_targets(settings.head.data_dir, settings.target, size)
        if settings.patience and not self.targets:
            raise InputError(
                f"`patience` {settings.patience}: none of the sets of `target` "
                f"{settings.target} is in {settings.head.data_dir}; put one there, or give 0"
            )
        say("lr_steps", self.lr_steps)
        done, seconds = 0, 0.0
        if state is not None:
            done, seconds = state.facts["progress"]["step"], state.facts["seconds"]
        self.history = TrainingHistory(settings.log_dir, done, seconds)
        self.embed = embedder(self.graph.backbone, self.devices, check)
        self.patience = Patience(settings.patience, settings.lr_drops, self.save_best)
        self.verify = hooks.Verify(
            self.step, self.test, self.save, settings.verbose, settings.ckpt, self.patience.tested
        )
        optimiser = settings.optimiser
        self.progress = Progress(
            metric=self.step.metric(),
            trainer=make_trainer(
                self.graph, self.devices, optimiser.lr, optimiser.mom, optimiser.wd
            ),
        )

    def restore(self, state: TrainingState) -> None:
        """Put the run where ``state`` was captured."""
        self.saved = state.facts["saved"]
        run_state.restore(state, self.graph, self.progress, self.batches, self.devices)
        self.verify.load(state.facts["verify"])
        self.patience.load(state.facts["ascent"])
        say(f"--resume: going on after step {self.progress.step}, in epoch {self.progress.epoch}")
        state.arrays.clear()  # as large as the model and its momentum

    def train(self) -> None:
        """Train until the epochs are through or a hook ends it."""
        fit(
            self.graph,
            self.batches,
            self.progress,
            self.devices,
            self.after_batch(),
            self.settings.end_epoch,
            self.graph.OUTPUTS,
            partial(seed_step, self.seed),
        )

    def after_batch(self) -> list[Hook]:
        """Return the hooks in the order of 2019; a state knows them by their place."""
        settings, rows, every = self.settings, self.shape.batch_size, self.step.speed_every
        return [
            self.interrupt,
            self._watch,
            hooks.drop_rate(self.lr_steps, settings.optimiser.beta_freeze),
            self.history.train_line(rows, every),
            hooks.speed_line(rows, every),
            hooks.rate_line(self.step.rate_due),
            self.verify,
            hooks.save_state(self.verify.due, self.save_state),
            self.patience.stop,
            hooks.stop_after(settings.max_steps),
        ]

    def test(self, step: int) -> dict[str, float]:
        """Test the model as it would be saved; return {target: accuracy}."""
        average_statistics(self.graph)
        # the size changes no number beyond rounding; step 3.2 prints that of 2019
        batch_size = max(LEAST_TEST_BATCH, self.shape.batch_size)
        shapes = ""
        if self.step.test_batch:
            shapes = f"[('data', {(self.step.test_batch, *self.shape.image)})]"
        results = run_test(step, self.targets, self.embed, batch_size, shapes)
        self.history.tested(step, results)
        return {name: result.acc2 for name, result in results.items()}

    def save(self, number: int) -> None:
        """Write the checkpoint of this number."""
        Checkpoint(self.settings.prefix, number).save(self.graph)
        self.saved = True

    def save_best(self) -> None:
        """Write the model as the best one so far."""
        Checkpoint(self.settings.prefix + BEST, 0).save(self.graph)

    def save_state(self, ended_by: str = "", patience: Mapping[str, Any] | None = None) -> None:
        """Write ``PREFIX.state``; ``patience``: its state where that of now is not meant."""
        if not self.settings.save_state:
            return
        facts = {
            "flags": self._named(),
            "sets": self.sets,
            "verify": self.verify.state(),
            "ascent": patience or self.patience.state(),
            "seconds": self.history.seconds,
            "saved": self.saved,
            "outcome": asdict(self._outcome(ended_by)),
        }
        state = run_state.capture(self.graph, self.progress, facts)
        run_state.write_state(state_file(self.settings.prefix), state)

    def finish(self, ended_by: str) -> Outcome:
        """Save what the end of the run asks for, test the last model, and say how it ended."""
        progress = self.progress
        if progress.step and (self.step.saves_at_end or not self.saved):  # else: nothing is new
            self.save(0)
        # a longer run has no test here
        before, rate = self.patience.state(), progress.trainer.learning_rate
        if ended_by in ("epochs", "steps") and self._ended_by(self._test_the_last) == "signal":
            ended_by = "signal"
        if progress.step:
            progress.trainer.set_learning_rate(rate)
            self.save_state(ended_by, before)
        return self._outcome(ended_by)

    def _test_the_last(self) -> None:
        step = self.progress.step
        if self.settings.patience and step % self.settings.verbose:
            self.patience.tested(self.progress, self.test(step))

    def _ended_by(self, work: Callable[[], None]) -> str:
        """Do the work, and say what ended it."""
        try:
            self.interrupt.check()
            work()
        except StopTraining:
            if self.interrupt.received is not None:
                return "signal"
            return "patience" if self.patience.ended else "steps"
        return "epochs"

    def _outcome(self, ended_by: str) -> Outcome:
        tail = self.settings.tail
        rows = self.shape.batch_size + (tail.batchsize_id if tail else 0)
        steps = self.progress.step
        return Outcome(steps, steps * rows, self.history.seconds, ended_by, self.patience.best)

    def _watch(self, progress: Progress) -> None:
        if self.watch is not None:
            self.watch(progress, self.history)

    def _named(self) -> dict[str, Any]:
        named = named_settings(self.settings, self.shape)
        named["seed"] = self.settings.seed
        if self.step.writes_noise_list:
            named["bin_dir"] = self.settings.noise_folder
        return named

    def _choose_seed(self, state: TrainingState | None) -> None:
        seed = self.settings.seed
        if seed is None:
            seed = state.facts["flags"]["seed"] if state else any_seed()
            self.settings = replace(self.settings, seed=seed)
        self.seed = seed
        seed_everything(seed)

    def _make_folders(self) -> None:
        make_folder(self.settings.folder, "prefix")
        if self.step.writes_noise_list:
            make_folder(self.settings.noise_folder, "bin_dir")
        if self.settings.log_dir:
            make_folder(self.settings.log_dir, "log_dir")
