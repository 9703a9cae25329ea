"""``PREFIX.state``: a run at one moment, from which it goes on as if nothing had happened.

One file, replaced as a whole, so that whenever a run is killed it holds one step and nothing of
another: every parameter on every device, the momentum, where the batches stand, and what the hooks
remember. It is a NumPy ``.npz`` without pickles. Random numbers need no room in it: all are drawn
from generators that depend on the seed and a place in the run alone.
"""

from __future__ import annotations

import json
import os
import zipfile
from typing import NamedTuple

import numpy as np

from unequal.support.errors import InputError
from unequal.support.files import replace_or_refuse

VERSION = 1
_FACTS = "facts"


class TrainingState(NamedTuple):
    """``facts``: what JSON can hold; ``arrays``: the rest, by name."""

    facts: dict
    arrays: dict[str, np.ndarray]


def state_file(prefix: str) -> str:
    """Where the state of the run with this ``--prefix`` lies."""
    return f"{prefix}.state"


def write_state(path: str, state: TrainingState) -> None:
    """Replace ``path``. Raises :class:`InputError` where there is no room or permission."""
    facts = np.frombuffer(json.dumps({"version": VERSION, **state.facts}).encode(), np.uint8)

    def write(name: str) -> None:
        with open(name, "wb") as file:  # a name would get .npz added
            np.savez(file, **{_FACTS: facts}, **state.arrays)

    replace_or_refuse(path, write, "make room, or give --save-state 0")


def read_state(path: str) -> TrainingState | None:
    """What :func:`write_state` wrote; None where there is no such file.

    Raises :class:`InputError` for a file that is something else, or of a later version.
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
            f"{path}: is not the state of a run; remove it, or start without --resume"
        ) from error
    if version != VERSION:
        raise InputError(
            f"{path}: was written by another version of this software ({version}, not "
            f"{VERSION}); go on with that one, or start without --resume"
        )
    return TrainingState(facts, arrays)
