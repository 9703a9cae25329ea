"""One script from its flags to its last checkpoint."""

from __future__ import annotations

import argparse
import os

from unequal import arguments
from unequal.console import say
from unequal.devices import usable_devices
from unequal.errors import InputError
from unequal.stages import STAGES
from unequal.training import checkpoint, hooks, schedule
from unequal.training.inference import embedder
from unequal.training.loop import (
    Progress,
    StopTraining,
    average_statistics,
    fit,
    make_trainer,
)
from unequal.training.settings import complete, print_settings, seed_everything
from unequal.training.start import make_graph
from unequal.training.testing import load_targets, make_test

LEAST_TEST_BATCH = 32


def train(script: str, args: argparse.Namespace, interrupt: hooks.Interrupt) -> None:
    """Everything that a script does once its flags are read."""
    stage = STAGES[script]
    devices = usable_devices()
    complete(script, args, devices)
    print_settings(args, devices)
    seed_everything(args.seed)
    checkpoint.make_folder(os.path.dirname(args.prefix) or ".", "--prefix")
    if stage.writes_noise_list:
        args.bin_dir = args.bin_dir or os.path.dirname(args.prefix) or "."
        checkpoint.make_folder(args.bin_dir, "--bin-dir")
    steps = arguments.split_steps(args.lr_steps) if args.lr_steps else \
        schedule.default_steps(script, args.loss_type, args.batch_size)
    graph = make_graph(stage, args, devices)
    batches = stage.batches(args, graph, devices, interrupt.check)
    targets = load_targets(args)
    say("lr_steps", steps)

    saved = []

    def save(number: int) -> None:
        checkpoint.save_checkpoint(args.prefix, number, graph)
        saved.append(number)

    # the size changes no number beyond rounding; stage three prints that of 2019
    test_batch = max(LEAST_TEST_BATCH, args.batch_size)
    test_shapes = None
    if stage.test_batch:
        test_shapes = f"[('data', ({stage.test_batch}, 3, {args.image_h}, {args.image_w}))]"
    run_test = make_test(targets, embedder(graph.backbone, devices, interrupt.check), test_batch,
                         test_shapes)

    def test_what_is_saved(step: int) -> dict[str, float]:
        average_statistics(graph)
        return run_test(step)

    progress = Progress(metric=stage.metric(),
                        trainer=make_trainer(graph, devices, args.lr, args.mom, args.wd))
    try:
        interrupt.check()
        fit(graph, batches, progress, devices, [
            interrupt,
            hooks.drop_rate(steps, args.beta_freeze),
            hooks.speed_line(args.batch_size, stage.speed_every),
            hooks.rate_line(stage.rate_due),
            hooks.Verify(test_what_is_saved, save, args.verbose, stage.worth_saving, args.ckpt,
                         stage.test_first_then_save, stage.best_line),
            hooks.stop_after(args.max_steps),
        ], args.end_epoch, graph.OUTPUTS)
    except StopTraining:  # --max-steps or a signal; before the first batch there is nothing new
        pass
    except InputError:  # an image or a label met late: the model is worth keeping
        if progress.step:
            save(0)
        raise
    finally:
        batches.close()
    if progress.step and (stage.saves_at_end or not saved):
        save(0)
