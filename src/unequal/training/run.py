"""One script from its flags to its last checkpoint."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Callable

from easydict import EasyDict

from unequal.checkpoints.checkpoint import Checkpoint
from unequal.checkpoints.training_checkpoint import make_folder
from unequal.support.console import say
from unequal.support.devices import usable_devices
from unequal.support.errors import InputError
from unequal.training import flags as arguments
from unequal.training import hooks, resume, schedule
from unequal.training.history import History
from unequal.training.inference import embedder
from unequal.training.initial_network import make_graph
from unequal.training.loop import (
    Progress,
    StopTraining,
    average_statistics,
    fit,
    make_trainer,
)
from unequal.training.patience import Ascent
from unequal.training.run_state import TrainingState, read_state, state_file, write_state
from unequal.training.settings import (
    any_seed,
    complete,
    print_settings,
    seed_everything,
    seed_step,
)
from unequal.training.steps import STAGES
from unequal.training.verification_tests import load_targets, make_test

LEAST_TEST_BATCH = 32
BEST = "-best"


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    ``steps`` and ``images`` trained, ``seconds`` it took; ``ended_by`` 'epochs', 'steps',
    'patience' or 'signal'; ``best`` with --patience: the ``step`` of the best model, its ``mean``
    over the targets and its ``accuracy`` on each.
    """

    steps: int
    images: int
    seconds: float
    ended_by: str
    best: dict = field(default_factory=dict)


Watch = Callable[[Progress, History], None]


def train(
    script: str, args: argparse.Namespace, interrupt: hooks.Interrupt, watch: Watch | None = None
) -> Outcome:
    """Everything that a script does once its flags are read.

    ``watch`` is called after every batch, before anything else looks at it.
    """
    stage = STAGES[script]
    devices = usable_devices()
    complete(script, args, devices)
    print_settings(args, devices)
    sets = resume.set_sizes(args)
    state = _state_to_go_on_from(args, sets)
    if state is not None and _is_over(state, args):
        say(
            f"--resume: ended by {state.facts['outcome']['ended_by']} after "
            f"{state.facts['outcome']['steps']} steps; nothing is left to do"
        )
        return Outcome(**state.facts["outcome"])
    if args.seed is None:
        args.seed = state.facts["flags"]["seed"] if state else any_seed()
    seed_everything(args.seed)
    _make_folders(stage, args)
    steps = (
        arguments.split_steps(args.lr_steps)
        if args.lr_steps
        else schedule.default_steps(script, args.loss_type, args.batch_size)
    )
    graph = make_graph(stage, args, devices, going_on=state is not None)
    batches = stage.batches(args, graph, devices, interrupt.check)
    targets = load_targets(args)
    if args.patience and not targets:
        raise InputError(
            f"--patience {args.patience}: none of the sets of --target "
            f"{args.target} is in {args.data_dir}; put one there, or give 0"
        )
    say("lr_steps", steps)

    saved = [0] if state is not None and state.facts["saved"] else []

    def save(number: int) -> None:
        Checkpoint(args.prefix, number).save(graph)
        saved.append(number)

    # the size changes no number beyond rounding; stage three prints that of 2019
    test_batch = max(LEAST_TEST_BATCH, args.batch_size)
    test_shapes = None
    if stage.test_batch:
        test_shapes = f"[('data', ({stage.test_batch}, 3, {args.image_h}, {args.image_w}))]"
    facts = state.facts if state else {"progress": {"step": 0}, "seconds": 0.0}
    history = History(args.log_dir, facts["progress"]["step"], facts["seconds"])
    run_test = make_test(
        targets,
        embedder(graph.backbone, devices, interrupt.check),
        test_batch,
        test_shapes,
        history.tested,
    )

    def test_what_is_saved(step: int) -> dict[str, float]:
        average_statistics(graph)
        return run_test(step)

    ascent = Ascent(
        args.patience,
        args.lr_drops,
        lambda: Checkpoint(args.prefix + BEST, 0).save(graph),
    )
    verify = hooks.Verify(
        test_what_is_saved,
        save,
        args.verbose,
        stage.worth_saving,
        args.ckpt,
        stage.test_first_then_save,
        stage.best_line,
        ascent.tested,
    )
    progress = Progress(
        metric=stage.metric(), trainer=make_trainer(graph, devices, args.lr, args.mom, args.wd)
    )
    if state is not None:
        resume.put_there(state, graph, progress, batches, devices)
        verify.load(state.facts["verify"])
        ascent.load(state.facts["ascent"])
        say(f"--resume: going on after step {progress.step}, in epoch {progress.epoch}")
        state.arrays.clear()  # as large as the model and its momentum
    images_a_step = args.batch_size + getattr(args, "batchsize_id", 0)

    def outcome(ended_by: str) -> Outcome:
        return Outcome(
            progress.step, progress.step * images_a_step, history.seconds, ended_by, ascent.best
        )

    def save_state(ended_by: str = "", ascended: dict | None = None) -> None:
        if args.save_state:
            write_state(
                state_file(args.prefix),
                resume.take_down(
                    args,
                    graph,
                    progress,
                    {
                        "sets": sets,
                        "verify": verify.state(),
                        "ascent": ascended or ascent.state(),
                        "seconds": history.seconds,
                        "saved": bool(saved),
                        "outcome": asdict(outcome(ended_by)),
                    },
                ),
            )

    def ended(work: Callable[[], None]) -> str:
        try:
            interrupt.check()
            work()
        except StopTraining:
            return (
                "signal"
                if interrupt.received is not None
                else "patience"
                if ascent.ended
                else "steps"
            )
        return "epochs"

    def loop() -> None:
        fit(
            graph,
            batches,
            progress,
            devices,
            [
                interrupt,
                (lambda now: watch(now, history)) if watch else (lambda now: None),
                hooks.drop_rate(steps, args.beta_freeze),
                history.train_line(args.batch_size, stage.speed_every),
                hooks.speed_line(args.batch_size, stage.speed_every),
                hooks.rate_line(stage.rate_due),
                verify,
                hooks.save_state(verify.due, save_state),
                ascent.stop,
                hooks.stop_after(args.max_steps),
            ],
            args.end_epoch,
            graph.OUTPUTS,
            partial(seed_step, args.seed),
        )

    def test_the_last() -> None:
        if args.patience and progress.step % args.verbose:
            ascent.tested(progress, test_what_is_saved(progress.step))

    try:
        ended_by = ended(loop)
        if progress.step and (stage.saves_at_end or not saved):  # else there is nothing new
            save(0)
        before = ascent.state()  # a longer run has no test here
        if ended_by in ("epochs", "steps") and ended(test_the_last) == "signal":
            ended_by = "signal"
        if progress.step:
            save_state(ended_by, before)
    except InputError:  # an image or a label met late: the model is worth keeping
        if progress.step:
            save(0)
        raise
    finally:
        batches.close()
        history.close()
    return outcome(ended_by)


def _state_to_go_on_from(args: argparse.Namespace, sets: dict[str, int]) -> TrainingState | None:
    """What --resume finds; None without it, and where there is nothing."""
    if not args.resume:
        return None
    path = state_file(args.prefix)
    state = read_state(path)
    if state is None:
        say(f"--resume: there is no {path}; starting at the beginning")
    else:
        resume.check_same(state, args, sets, path)
    return state


def _is_over(state: TrainingState, args: argparse.Namespace) -> bool:
    """Has the run of this state come to the end that the flags name?"""
    limits = ("end_epoch", "max_steps", "patience", "lr_drops")
    same = all(state.facts["flags"][name] == getattr(args, name) for name in limits)
    return same and state.facts["outcome"]["ended_by"] in ("epochs", "steps", "patience")


def _make_folders(stage: EasyDict, args: argparse.Namespace) -> None:
    make_folder(os.path.dirname(args.prefix) or ".", "--prefix")
    if stage.writes_noise_list:
        args.bin_dir = args.bin_dir or os.path.dirname(args.prefix) or "."
        make_folder(args.bin_dir, "--bin-dir")
    if args.log_dir:
        make_folder(args.log_dir, "--log-dir")
