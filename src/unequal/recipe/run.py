"""Running the recipe: stage after stage, each from the best model of the one before."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
import time
from contextlib import closing
from pathlib import Path

import mxnet as mx

from unequal.batches.head_and_tail_batches import BAGS_PER_EPOCH
from unequal.faces.face_records import FaceRecords
from unequal.recipe import plan
from unequal.recipe.clean_head import clean_head
from unequal.recipe.evaluation import evaluate_models
from unequal.recipe.final_model import REPORT, choose, copy_checkpoint, quiet_targets, say_table
from unequal.recipe.flags import STAGES
from unequal.recipe.identify import identify
from unequal.recipe.input_checks import check_inputs
from unequal.recipe.plan import Stage
from unequal.recipe.progress_display import bar_of, log_of
from unequal.recipe.record import Record, begin, now, open_record, skip
from unequal.report.page import write_report
from unequal.support.console import say
from unequal.support.devices import usable_devices
from unequal.support.errors import InputError
from unequal.training import flags as arguments
from unequal.training.hooks import Interrupt
from unequal.training.run import BEST, Outcome, train
from unequal.training.run_state import state_file


class _Interrupted(Exception):
    """A signal has ended a stage; what it has trained is saved."""


def run_recipe(args: argparse.Namespace, interrupt: Interrupt) -> None:
    """All that is left to do of the recipe in ``args.output``; returns early after a signal.

    ``args`` come from :func:`unequal.recipe.flags.parse`, and nobody else works in that folder.
    """
    devices = usable_devices()
    check_inputs(args, len(devices))
    stages = plan.stages(args)
    record = open_record(args, stages, ", ".join(map(str, devices)))
    try:
        _run(args, stages, record, devices, interrupt)
    except _Interrupted:
        say(f"ended by a signal; start it again to go on with {args.output}")
    except InputError as error:
        running = [stage for stage in record.facts["stages"] if stage["status"] == "running"]
        for stage in running:
            record.note(stage["name"], status="failed", verdict=str(error))
        raise
    finally:
        _report(args.output)


def _report(output: str) -> None:
    """Write the page; a fault in it must not end days of training."""
    try:
        write_report(output)
    except Exception as error:
        logging.warning("%s/%s cannot be written: %s", output, REPORT, error)


def _run(
    args: argparse.Namespace,
    stages: list[Stage],
    record: Record,
    devices: list[mx.Context],
    interrupt: Interrupt,
) -> None:
    test_every = plan.test_every(args, _images(args.head), len(devices))
    by_name = {stage.name: stage for stage in stages}

    def train_stage(name: str, read: str, pretrained: str) -> None:
        words = plan.command(by_name[name], args, test_every, read, pretrained)
        _train_stage(by_name[name], words, record, args.output, interrupt)
        _report(args.output)

    def score(name: str) -> float:
        """What a model is worth: its rank-1 on --identify, else its mean over the targets."""
        if args.identify:
            _end_early(interrupt)
            return identify(args, name, _checkpoint(record, name))["rank1"]
        return record.stage(name)["best"]["mean"]

    measure = "rank-1" if args.identify else "mean over the targets"
    train_stage(plan.ARCFACE, args.head, "")
    train_stage(plan.SAVEMODEL, args.head, _checkpoint(record, plan.ARCFACE))
    train_stage(plan.NOISE, args.head, _checkpoint(record, plan.SAVEMODEL))
    read = clean_head(record, args)
    _end_early(interrupt)
    best = choose([plan.ARCFACE, plan.NOISE], score)
    if args.again and read == args.head:
        skip(record, plan.AGAIN, "the head is as it was")
    elif args.again:
        train_stage(plan.AGAIN, read, "")
        best = choose([best, plan.AGAIN], score)
    ended = False
    for stage in stages:
        if stage.script != "unequal":
            continue
        if ended:
            skip(record, stage.name, f"not tried, for {best} was the last that made it better")
            continue
        train_stage(stage.name, read, _checkpoint(record, best))
        before, after = score(best), score(stage.name)
        ended = after <= before
        record.note(
            stage.name,
            kept=not ended,
            verdict=f"{measure} "
            + (
                f"{after:.5f}, not above {before:.5f} of {best}: the schedule ends"
                if ended
                else f"{after:.5f} instead of {before:.5f} of {best}"
            ),
        )
        best = best if ended else stage.name
    models = {
        stage.name: _checkpoint(record, stage.name)
        for stage in stages
        if stage.script in ("softmax", "noise_resistance", "unequal")
        and record.stage(stage.name)["status"] == "done"
    }
    _end_early(interrupt)
    if begin(record, plan.EVALUATION):
        started = time.monotonic()
        final = choose([name for name in models if record.stage(name).get("kept", True)], score)
        found = [identify(args, name, models[name]) for name in models] if args.identify else []
        copy = copy_checkpoint(models[final], os.path.join(args.output, plan.FINAL, "model"))
        targets = quiet_targets(args.head, args.target)
        evaluate_models(args.output, models, final, targets, devices[0], found)
        record.note(final={"stage": final, "checkpoint": copy}, finished=now())
        record.note(plan.EVALUATION, status="done", seconds=round(time.monotonic() - started, 1))
    say_table(args.output, list(models), record.facts["final"])


def _train_stage(
    stage: Stage, words: list[str], record: Record, output: str, interrupt: Interrupt
) -> None:
    program = plan.SCRIPTS[stage.script]
    if not begin(record, stage.name, f"python {program} {shlex.join(words)}"):
        return
    folder = os.path.join(output, stage.name)
    os.makedirs(folder, exist_ok=True)
    args = arguments.parse(stage.script, [*words, "--resume"])
    terminal = sys.stderr.isatty() and sys.stdout.isatty()
    steps, rows = _most_steps(stage, args)
    with log_of(os.path.join(folder, "log.txt"), terminal), bar_of(
        stage.name, steps, rows, terminal
    ) as watch:
        outcome = train(stage.script, args, interrupt, watch)
    if outcome.ended_by == "signal":
        record.note(stage.name, seconds=outcome.seconds)
        raise _Interrupted
    if args.patience and not outcome.best:
        raise InputError(
            f"{stage.name}: ended by {outcome.ended_by} before a step was made; see "
            f"--{STAGES[stage.script]}"
        )
    prefix = args.prefix + (BEST if args.patience else "")
    record.note(stage.name, status="done", checkpoint=f"{prefix},0", **_facts(outcome))
    Path(state_file(args.prefix)).unlink()  # nothing goes on from it, and it is large
    say(
        f"== {stage.name}: {outcome.steps} steps, {outcome.seconds:.0f} s, ended by "
        f"{outcome.ended_by}"
        + (f"; best at {outcome.best['step']}: {outcome.best['mean']:.5f}" if outcome.best else "")
    )


def _facts(outcome: Outcome) -> dict:
    return {
        "seconds": round(outcome.seconds, 1),
        "steps": outcome.steps,
        "images": outcome.images,
        "ended_by": outcome.ended_by,
        "best": outcome.best or None,
    }


def _most_steps(stage: Stage, args: argparse.Namespace) -> tuple[int, int]:
    """How many steps a stage may make, and its images a step."""
    if stage.script == "unequal":
        rows = args.batch_size1
        epoch = min(BAGS_PER_EPOCH, _images(args.data_dir) // rows)
        rows += args.batchsize_id
    else:
        rows = arguments.images_a_device(args) * len(usable_devices())
        epoch = _images(args.data_dir) // rows
    most = max(1, epoch) * args.end_epoch
    return (min(most, args.max_steps + 1) if args.max_steps else most), rows


def _images(folder: str) -> int:
    with closing(FaceRecords(folder)) as records:
        return len(records.image_keys)


def _checkpoint(record: Record, name: str) -> str:
    return record.stage(name)["checkpoint"]


def _end_early(interrupt: Interrupt) -> None:
    if interrupt.received is not None:
        logging.info("ending before the next stage")
        raise _Interrupted
