"""Training of one stage: the only module of the recipe that calls the training of the scripts."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

from eval.verification_parts.verification_set import VerificationSet
from unequal.batches.head_and_tail_batches import BAGS_PER_EPOCH
from unequal.checkpoints.checkpoint import Checkpoint
from unequal.faces.face_records import FaceRecords, read_property
from unequal.recipe.flags import MORE_FLAGS
from unequal.recipe.plan import Stage
from unequal.recipe.progress_display import bar_of, log_of
from unequal.support.devices import usable_devices
from unequal.support.errors import InputError, with_flags
from unequal.training import flags as training_flags
from unequal.training.hooks import Interrupt
from unequal.training.run import BEST, Outcome, train
from unequal.training.run_state import state_file
from unequal.training.settings import DEFAULT_IMAGES_A_DEVICE, RunSettings
from unequal.training.steps import STEPS
from unequal.training.verification_tests import load_targets


@dataclass(frozen=True)
class Trained:
    """What the training of a stage has left."""

    outcome: Outcome  # how it ended
    checkpoint: Checkpoint  # the model to keep
    state: Path  # large; of no use once the stage is noted as done


def train_stage(stage: Stage, words: Sequence[str], folder: str, interrupt: Interrupt) -> Trained:
    """Train a stage, or resume it.

    Args:
        stage: a stage with a step.
        words: the flags of its script.
        folder: where its log goes.
        interrupt: what notices signals; one of them ends the training.

    Raises:
        InputError: the script would refuse its input, or was told to end before its first step.
    """
    terminal = sys.stderr.isatty() and sys.stdout.isatty()
    try:
        settings = training_flags.parse(stage.step, [*words, "--resume"])
        steps, rows = _most_steps(settings)
        os.makedirs(folder, exist_ok=True)
        with log_of(os.path.join(folder, "log.txt"), terminal), bar_of(
            stage.name, steps, rows, terminal
        ) as watch:
            outcome = train(STEPS[stage.step], settings, interrupt, watch)
    except InputError as error:
        raise InputError(with_flags(error, training_flags.make_parser(stage.step))) from error
    if settings.patience and not outcome.best and outcome.ended_by != "signal":
        raise InputError(
            f"{stage.name}: ended by {outcome.ended_by} before a step was made; see "
            f"{MORE_FLAGS[stage.step][0]}"
        )
    prefix = settings.prefix + (BEST if settings.patience else "")
    return Trained(outcome, Checkpoint(prefix, 0), Path(state_file(settings.prefix)))


def head_batch(per_batch_size: int, devices: int) -> int:
    """Return the images of a batch in steps 1 and 2.2 on ``devices`` devices."""
    return (per_batch_size or DEFAULT_IMAGES_A_DEVICE) * devices


def image_count(folder: str) -> int:
    """Return how many images a face set holds."""
    with closing(FaceRecords(folder)) as records:
        return len(records.image_keys)


def quiet_targets(head: str, names: str) -> dict[str, VerificationSet]:
    """Return the verification sets among ``names`` in the folder of the head, without log lines."""
    size = read_property(head)
    with log_of(os.devnull, terminal=True):
        return load_targets(head, names, (size.height, size.width))


def _most_steps(settings: RunSettings) -> tuple[int, int]:
    """Return how many steps a training may make, and the images of one."""
    images, tail = image_count(settings.head.data_dir), settings.tail
    if tail is not None:
        rows = tail.batch_size1 + tail.batchsize_id
        epoch = min(BAGS_PER_EPOCH, images // tail.batch_size1)
    else:
        rows = head_batch(settings.head.per_batch_size, len(usable_devices()))
        epoch = images // rows
    most = max(1, epoch) * settings.end_epoch
    return (min(most, settings.max_steps + 1) if settings.max_steps else most), rows
