"""Taking down where a run stands, and putting another one there."""

from __future__ import annotations

import argparse
import os
from typing import Mapping, Sequence

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from unequal.support.errors import InputError
from unequal.training.flags import flag_of
from unequal.training.loop import Progress
from unequal.training.run_state import TrainingState

# what a run that goes on may be given anew: it changes no number, or only when the run ends
MAY_CHANGE = frozenset(
    "data_dir data_dir_interclass prefix pretrained bin_dir target log_dir log_file workers "
    "verbose ckpt end_epoch max_steps patience lr_drops max_bad_images batch_size_mining resume "
    "save_state seed".split()
)
_PARAMETER, _STATISTIC, _MOMENTUM, _POSITION = "parameter:", "statistic:", "momentum:", "position:"


def take_down(
    args: argparse.Namespace,
    graph: HybridBlock,
    progress: Progress,
    remembered: Mapping[str, object],
) -> TrainingState:
    """The state of a run as ``progress`` has it; ``remembered`` are facts beside it, for JSON."""
    arrays = {}
    for name, parameter in graph.collect_params().items():
        if parameter.grad_req != "null":
            arrays[_PARAMETER + name] = parameter.list_data()[0].asnumpy()
            continue
        for number, value in enumerate(parameter.list_data()):
            arrays[f"{_STATISTIC}{number}:{name}"] = value.asnumpy()
    # the same numbers on every device
    for number, momentum in progress.trainer._updaters[0].states.items():
        if momentum is not None:
            arrays[_MOMENTUM + progress.trainer._params[number].name] = momentum.asnumpy()
    arrays.update(
        (_POSITION + name, np.asarray(value)) for name, value in progress.position.items()
    )
    facts = {
        "flags": dict(vars(args)),
        "progress": {
            name: getattr(progress, name)
            for name in ("epoch", "nbatch", "step", "begun", "pending", "values")
        },
        "rate": progress.trainer.learning_rate,
        "metric": [metric.state() for metric in progress.metric.metrics],
        **remembered,
    }
    return TrainingState(facts, arrays)


def put_there(
    state: TrainingState,
    graph: HybridBlock,
    progress: Progress,
    batches: object,
    devices: Sequence[mx.Context],
) -> None:
    """Give a run that has been made with the same flags, and done nothing yet, all of ``state``."""
    facts, arrays = state
    for name, parameter in graph.collect_params().items():
        if parameter.grad_req != "null":
            parameter.set_data(mx.nd.array(arrays[_PARAMETER + name]))
            continue
        for number, value in enumerate(parameter.list_data()):
            value[:] = mx.nd.array(arrays[f"{_STATISTIC}{number}:{name}"], ctx=value.context)
    trainer = progress.trainer
    for number, parameter in enumerate(trainer._params):
        if _MOMENTUM + parameter.name in arrays:
            for updater, device in zip(trainer._updaters, devices):
                updater.states[number] = mx.nd.array(arrays[_MOMENTUM + parameter.name], ctx=device)
                updater.states_synced[number] = True
    trainer.set_learning_rate(facts["rate"])
    for metric, seen in zip(progress.metric.metrics, facts["metric"]):
        metric.load(seen)
    for name, value in facts["progress"].items():
        setattr(progress, name, value)
    progress.values = [tuple(pair) for pair in progress.values]
    progress.position = {
        name[len(_POSITION) :]: value
        for name, value in arrays.items()
        if name.startswith(_POSITION)
    }
    batches.go_to(progress.position)


def set_sizes(args: argparse.Namespace) -> dict[str, int]:
    """{flag's name: bytes of its train.rec} of the sets that a run reads.

    Raises :class:`InputError` where there is none.
    """
    sizes = {}
    for name in ("data_dir", "data_dir_interclass"):
        if hasattr(args, name):
            path = os.path.join(getattr(args, name), "train.rec")
            try:
                sizes[name] = os.path.getsize(path)
            except OSError as error:
                raise InputError(f"{path}: {error.strerror}; check {flag_of(name)}") from error
    return sizes


def check_same(
    state: TrainingState, args: argparse.Namespace, sets: Mapping[str, int], path: str
) -> None:
    """Raise :class:`InputError` where this run is not the one that ``path`` has the state of.

    ``sets`` are :func:`set_sizes` of this run.
    """
    before = state.facts["flags"]
    # what is tested decides about the end of a run that waits for ascents
    fixed = {"target"} if args.patience and before["patience"] else set()
    for name, value in vars(args).items():
        if (name in fixed or name not in MAY_CHANGE) and before.get(name, value) != value:
            raise InputError(
                f"--resume: {path} is of a run with {_called(name)} {before[name]}, "
                f"not {value}; give the same, or start without --resume"
            )
    if args.seed is not None and args.seed != before["seed"]:
        raise InputError(
            f"--resume: {path} is of a run with --seed {before['seed']}, not "
            f"{args.seed}; leave it out"
        )
    for name, size in sets.items():
        if state.facts["sets"].get(name) != size:
            raise InputError(
                f"--resume: the set in {flag_of(name)} {getattr(args, name)} is not "
                f"the one that {path} was written with; start without --resume"
            )


def _called(name: str) -> str:
    """What people know a setting by that no flag is named after."""
    derived = {
        "ctx_num": "devices (CUDA_VISIBLE_DEVICES):",
        "num_classes": "classes (property):",
        "image_h": "images (property) of height",
        "image_w": "images (property) of width",
    }
    return derived.get(name) or flag_of(name)
