"""``PREFIX.state``: a run at one moment, from which it resumes as if nothing had happened.

One file, replaced as a whole, so that whenever a run is killed the file holds one step and nothing
of another: every parameter on every device, the momentum, where the batches stand, and what the
hooks remember. It is a NumPy ``.npz`` without pickles. Random numbers need no room in it: all are
drawn from generators that depend on the seed and a place in the run alone.
"""

from __future__ import annotations

import json
import os
import zipfile
from typing import Any, Mapping, NamedTuple, Sequence

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from unequal.batches.face_iterator import FaceIter
from unequal.support.console import say
from unequal.support.errors import InputError
from unequal.support.files import replace_or_refuse
from unequal.training.loop import Progress
from unequal.training.settings import RunSettings

VERSION = 1
# what a run that resumes may be given anew: it changes no number, or only when the run ends
MAY_CHANGE = frozenset(
    "data_dir data_dir_interclass prefix pretrained bin_dir target log_dir log_file workers "
    "verbose ckpt end_epoch max_steps patience lr_drops max_bad_images batch_size_mining resume "
    "save_state seed".split()
)
PROGRESS = ("epoch", "nbatch", "step", "begun", "pending", "values")
DERIVED = {  # what people know a value by that no flag is named after
    "ctx_num": "devices (CUDA_VISIBLE_DEVICES):",
    "batch_size": "images a step:",
    "num_classes": "classes (property):",
    "image_h": "images (property) of height",
    "image_w": "images (property) of width",
}
_FACTS = "facts"
_PARAMETER, _STATISTIC, _MOMENTUM, _POSITION = "parameter:", "statistic:", "momentum:", "position:"


class TrainingState(NamedTuple):
    """A run at one moment.

    Attributes:
        facts: what JSON can hold.
        arrays: the rest, by name.
    """

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]


def state_file(prefix: str) -> str:
    """Return where the state of the run with this `prefix` lies."""
    return f"{prefix}.state"


def write_state(path: str, state: TrainingState) -> None:
    """Replace ``path``; raise InputError where there is no room or permission."""
    facts = np.frombuffer(json.dumps({"version": VERSION, **state.facts}).encode(), np.uint8)

    def write(name: str) -> None:
        with open(name, "wb") as file:  # a name would get .npz added
            np.savez(file, **{_FACTS: facts}, **state.arrays)

    replace_or_refuse(path, write, "make room, or give `save_state` 0")


def read_state(path: str) -> TrainingState | None:
    """Return what :func:`write_state` wrote; None where there is no such file.

    Raises:
        InputError: the file is something else, or of a later version.
    """
    if not os.path.exists(path):
        return None
    try:
        with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(arrays.pop(_FACTS).tobytes())
        version = facts["version"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: is not the state of a run; remove it, or start without `resume`"
        ) from error
    if version != VERSION:
        raise InputError(
            f"{path}: was written by another version of this software ({version}, not "
            f"{VERSION}); use that one, or start without `resume`"
        )
    return TrainingState(facts, arrays)


def capture(graph: HybridBlock, progress: Progress, facts: Mapping[str, object]) -> TrainingState:
    """Return the state of a run as ``progress`` has it; ``facts`` are kept beside it."""
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
    own = {
        "progress": {name: getattr(progress, name) for name in PROGRESS},
        "rate": progress.trainer.learning_rate,
        "metric": [metric.state() for metric in progress.metric.metrics],
    }
    return TrainingState({**own, **facts}, arrays)


def restore(
    state: TrainingState,
    graph: HybridBlock,
    progress: Progress,
    batches: FaceIter,
    devices: Sequence[mx.Context],
) -> None:
    """Give all of ``state`` to a run that has the same settings and has done nothing yet."""
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
    for name in PROGRESS:
        setattr(progress, name, facts["progress"][name])
    progress.values = [(name, value) for name, value in progress.values]
    progress.position = {
        name[len(_POSITION) :]: value
        for name, value in arrays.items()
        if name.startswith(_POSITION)
    }
    batches.go_to(progress.position)


def state_to_resume(
    settings: RunSettings, named: Mapping[str, Any], sets: Mapping[str, int]
) -> TrainingState | None:
    """Return what `resume` finds; None without it, and where there is nothing.

    Args:
        settings: of this run.
        named: the same by name.
        sets: :func:`set_sizes` of this run.

    Raises:
        InputError: the state is that of another run.
    """
    if not settings.resume:
        return None
    path = state_file(settings.prefix)
    state = read_state(path)
    if state is None:
        say(f"--resume: there is no {path}; starting at the beginning")
    else:
        _check_same(state, named, sets, path)
    return state


def is_over(state: TrainingState, settings: RunSettings) -> bool:
    """Tell whether the run of this state came to the end that the settings name."""
    limits = ("end_epoch", "max_steps", "patience", "lr_drops")
    same = all(state.facts["flags"][name] == getattr(settings, name) for name in limits)
    return same and state.facts["outcome"]["ended_by"] in ("epochs", "steps", "patience")


def set_sizes(settings: RunSettings) -> dict[str, int]:
    """Return {setting: bytes of its train.rec} of the sets that a run reads.

    Raises:
        InputError: there is no such file.
    """
    folders = {"data_dir": settings.head.data_dir}
    if settings.tail is not None:
        folders["data_dir_interclass"] = settings.tail.data_dir_interclass
    sizes = {}
    for name, folder in folders.items():
        path = os.path.join(folder, "train.rec")
        try:
            sizes[name] = os.path.getsize(path)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}; check `{name}`") from error
    return sizes


def _check_same(
    state: TrainingState, named: Mapping[str, Any], sets: Mapping[str, int], path: str
) -> None:
    """Raise InputError where a run is not the one that ``path`` has the state of."""
    before = state.facts["flags"]
    # what is tested decides about the end of a run that waits for a better model
    fixed = {"target"} if named["patience"] and before["patience"] else set()
    for name, value in named.items():
        if (name in fixed or name not in MAY_CHANGE) and before.get(name, value) != value:
            raise InputError(
                f"`resume`: {path} is of a run with {DERIVED.get(name, f'`{name}`')} "
                f"{before[name]}, not {value}; give the same, or start without `resume`"
            )
    if named["seed"] is not None and named["seed"] != before["seed"]:
        raise InputError(
            f"`resume`: {path} is of a run with `seed` {before['seed']}, not "
            f"{named['seed']}; leave it out"
        )
    for name, size in sets.items():
        if state.facts["sets"].get(name) != size:
            raise InputError(
                f"`resume`: the set in `{name}` {named[name]} is not the one that {path} was "
                "written with; start without `resume`"
            )
